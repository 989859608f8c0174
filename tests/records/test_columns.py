"""Every value that people get wrong, for every type, alone and among others, as the reference has it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.model.schema import ElemType, Field, Schema, ValType
from records.agreement import agree_json, agree_text
from records.schemas import ODD_TEXTS, ODD_VALUES

INNER = (Field("a", ValType.LONG), Field("b", ValType.STRING), Field("x1", ValType.STRING))
FIELDS = [
    *(Field("f", valtype) for valtype in ValType if valtype not in (ValType.ARRAY, ValType.MAP)),
    *(Field("f", ValType.ARRAY, elemtype) for elemtype in ElemType),
    Field("f", ValType.MAP, schema=INNER),
    Field("f", ValType.MAP, schema=(Field("b", ValType.MAP, schema=INNER, required=True),)),
]
by_type = pytest.mark.parametrize("field", FIELDS, ids=lambda field: f"{field.valtype}-{field.elemtype or ''}")


@by_type
def test_each_as_text(field: Field) -> None:
    schema = Schema((field,))
    for text in ODD_VALUES:
        if "\n" not in text and "\t" not in text:
            agree_text(f"f={text}".encode(), schema)


@by_type
def test_each_as_json(field: Field) -> None:
    schema = Schema((field,))
    for text in ODD_VALUES:
        agree_json(f'{{"f":{text}}}'.encode(), schema)
        agree_json(f'[{{"f":{json.dumps(text)}}}]'.encode(), schema)


@by_type
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(ODD_TEXTS, min_size=2, max_size=4))
def test_several_in_one_column(field: Field, texts: list[str]) -> None:
    agree_text("\n".join(f"f={text}" for text in texts).encode(), Schema((field,)))


@pytest.mark.parametrize(
    ("field", "texts"),
    [
        (Field("f", ValType.ARRAY, ElemType.LONG), ["[1] [2]", "[3,", "4]"]),
        (Field("f", ValType.ARRAY, ElemType.STRING), ['["a"]["b"]', '["c",', '"d"]']),
        (Field("f", ValType.ARRAY, ElemType.STRING), ['["]', '["]', '["a"] ["b"]']),
        (Field("f", ValType.MAP, schema=INNER), ['{"a":1} {"a":2}', '{"a":3,', '"b":"x"}']),
        (Field("f", ValType.JSONSTRING), ["1 2", "[3,", "4]"]),
    ],
)
def test_a_text_gets_no_help_from_its_neighbours(field: Field, texts: list[str]) -> None:
    agree_text("\n".join(f"f={text}" for text in texts).encode(), Schema((field,)))
