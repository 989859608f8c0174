"""The decoders as the rest of the house calls them."""

from __future__ import annotations

import pyarrow as pa
import pytest

from penstock.model.errors import BadRecords, Kind, Problem
from penstock.model.schema import ElemType, Field, Schema, ValType
from penstock.records.decoder import decoder_for

SCHEMA = Schema(
    (
        Field("f1", ValType.STRING, required=True),
        Field("f2", ValType.FLOAT),
        Field("n", ValType.LONG),
        Field("t", ValType.DATE),
        Field("b", ValType.BOOLEAN),
        Field("a", ValType.ARRAY, ElemType.LONG),
        Field("m", ValType.MAP, schema=(Field("x", ValType.STRING),)),
        Field("j", ValType.JSONSTRING),
        Field("ip", ValType.IP),
    )
)
DECODERS = decoder_for(SCHEMA, unescape=False)


def refusal(body: bytes) -> BadRecords:
    with pytest.raises(BadRecords) as caught:
        (DECODERS.json if body[:1] in b"[{" else DECODERS.text)(body)
    return caught.value


def test_decoders_are_kept_by_schema() -> None:
    kept = decoder_for(SCHEMA, unescape=False)
    assert decoder_for(Schema(SCHEMA.fields), unescape=False) is kept
    assert decoder_for(SCHEMA, unescape=True) is not kept


@pytest.mark.parametrize("body", [b"f1=x", b'{"f1":"x"}'])
def test_the_batch_has_exactly_the_columns_of_the_schema(body: bytes) -> None:
    batch = (DECODERS.json if body[:1] == b"{" else DECODERS.text)(body)
    assert batch.schema.equals(SCHEMA.arrow(), check_metadata=True)
    assert batch.to_pylist() == [dict.fromkeys(SCHEMA.keys()) | {"f1": "x"}]


@pytest.mark.parametrize("body", [b"", b"\n", b" \t\n\t", b"[]", b" [ ] "])
def test_a_body_without_a_record_is_empty(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        (DECODERS.json if b"[" in body else DECODERS.text)(body)
    assert caught.value.kind is Kind.BODY_EMPTY


def test_the_first_bad_record_decides_the_kind() -> None:
    assert refusal(b"f1=x\nf1=x\tzz=1\nn=1").kind is Kind.FIELD_UNKNOWN
    assert refusal(b"n=1\nf1=x\tzz=1").kind is Kind.REQUIRED_MISSING
    assert refusal(b'[{"f1":1},{"zz":1}]').kind is Kind.VALUE_INVALID


def test_all_bad_records_are_counted_and_twenty_named() -> None:
    error = refusal(b"\n\n".join([b"f1=ok", *[b"f1=x\tn=bad"] * 30]))
    assert error.total == 30
    assert [r.index for r in error.records] == list(range(1, 21))
    assert {(r.field, r.value, r.kind) for r in error.records} == {("n", "bad", Kind.VALUE_INVALID)}


def test_a_long_value_is_shown_cut() -> None:
    (record,) = refusal(b"f1=x\tn=" + b"9" * 200_000).records
    assert len(record.value) <= 60
    assert record.value.startswith("999")


def test_a_body_that_would_fill_the_memory_is_too_large() -> None:
    wide = decoder_for(Schema(tuple(Field(f"f{i}", ValType.LONG) for i in range(500))), unescape=False)
    for decode, body in ((wide.text, b"f1=1\n" * 100_000), (wide.json, b'{"f1":1}' * 100_000)):
        with pytest.raises(Problem) as caught:
            decode(body)
        assert caught.value.kind is Kind.BODY_TOO_LARGE


def test_braces_in_strings_do_not_count_as_records() -> None:
    wide = decoder_for(Schema(tuple(Field(f"f{i}", ValType.STRING) for i in range(500))), unescape=False)
    assert wide.json(b'[{"f1":"' + b"{" * 100_000 + b'"}]').num_rows == 1


def test_one_large_record_is_fine() -> None:
    value = "x" * (3 << 20)
    for batch in (DECODERS.text(b"f1=" + value.encode()), DECODERS.json(b'{"f1":"' + value.encode() + b'"}')):
        assert batch.column("f1") == pa.array([value])
