"""The reference of the settings is complete and in sync."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from penstock.server.settings import Settings
from penstock.server.settings_reference import allowed, markdown, reference
from penstock.server.settings_sources import keys


def test_the_page_is_in_sync() -> None:
    page = Path(__file__).parents[2] / "docs" / "settings.md"
    assert page.read_text() == markdown(Settings), "run `penstock settings --markdown > docs/settings.md`"


def test_every_setting_is_described() -> None:
    described = reference(Settings)
    assert [(s.section, s.name) for s in described] == keys()
    assert all(len(s.about.split()) >= 3 for s in described)


class Bare(msgspec.Struct, frozen=True):
    name: str = ""


class Tree(msgspec.Struct, frozen=True):
    bare: Bare = Bare()


def test_a_setting_without_description_is_an_error() -> None:
    with pytest.raises(KeyError):
        reference(Tree)


@pytest.mark.parametrize(
    ("kind", "phrase"),
    [
        (bool, "true or false"),
        (str, "text"),
        (Annotated[int, Meta(ge=1, le=9)], "a whole number, at least 1, at most 9"),
        (Annotated[float, Meta(gt=0)], "a number, more than 0"),
        (Literal["a", "b"], "one of a, b"),
        (tuple[str, ...], "a list, each text"),
        (int | None, "a whole number or nothing"),
        (dict[str, bool], "a table, each value true or false"),
    ],
)
def test_types_are_put_into_words(kind: object, phrase: str) -> None:
    assert allowed(kind) == phrase
