"""Starts libFuzzer on one check. New inputs go to a temporary folder; the kept corpus is only read."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
LIMITS = ("-rss_limit_mb=8192", "-malloc_limit_mb=1024")
"""The instrumentation keeps some KB of every input (the decoders without it keep nothing), so ten minutes need more
than libFuzzer's 2 GB in all; a single body that asks for 1 GB is still a finding."""


def run(check: str, corpus: str) -> None:
    """Fuzz until the options on the command line say stop; an input that fails the check is written and ends it."""
    import atheris

    with atheris.instrument_imports(include=["penstock.records", "records.reference"]):
        from fuzz import checks
    found = tempfile.mkdtemp(prefix=f"fuzz-{corpus}-")
    print(f"new inputs and findings go to {found}")
    atheris.Setup(
        [sys.argv[0], *LIMITS, f"-artifact_prefix={found}/", *sys.argv[1:], found, str(CORPUS / corpus)],
        getattr(checks, check),
    )
    atheris.Fuzz()
