"""Why a JSON body was refused: every record on its own, in plain Python. Never asked about good bodies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from penstock.model.errors import Kind, Problem
from penstock.model.schema import Schema
from penstock.records.json_text import MAX_DEPTH, depth
from penstock.records.refusal import Fault, Refusals
from penstock.records.value_slow import JSON, Members, members_fault, show

_SPACE = re.compile(r"[ \t\r\n]*")
_DEEPEST = MAX_DEPTH + 16
"""Levels of a body: an array of records of maps (at most 5) that hold JSON values."""


def explain_json(body: bytes, schema: Schema) -> None:
    """Raises `Problem` when the body is not JSON, `BadRecords` naming its bad records; returns when there is nothing
    wrong."""
    text = _decode(body)
    if depth(text) > _DEEPEST:
        raise Problem(Kind.BODY_MALFORMED, f"the body is nested deeper than {_DEEPEST} levels")
    refusals = Refusals()
    for index, record in enumerate(_records(text)):
        if isinstance(record, Members):
            fault = members_fault(schema.fields, record)
        else:
            fault = Fault("", show(record), "a record must be a JSON object")
        if fault:
            refusals.add(index, fault)
    refusals.raise_any()


def _decode(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise Problem(
            Kind.BODY_MALFORMED,
            f"the body is not UTF-8: byte 0x{body[error.start]:02x} at offset {error.start} (line {line})",
        ) from None


def _records(text: str) -> Iterator[Any]:
    """The elements of the array, or the values that follow each other."""
    at = _skip(text, 0)
    if not text.startswith("[", at):
        while at < len(text):
            record, at = _value(text, at)
            yield record
            at = _skip(text, at)
        return
    at = _skip(text, at + 1)
    if not text.startswith("]", at):
        while True:
            record, at = _value(text, at)
            yield record
            at = _skip(text, at)
            if not text.startswith(",", at):
                break
            at = _skip(text, at + 1)
    if not text.startswith("]", at):
        raise _malformed(text, at, "expected ',' or ']'")
    at = _skip(text, at + 1)
    if at < len(text):
        raise _malformed(text, at, "the array has ended, and more follows")


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _value(text: str, at: int) -> tuple[Any, int]:
    try:
        return JSON.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise _malformed(text, error.pos, error.msg) from None
    except ValueError as error:  # NaN, Infinity
        raise _malformed(text, at, str(error)) from None


def _malformed(text: str, at: int, reason: str) -> Problem:
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    offset = len(text[:at].encode())
    hint = "; remove the byte order mark" if text.startswith("\ufeff") else ""
    return Problem(
        Kind.BODY_MALFORMED, f"the body is not JSON: {reason} at line {line}, column {column} (byte {offset}){hint}"
    )
