"""Holds the decoders against the reference: the same batch, or the same records refused. Used by the property tests
and by the fuzz targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from penstock.model.errors import BadRecords, Kind, Problem
from penstock.model.schema import Schema
from penstock.records.decoder import Decoders, decoder_for
from records.reference import BAD, Embedded, Wrong, read_json, read_text

REFUSALS = {Kind.FIELD_UNKNOWN, Kind.VALUE_INVALID, Kind.REQUIRED_MISSING, Kind.BODY_MALFORMED}


def agree_text(body: bytes, schema: Schema, *, unescape: bool = False) -> None:
    """AssertionError when the text decoder and the reference differ over the body."""
    compare(Decoders.text, body, schema, unescape, read_text(body, schema, unescape))


def agree_json(body: bytes, schema: Schema) -> None:
    """AssertionError when the JSON decoder and the reference differ over the body."""
    try:
        expected = read_json(body, schema)
    except Wrong:
        assert refused(Decoders.json, body, schema, False).kind in REFUSALS
        return
    compare(Decoders.json, body, schema, False, expected)


def compare(
    decode: Callable[[Decoders, bytes], pa.RecordBatch],
    body: bytes,
    schema: Schema,
    unescape: bool,
    expected: list[Any],
) -> None:
    bad = [i for i, record in enumerate(expected) if record is BAD]
    if not expected:
        assert refused(decode, body, schema, unescape).kind is Kind.BODY_EMPTY
    elif bad:
        problem = refused(decode, body, schema, unescape)
        assert isinstance(problem, BadRecords), problem
        assert problem.total == len(bad)
        assert [record.index for record in problem.records] == bad[: BadRecords.SHOWN]
        assert {record.kind for record in problem.records} <= REFUSALS
        assert all(len(record.value) <= 600 for record in problem.records)
        problem.message.encode()
    else:
        batch = decode(decoder_for(schema, unescape=unescape), body)
        batch.validate(full=True)
        assert batch.schema.equals(schema.arrow(), check_metadata=True)
        assert same(batch.to_pylist(), expected), (batch.to_pylist(), expected)


def refused(
    decode: Callable[[Decoders, bytes], pa.RecordBatch], body: bytes, schema: Schema, unescape: bool
) -> Problem:
    try:
        batch = decode(decoder_for(schema, unescape=unescape), body)
    except Problem as problem:
        assert problem.kind is not Kind.INTERNAL, problem
        return problem
    raise AssertionError(f"accepted: {batch.to_pylist()}")


def same(actual: Any, expected: Any) -> bool:
    if isinstance(expected, Embedded):
        return isinstance(actual, str) and expected.same(actual)
    if isinstance(expected, dict):
        return (
            actual is not None
            and actual.keys() == expected.keys()
            and all(same(actual[k], expected[k]) for k in expected)
        )
    if isinstance(expected, list):
        return actual is not None and len(actual) == len(expected) and all(map(same, actual, expected))
    return bool(actual == expected) and type(actual) is type(expected)
