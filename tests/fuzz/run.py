"""Starts libFuzzer on one check. New inputs go to a temporary folder; the kept corpus is only read."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"


def run(check: str, corpus: str) -> None:
    """Fuzz until the options on the command line say stop; an input that fails the check is written and ends it."""
    import atheris

    with atheris.instrument_imports(include=["penstock.records", "records.reference"]):
        from fuzz import checks
    found = tempfile.mkdtemp(prefix=f"fuzz-{corpus}-")
    print(f"new inputs go to {found}")
    atheris.Setup([*sys.argv, found, str(CORPUS / corpus)], getattr(checks, check))
    atheris.Fuzz()
