"""Bodies of posts to Arrow batches, by the schema of their repo: what the rest of the house calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import pyarrow as pa

from penstock.model.errors import Kind, Problem
from penstock.model.schema import Schema
from penstock.records.json_decode import JsonDecoder
from penstock.records.json_slow import explain_json
from penstock.records.refusal import Refused
from penstock.records.tags import override, tag_values, without_required
from penstock.records.text_decode import TextDecoder
from penstock.records.text_slow import explain_text

CACHED_SCHEMAS = 256


@lru_cache(maxsize=CACHED_SCHEMAS)
def decoder_for(schema: Schema, *, unescape: bool) -> Decoders:
    """The decoders of that schema (with its server-filled fields); `unescape` is the repo's unescapeLine."""
    return Decoders(schema, unescape=unescape)


class Decoders:
    """Body to batch, for one schema. Each batch has exactly the columns of `schema.arrow()`, fields that a record lacks
    are null. A body is taken whole or refused whole, with `BadRecords`, or with `Problem`: BODY_EMPTY when it holds no
    record, BODY_MALFORMED when it cannot be read as a whole, BODY_TOO_LARGE when its batch would be.

    Tags ({field: text}) put a value in every record, over the record's own; see `records.tags`."""

    def __init__(self, schema: Schema, *, unescape: bool) -> None:
        self._schema = schema
        self._unescape = unescape
        self._fast_text = TextDecoder(schema, unescape=unescape)
        self._fast_json = JsonDecoder(schema)

    def text(self, body: bytes, tags: Mapping[str, str] | None = None) -> pa.RecordBatch:
        """The records of a body in the text format (数据点文本格式)."""
        if tags:
            return self._tagged(lambda decoders: decoders.text(body), tags)
        return self._explained(self._fast_text.decode, explain_text, body)

    def json(self, body: bytes, tags: Mapping[str, str] | None = None) -> pa.RecordBatch:
        """The records of a JSON body: an array of objects, one object, or JSON lines."""
        if tags:
            return self._tagged(lambda decoders: decoders.json(body), tags)
        return self._explained(self._fast_json.decode, explain_json, body)

    def _explained(
        self, decode: Callable[[bytes], pa.RecordBatch], explain: Callable[[bytes, Schema], None], body: bytes
    ) -> pa.RecordBatch:
        try:
            return decode(body)
        except Refused:
            explain(body, self._schema)
        raise Problem(Kind.INTERNAL, "the body was refused, yet each of its records looks right: please report this")

    def _tagged(self, decode: Callable[[Decoders], pa.RecordBatch], tags: Mapping[str, str]) -> pa.RecordBatch:
        values = tag_values(self._schema, tags, unescape=self._unescape)
        return override(decode(decoder_for(without_required(self._schema, tags), unescape=self._unescape)), values)
