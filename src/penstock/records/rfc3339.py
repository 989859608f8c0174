"""RFC 3339 dates to UTC microseconds, a column at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penstock.records.refusal import Refused
from penstock.records.texts import text_bytes
from penstock.records.words import Bytes, Indexes, padded, windows

TYPE = pa.timestamp("us", tz="UTC")
EARLIEST_US = -62_135_596_800_000_000
"""0001-01-01T00:00:00Z"""
LATEST_US = 253_402_300_799_999_999
"""9999-12-31T23:59:59.999999Z"""

_FRACTION = 19
"""Where the fraction or the zone begins: after `YYYY-MM-DDTHH:MM:SS`."""
_PAD = 32
_LOWER = 0x20
_TENS = np.array([10, 1])
_THOUSANDS = np.array([1000, 100, 10, 1])
_MICROS = np.array([100_000, 10_000, 1000, 100, 10, 1])


def parse_dates(texts: pa.StringArray) -> pa.Array:
    """Dates as `YYYY-MM-DDTHH:MM:SS[.digits](Z|+hh:mm|-hh:mm)`, `T` and `Z` in either case; digits beyond microseconds
    are dropped. Nulls stay null. Raises Refused for anything else: no zone, a day or time that does not exist (second
    60 included), or an instant outside the years 1 to 9999 of UTC."""
    if texts.null_count == len(texts):
        return pa.nulls(len(texts), TYPE)
    chars, offsets = text_bytes(texts.fill_null("1970-01-01T00:00:00Z") if texts.null_count else texts)
    data, starts, ends = padded(chars, 0, _PAD), offsets[:-1], offsets[1:]
    if (ends - starts).min() < _FRACTION + 1:
        raise Refused
    head = np.ascontiguousarray(windows(data, _FRACTION)[starts].T)
    _require((head[4] == ord("-")) & (head[7] == ord("-")) & (head[10] | _LOWER == ord("t")))
    _require((head[13] == ord(":")) & (head[16] == ord(":")))
    year, month, day = _number(head[0:4], _THOUSANDS), _number(head[5:7], _TENS), _number(head[8:10], _TENS)
    hour, minute, second = (_number(head[i : i + 2], _TENS) for i in (11, 14, 17))
    _require((month >= 1) & (month <= 12) & (hour <= 23) & (minute <= 59) & (second <= 59))
    months = (year - 1970) * 12 + month - 1
    first, following = _days(months), _days(months + 1)
    _require((day >= 1) & (day <= following - first))
    zones, east = _zones(data, starts, ends)
    seconds = (first + day - 1) * 86400 + hour * 3600 + minute * 60 + second - east
    micros = seconds * 1_000_000 + _fractions(data, starts + _FRACTION, zones)
    _require((micros >= EARLIEST_US) & (micros <= LATEST_US))
    dates = pa.array(micros, mask=texts.is_null().to_numpy(zero_copy_only=False) if texts.null_count else None)
    return dates.view(TYPE)


def _zones(data: Bytes, starts: Indexes, ends: Indexes) -> tuple[Indexes, Indexes]:
    """Where each zone begins, and its seconds east of Greenwich."""
    utc = data[ends - 1] | _LOWER == ord("z")
    if utc.all():
        return ends - 1, np.zeros_like(ends)
    zones = ends - np.where(utc, 1, 6)
    tail = np.ascontiguousarray(windows(data, 6)[np.maximum(ends - 6, 0)].T)
    tail[:, utc] = np.frombuffer(b"+00:00", np.uint8)[:, None]
    west = tail[0] == ord("-")
    _require((west | (tail[0] == ord("+"))) & (tail[3] == ord(":")) & (zones >= starts + _FRACTION))
    hours, minutes = _number(tail[1:3], _TENS), _number(tail[4:6], _TENS)
    _require((hours <= 23) & (minutes <= 59))
    return zones, (hours * 3600 + minutes * 60) * np.where(west, -1, 1)


def _fractions(data: Bytes, starts: Indexes, ends: Indexes) -> Indexes | int:
    """Microseconds of `.digits` in [starts, ends), 0 where that is empty."""
    digits = ends - starts - 1
    if (digits < 0).all():
        return 0
    _require((digits < 0) | ((data[starts] == ord(".")) & (digits > 0)))
    places = np.ascontiguousarray(windows(data, 6)[starts + 1].T)
    places[np.arange(6)[:, None] >= digits] = ord("0")
    if digits.max() > 6:  # none of the dropped ones may be anything but a digit
        strange = np.zeros(len(data) + 1, np.int64)
        np.cumsum(data - np.uint8(ord("0")) > 9, out=strange[1:])
        _require((digits < 0) | (strange[ends] == strange[np.minimum(starts + 1, ends)]))
    return _number(places, _MICROS)


def _number(digits: Bytes, weights: npt.NDArray[np.int64]) -> Indexes:
    """The decimal numbers whose digits stand in the rows of `digits`."""
    values = digits - np.uint8(ord("0"))
    _require(values <= 9)
    return weights @ values


def _days(months: Indexes) -> Indexes:
    """Days from 1970-01-01 to the first day of each month, months counted from 1970-01."""
    return months.astype("M8[M]").astype("M8[D]").astype(np.int64)


def _require(true: npt.NDArray[np.bool_]) -> None:
    if not true.all():
        raise Refused
