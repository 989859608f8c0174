"""What every fuzz input is held to: it ends in a batch, BadRecords or Problem, and in the same one as the reference.

The first byte of an input picks the schema, the rest is the body."""

from __future__ import annotations

from penstock.model.schema import ElemType, Field, Schema, ValType
from records.agreement import agree_json, agree_text

INNER = (
    Field("x", ValType.STRING),
    Field("n", ValType.LONG, required=True),
    Field("l", ValType.ARRAY, ElemType.STRING),
    Field("j", ValType.JSONSTRING),
    Field("d", ValType.MAP, schema=(Field("t", ValType.DATE), Field("f", ValType.FLOAT))),
)
SCHEMAS = (
    Schema(
        (
            Field("s", ValType.STRING),
            Field("n", ValType.LONG),
            Field("f", ValType.FLOAT),
            Field("b", ValType.BOOLEAN),
            Field("t", ValType.DATE),
            Field("i", ValType.IP),
            Field("j", ValType.JSONSTRING),
            Field("a", ValType.ARRAY, ElemType.LONG),
            Field("m", ValType.MAP, schema=INNER),
        )
    ),
    Schema((Field("t", ValType.DATE), Field("i", ValType.IP), Field("n", ValType.LONG, required=True))),
    Schema(
        (
            Field("j", ValType.JSONSTRING),
            Field("a", ValType.ARRAY, ElemType.FLOAT),
            Field("m", ValType.MAP, schema=INNER),
        )
    ),
    Schema(
        (
            Field("long_key_1_of_the_same_length", ValType.STRING),
            Field("long_key_2_of_the_same_length", ValType.STRING),
            Field("eight_by", ValType.STRING, required=True),
            Field("eight_byte", ValType.ARRAY, ElemType.BOOLEAN),
        )
    ),
)


def check_text(data: bytes) -> None:
    if data:
        agree_text(data[1:], SCHEMAS[data[0] % len(SCHEMAS)], unescape=data[0] >= 128)


def check_json(data: bytes) -> None:
    if data:
        agree_json(data[1:], SCHEMAS[data[0] % len(SCHEMAS)])
