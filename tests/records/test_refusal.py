"""A refusal names what was wrong, at a bounded length."""

from __future__ import annotations

import pytest

from penstock.model.errors import BadRecords
from penstock.records.refusal import FIELD_CHARS, REASON_CHARS, SHOWN_CHARS, Fault, Refusals, shorten


def test_what_a_client_sent_is_shown_shortened() -> None:
    refusals = Refusals()
    for index in range(50):
        refusals.add(index, Fault("f" * 10**6, "v" * 10**6, "no such field " + "f" * 10**6))
    with pytest.raises(BadRecords) as refused:
        refusals.raise_any()
    assert refused.value.total == 50
    assert len(refused.value.records) == BadRecords.SHOWN
    for record in refused.value.records:
        assert (len(record.field), len(record.value), len(record.reason)) == (FIELD_CHARS, SHOWN_CHARS, REASON_CHARS)


def test_a_legal_path_is_shown_whole() -> None:
    field = "m." + "k" * 128
    refusals = Refusals()
    refusals.add(0, Fault(field, "x", "is no number"))
    with pytest.raises(BadRecords, match=field):
        refusals.raise_any()


def test_lone_surrogates_are_shown_escaped() -> None:
    assert shorten("a\ud800") == "a\\ud800"
