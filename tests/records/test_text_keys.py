"""Keys are matched whole, whatever their length and however alike they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.records.refusal import Refused
from penstock.records.text_keys import KeyTable
from penstock.records.words import padded, words

NAMES = st.text("ab_", min_size=1, max_size=40)


def match(table: KeyTable, keys: list[bytes]) -> list[int]:
    data = padded(b"=".join(keys) + b"=rest", 0, 8)
    lengths = np.array([len(key) for key in keys])
    starts = np.cumsum(lengths + 1) - lengths - 1
    return table.match(words(data), starts, lengths).tolist()


@given(st.lists(NAMES, min_size=1, max_size=30, unique=True), st.data())
def test_every_key_finds_its_column(keys: list[str], data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.sampled_from(range(len(keys))), min_size=1, max_size=50))
    assert match(KeyTable(keys), [keys[column].encode() for column in wanted]) == wanted


@given(st.lists(NAMES, min_size=1, max_size=30, unique=True), NAMES)
def test_no_other_key_finds_one(keys: list[str], other: str) -> None:
    known = other in keys
    if known:
        assert match(KeyTable(keys), [other.encode()]) == [keys.index(other)]
    else:
        with pytest.raises(Refused):
            match(KeyTable(keys), [keys[0].encode(), other.encode()])


@pytest.mark.parametrize(
    "stranger",
    [
        b"",
        b"x",
        b"host\0",
        b"hos",
        b"hostt",
        b"k" * 127,
        b"k" * 129,
        b"k" * 60 + b"j" + b"k" * 67,
        b"k" * 127 + b"\xff",
    ],
)
def test_strangers(stranger: bytes) -> None:
    table = KeyTable(["host", "k" * 128, "k" * 64])
    with pytest.raises(Refused):
        match(table, [b"host", stranger])


def test_as_many_keys_as_a_schema_may_have() -> None:
    keys = [f"a_rather_long_field_name_{i}" for i in range(500)]
    assert match(KeyTable(keys), [key.encode() for key in reversed(keys)]) == list(reversed(range(500)))


@pytest.mark.parametrize("place", [0, 7, 8, 15, 16, 23, 24, 29])
def test_strangers_that_share_a_slot(place: int) -> None:
    """One key has a table of 16 slots: of 90 other keys of its length, some share its slot."""
    key = b"k" * 30
    table = KeyTable([key.decode()])
    for other in range(33, 123):
        stranger = key[:place] + bytes([other]) + key[place + 1 :]
        if stranger != key:
            with pytest.raises(Refused):
                match(table, [stranger])
