"""Which names are legal (wire/pandora notes, limits and names; seed 003)."""

from __future__ import annotations

import re

from penstock.model.errors import Kind, Problem

NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,127}")
NAME_RULE = "^[a-zA-Z_][a-zA-Z0-9_]{0,127}$"


def is_name(text: str) -> bool:
    """True for a legal repo, flow or field name. ASCII only: a name is also a path."""
    return NAME.fullmatch(text) is not None


def require_name(text: str, kind: Kind, noun: str) -> str:
    """The name itself, or a `Problem` of that kind that shows the rule."""
    if not is_name(text):
        raise Problem(kind, f"{noun} {text[:140]!r} is not a legal name: it must match {NAME_RULE}")
    return text
