"""Where the fields of a text body (数据点文本格式) lie: one scan over the bytes, no loop over records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penstock.records.refusal import Refused
from penstock.records.words import Bytes, Indexes

TAB, LF, BLANK, EQUALS = b"\t\n ="


@dataclass(frozen=True, slots=True)
class TextFields:
    """The fields of a body in their order, one entry each: bytes [starts, equals) are the key, (equals, ends) the
    value. `records` numbers the record of each field, blank lines not counted; `count` is the number of records."""

    starts: Indexes
    equals: Indexes
    ends: Indexes
    records: Indexes
    count: int


def scan_text(data: Bytes, size: int) -> TextFields:
    """The fields in data[:size]; `data[size]` must be an LF. Records end at an LF, fields at a TAB; empty parts and the
    blanks before a key are skipped. A CR is data. Raises Refused for a part without `=`."""
    body = data[: size + 1]
    marks = np.flatnonzero((body == TAB) | (body == LF) | (body == EQUALS))
    kinds = body[marks]
    separators = np.flatnonzero(kinds != EQUALS)
    ends = marks[separators]
    lines = (kinds[separators] == LF).cumsum()
    after = np.empty_like(separators)  # the part's first mark: its first "=", or the separator that ends it
    after[0] = 0
    after[1:] = separators[:-1] + 1
    starts = np.empty_like(ends)
    starts[0] = 0
    starts[1:] = ends[:-1] + 1
    equals = marks[after]
    records = lines - (kinds[separators] == LF)
    if (body[starts] == BLANK).any():
        starts = _skip_blanks(body, starts)
    full = starts < ends
    if not full.all():
        starts, equals, ends, records = starts[full], equals[full], ends[full], records[full]
    if (equals == ends).any():
        raise Refused
    if not len(records):
        return TextFields(starts, equals, ends, records, 0)
    ranks = np.empty_like(records)
    ranks[0] = 0
    np.cumsum(records[1:] != records[:-1], out=ranks[1:])
    return TextFields(starts, equals, ends, ranks, int(ranks[-1]) + 1)


def _skip_blanks(body: Bytes, starts: Indexes) -> Indexes:
    """Each start moved to the first byte at or after it that is not a blank."""
    solid = np.flatnonzero(body != BLANK)
    return solid[np.searchsorted(solid, starts)]
