"""The house numbers: a reader should find any thing by its name, in a file that can be read at one sitting."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LONGEST = 900
P90 = 450
MEDIAN = 150


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_no_file_is_too_long() -> None:
    assert len(SOURCES) > 30
    too_long = {str(p.relative_to(ROOT)): lines(p) for p in SOURCES + TESTS if lines(p) > LONGEST}
    assert not too_long


def test_most_files_are_short() -> None:
    sizes = sorted(lines(p) for p in SOURCES if lines(p) > 1)
    assert statistics.median(sizes) <= MEDIAN
    assert sizes[int(len(sizes) * 0.9)] <= P90


def test_every_module_and_public_class_says_what_it_is() -> None:
    silent: list[str] = []
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        if tree.body and ast.get_docstring(tree) is None:
            silent.append(str(path.relative_to(ROOT)))
        silent += [
            f"{path.relative_to(ROOT)}: {node.name}"
            for node in tree.body
            if isinstance(node, ast.ClassDef)
            and not node.name.startswith("_")
            and ast.get_docstring(node) is None
            and len(node.body) > 3
        ]
    assert not silent


def test_nothing_is_left_undone() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError|except[^:\n]*:\s*(pass|\.\.\.)$", re.M)
    found = [f"{p.relative_to(ROOT)}: {m.group()}" for p in SOURCES if (m := marks.search(p.read_text()))]
    assert not found


def test_tests_do_not_sleep() -> None:
    """A test waits for a condition with a deadline, never for a time. The support module that polls a real server for
    conditions is the one place with a pause in it."""
    allowed = {"server.py"}
    found = [
        str(p.relative_to(ROOT))
        for p in TESTS
        if p.name not in allowed
        and p != Path(__file__)
        and re.search(r"\btime\.sleep\(|asyncio\.sleep\([^0)]", p.read_text())
    ]
    assert not found


def test_imports_go_down() -> None:
    done = subprocess.run(
        [ROOT / ".venv/bin/lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
