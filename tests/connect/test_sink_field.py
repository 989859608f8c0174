from typing import Any

import pytest

from penstock.connect.sink_field import MASK, FieldKind, SinkField, mask_fields, read_fields
from penstock.model.errors import Kind, Problem

FIELDS = (
    SinkField("host", FieldKind.STRING, "h", required=True),
    SinkField("mode", FieldKind.STRING, "m", default="a", choices=("a", "b")),
    SinkField("size", FieldKind.INTEGER, "s", default=5),
    SinkField("on", FieldKind.BOOLEAN, "o"),
    SinkField("map", FieldKind.MAPPING, "p"),
    SinkField("password", FieldKind.STRING, "w", secret=True),
)


def test_fills_defaults_for_absent_null_and_empty_and_drops_unknown_keys() -> None:
    expected = {"host": "h", "mode": "a", "size": 5, "on": False, "map": {}, "password": ""}
    assert read_fields(FIELDS, {"host": "h", "more": 1}) == expected
    assert (
        read_fields(FIELDS, {"host": "h", "mode": "", "size": 0, "on": None, "map": None, "password": None}) == expected
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("host", 1), ("host", True), ("mode", "c"), ("mode", 0), ("size", "5"), ("size", True), ("size", False),
        ("size", 5.0), ("size", 2**63), ("on", 1), ("on", 0), ("on", "true"), ("map", []), ("map", {"a": 1}),
        ("map", ""), ("password", 3),
    ],
)  # fmt: skip
def test_a_wrong_type_is_named(key: str, value: Any) -> None:
    with pytest.raises(Problem, match=rf"spec\.{key}") as caught:
        read_fields(FIELDS, {"host": "h", key: value})
    assert caught.value.kind is Kind.EXPORT_INVALID


@pytest.mark.parametrize("raw", [{}, {"host": ""}, {"host": None}])
def test_a_required_key_is_missed(raw: dict[str, Any]) -> None:
    with pytest.raises(Problem, match=r"spec\.host is missing"):
        read_fields(FIELDS, raw)


def test_a_secret_is_masked_and_the_mask_keeps_it() -> None:
    stored = read_fields(FIELDS, {"host": "h", "password": "geheim"})
    shown = mask_fields(FIELDS, stored)
    assert shown["password"] == MASK
    assert "geheim" not in str(shown)
    assert read_fields(FIELDS, shown, stored) == stored
    assert read_fields(FIELDS, {**shown, "password": "new"}, stored)["password"] == "new"
    assert read_fields(FIELDS, {**shown, "password": ""}, stored)["password"] == ""


def test_an_unset_secret_shows_as_empty() -> None:
    assert mask_fields(FIELDS, read_fields(FIELDS, {"host": "h"}))["password"] == ""
