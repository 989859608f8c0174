"""The repos and exports of a run: every file format, plain and gzipped, cut by size, by interval and by both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from crash.canon import Row
from crash.content import SCHEMA
from crash.views import MAPPED_SCHEMA, MAPPING


@dataclass(frozen=True)
class ExportPlan:
    """An export and how its rows look: `view` names how (views.py), `fields` is their schema in the file's order, `key`
    the names under which client and sequence are found."""

    repo: str
    name: str
    spec: dict[str, Any]
    view: str = "whole"
    fields: tuple[dict[str, Any], ...] = tuple(SCHEMA)
    key: tuple[str, str] = ("client", "sequence")

    @property
    def bucket(self) -> str:
        return str(self.spec["bucket"])

    def key_of(self, row: Row) -> tuple[str, int]:
        return row[self.key[0]], row[self.key[1]]


def _plan(repo: str, name: str, *, size: int | None = None, interval: int | None = None, **rest: Any) -> ExportPlan:
    strategy = "both" if size and interval else "size" if size else "interval"
    bucket = f"{repo}-{name}"
    spec = {"bucket": bucket, "rotateStrategy": strategy, "rotateSize": size or 10**9, "rotateInterval": interval or 0}
    if rest.get("format") == "text":
        return ExportPlan(repo, name, spec | rest, view="text")
    if "fields" in rest:
        return ExportPlan(repo, name, spec | rest, "mapped", tuple(MAPPED_SCHEMA), ("who", "number"))
    return ExportPlan(repo, name, spec | rest)


EXPORTS: tuple[ExportPlan, ...] = (
    _plan("alpha", "json", format="json", size=40_000, keyPrefix="$(year)/$(mon)/$(day)/$(hour)-$(min)/part"),
    _plan("alpha", "parquet", format="parquet", interval=1, keyPrefix="by-second/$(sec)/"),
    _plan("alpha", "csv", format="csv", delimiter=",", compress=True, size=60_000, interval=2, retention=1),
    _plan("beta", "text", format="text", size=30_000, interval=1, keyPrefix="lines"),
    _plan("beta", "jsongz", format="json", compress=True, interval=2),
    _plan("beta", "mapped", format="parquet", fields=MAPPING, size=50_000),
    _plan("gamma", "tabs", format="csv", delimiter="\t", interval=1, keyPrefix="$(year)$(mon)$(day)/"),
    _plan("gamma", "textgz", format="text", compress=True, size=20_000),
)
IN_A_STORE = _plan("gamma", "store", format="json", interval=1)
"""One more, whose bucket is to be mapped to an S3-compatible store."""
REPOS: tuple[str, ...] = ("alpha", "beta", "gamma")


def draining(plans: Iterable[ExportPlan]) -> list[tuple[ExportPlan, dict[str, Any]]]:
    """What to change, once no more records come, so that the rest below `rotateSize` is written too."""
    return [
        (plan, plan.spec | {"rotateStrategy": "both", "rotateInterval": 1})
        for plan in plans
        if plan.spec["rotateStrategy"] == "size"
    ]
