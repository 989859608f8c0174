"""Reads what exports wrote, by the files' formats alone."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from crash.canon import Row, from_arrow, from_json, from_texts
from crash.plans import ExportPlan

TEMP = ".penstock-temp"
_EXTENSIONS = {"json": ".json", "text": ".txt", "csv": ".csv", "parquet": ".parquet"}
_MARK = re.compile(r"(?P<flow>\d+)-(?P<created>[0-9a-f]+)-(?P<sequence>\d{6,})")


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One file below a bucket. `sequence` counts the files of its flow."""

    name: str
    path: Path
    flow: str
    sequence: int


def exported_files(bucket: Path, plan: ExportPlan) -> list[ExportedFile]:
    """The files in the order of their writing. Raises ValueError for one with a name that no export gives."""
    extension = _EXTENSIONS[plan.spec["format"]] + (".gz" if plan.spec.get("compress") else "")
    files = []
    for path in bucket.rglob("*"):
        name = str(path.relative_to(bucket))
        if path.is_dir() or name.startswith(TEMP):
            continue
        base = path.name.removesuffix(extension)
        mark = _MARK.fullmatch(base.rpartition("_")[2])
        if base == path.name or mark is None:
            raise ValueError(f"{path} is not the name of a file of this export")
        files.append(ExportedFile(name, path, f"{mark['flow']}-{mark['created']}", int(mark["sequence"])))
    return sorted(files, key=lambda f: f.sequence)


def unfinished_files(bucket: Path) -> list[Path]:
    """What lies about that is no exported file."""
    return [p for p in (bucket / TEMP).rglob("*") if p.is_file()]


def read_rows(file: ExportedFile, plan: ExportPlan) -> Iterator[Row]:
    """Every row, whole. Raises ValueError, OSError when the file is torn."""
    if plan.spec["format"] == "parquet":
        table = pq.read_table(file.path)
        names = [f["key"] for f in plan.fields]
        if table.column_names != names:
            raise ValueError(f"{file.name} has the columns {table.column_names}")
        yield from (from_arrow(row, plan.fields) for row in table.to_pylist())
        return
    data = file.path.read_bytes()
    text = (gzip.decompress(data) if plan.spec.get("compress") else data).decode()
    if not text.endswith("\n"):
        raise ValueError(f"{file.name} does not end with a line end")
    match plan.spec["format"]:
        case "json":
            for line in text[:-1].split("\n"):
                yield from_json(json.loads(line), plan.fields)
        case "text":
            for line in text[:-1].split("\n"):
                pairs = [part.partition("=")[::2] for part in line.split("\t")]
                yield from_texts(dict(pairs), plan.fields)
        case "csv":
            names = [f["key"] for f in plan.fields]
            for values in csv_rows(text, plan.spec["delimiter"]):
                yield from_texts(dict(zip(names, values, strict=True)), plan.fields)


def csv_rows(text: str, delimiter: str) -> Iterator[list[str | None]]:
    """RFC 4180, with LF as the line end; an empty value without quotes is None. (The csv module cannot tell it from an
    empty string.)"""
    d = re.escape(delimiter)
    value = re.compile(rf'(?:"((?:[^"]|"")*)"|([^"{d}\n]*))({d}|\n)')
    row: list[str | None] = []
    at = 0
    while at < len(text):
        found = value.match(text, at)
        if found is None:
            raise ValueError(f"not CSV at character {at}: {text[at : at + 60]!r}")
        quoted, bare, end = found.groups()
        row.append(bare or None if quoted is None else quoted.replace('""', '"'))
        at = found.end()
        if end == "\n":
            yield row
            row = []
