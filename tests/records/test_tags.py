"""Tags: read from base64, put into every record."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.model.errors import BadRecords, Kind, Problem
from penstock.model.schema import ElemType, Field, Schema, ValType
from penstock.records.decoder import decoder_for
from penstock.records.tags import parse_tags

SCHEMA = Schema(
    (
        Field("host", ValType.STRING, required=True),
        Field("n", ValType.LONG, required=True),
        Field("a", ValType.ARRAY, ElemType.LONG),
    )
)
DECODERS = decoder_for(SCHEMA, unescape=False)
PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="\t= "), min_size=1)


@given(
    st.dictionaries(PLAIN, st.text(st.characters(codec="utf-8", exclude_characters="\t"))), st.booleans(), st.booleans()
)
def test_tags_come_back(tags: dict[str, str], url_safe: bool, padding: bool) -> None:
    raw = "\t".join(f"{key}={value}" for key, value in tags.items()).encode()
    encoded = (base64.urlsafe_b64encode if url_safe else base64.b64encode)(raw).decode()
    assert parse_tags(encoded if padding else encoded.rstrip("=")) == tags
    assert parse_tags(encoded.replace("+", " ")) == tags


@pytest.mark.parametrize(
    "encoded",
    [
        "!",
        "a",
        "aG9zdD1oMQ=x",
        "é",
        "_w",
        base64.b64encode(b"novalue").decode(),
        base64.b64encode(b"a=1\ta=2").decode(),
    ],
)
def test_unreadable_tags(encoded: str) -> None:
    with pytest.raises(Problem) as caught:
        parse_tags(encoded)
    assert caught.value.kind is Kind.TAGS_UNREADABLE


@pytest.mark.parametrize(
    ("decode", "body"),
    [(DECODERS.text, b"host=a\tn=1\nhost=b\tn=2"), (DECODERS.json, b'[{"host":"a","n":1},{"host":"b","n":2}]')],
)
def test_tags_override_every_record(decode, body) -> None:  # type: ignore[no-untyped-def]
    batch = decode(body, tags={"host": "t", "a": "[7]"})
    batch.validate(full=True)
    assert batch.schema.equals(SCHEMA.arrow(), check_metadata=True)
    assert batch.to_pylist() == [{"host": "t", "n": 1, "a": [7]}, {"host": "t", "n": 2, "a": [7]}]


def test_a_tag_stands_in_for_a_required_field() -> None:
    assert DECODERS.text(b"n=1\nhost=x\tn=2", {"host": ""}).to_pylist()[0]["host"] == ""
    assert DECODERS.json(b'{"host":"a"}', {"n": "5"}).column("n").to_pylist() == [5]
    with pytest.raises(BadRecords):
        DECODERS.text(b"n=1", {"n": "5"})


def test_no_tags_are_no_change() -> None:
    assert DECODERS.text(b"host=a\tn=1", {}).num_rows == 1


@pytest.mark.parametrize(
    ("tags", "kind", "words"),
    [
        ({"zone": "z"}, Kind.FIELD_UNKNOWN, "no such field key zone"),
        ({"n": "x"}, Kind.VALUE_INVALID, "tag 'n': must be a decimal integer"),
        ({"a": "[1"}, Kind.VALUE_INVALID, "tag 'a'"),
        ({"n": ""}, Kind.REQUIRED_MISSING, "tag 'n' is empty"),
    ],
)
def test_bad_tags(tags: dict[str, str], kind: Kind, words: str) -> None:
    with pytest.raises(Problem) as caught:
        DECODERS.text(b"host=a\tn=1", tags)
    assert caught.value.kind is kind
    assert words in caught.value.message


def test_an_overridden_value_must_be_right_all_the_same() -> None:
    with pytest.raises(BadRecords):
        DECODERS.text(b"host=a\tn=x", {"n": "1"})


def test_tags_of_strings_are_unescaped_like_values() -> None:
    assert decoder_for(SCHEMA, unescape=True).text(b"n=1", {"host": r"a\tb"}).to_pylist()[0]["host"] == "a\tb"
