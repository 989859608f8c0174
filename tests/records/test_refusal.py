"""Refusals stay short and can always be sent, whatever was in the body."""

from __future__ import annotations

import pytest

from penstock.model.errors import BadRecords, Kind
from penstock.model.schema import Field, Schema, ValType
from penstock.records.decoder import decoder_for
from penstock.records.refusal import KEY_CHARS, SHOWN_CHARS, Fault, Refusals, shorten

SCHEMA = Schema((Field("n", ValType.LONG), Field("j", ValType.JSONSTRING)))
LONG = "k" * 1_000_000


def test_no_fault_is_no_refusal() -> None:
    Refusals().raise_any()


def test_values_are_cut() -> None:
    assert shorten("a" * SHOWN_CHARS) == "a" * SHOWN_CHARS
    assert shorten("a" * (SHOWN_CHARS + 1)) == "a" * (SHOWN_CHARS - 1) + "…"
    assert shorten("\ud800") == "\\ud800"


def test_twenty_are_shown_and_all_counted() -> None:
    refusals = Refusals()
    for index in range(25):
        refusals.add(index, Fault("f", "v", "why", Kind.REQUIRED_MISSING))
    with pytest.raises(BadRecords) as caught:
        refusals.raise_any()
    assert (caught.value.total, len(caught.value.records), caught.value.kind) == (25, 20, Kind.REQUIRED_MISSING)


@pytest.mark.parametrize(
    "body",
    [
        f"{LONG}=1",
        f"n={LONG}",
        f"n=1\t{LONG}",
        f"j={LONG}",
        f'{{"{LONG}":1}}',
        f'{{"j":{{"{LONG}":1}}}} {{"n":"{LONG}"}}',
        '{"\\ud800":"\\ud800"}',
        '{"j":"\\ud800"}',
        '["' + LONG + '"]',
    ],
)
def test_messages_stay_short(body: str) -> None:
    decoders = decoder_for(SCHEMA, unescape=False)
    with pytest.raises(BadRecords) as caught:
        (decoders.json if body[0] in "[{" else decoders.text)(body.encode())
    assert len(caught.value.message.encode()) < 600
    assert all(len(record.field) <= KEY_CHARS for record in caught.value.records)


def test_a_long_key_that_is_not_utf8_is_cut_too() -> None:
    with pytest.raises(BadRecords) as caught:
        decoder_for(SCHEMA, unescape=False).text(LONG.encode() + b"\xff=1")
    assert len(caught.value.message) < 600
