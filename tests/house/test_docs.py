"""The docs cannot rot: what is made from code is in sync, and nothing that a user can set or call is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from penstock.api import reference as api_reference
from penstock.api.pipeline.table import ROUTES
from penstock.cli import reference as cli_reference
from penstock.connect import reference as sink_reference
from penstock.connect.registry import SINK_TYPES
from penstock.model.errors import Kind

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def read(name: str) -> str:
    return (DOCS / name).read_text()


def test_calls_are_in_sync() -> None:
    assert read("api.md") == api_reference.markdown(), "run `make docs`"


def test_every_route_and_error_is_there() -> None:
    page = read("api.md")
    assert all(f"| {r.method} | `{r.template}` |" in page for r in ROUTES)
    assert all(f"| {kind} |" in page for kind in Kind)


@pytest.mark.parametrize("name", sorted(SINK_TYPES))
def test_sink_fields_are_in_sync(name: str) -> None:
    page = read(f"{name}.md")
    assert page == sink_reference.markdown(name), "run `make docs`"
    assert all(f"| `{field.name}` |" in page for field in SINK_TYPES[name].fields)


def test_commands_are_in_sync() -> None:
    assert read("commands.md") == cli_reference.markdown(), "run `make docs`"


@pytest.mark.parametrize("page", [*sorted(p.name for p in DOCS.glob("*.md")), "../README.md", "../CONTRIBUTING.md"])
def test_links_lead_somewhere(page: str) -> None:
    text = read(page)
    for target in re.findall(r"\]\(([^)#]+)", text):
        if not target.startswith("http"):
            assert (DOCS / page).parent.joinpath(target).exists(), target


def test_the_index_names_every_page() -> None:
    index = read("README.md")
    assert all(f"({p.name})" in index for p in DOCS.glob("*.md") if p.name != "README.md")
