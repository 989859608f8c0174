"""How commands answer: tables or JSON on standard output, one line on standard error when something is wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec

from penstock.model.errors import Problem


class Refused(Exception):
    """The command cannot be done; the message says why, in a line."""


@contextmanager
def plain_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Turns what a user can bring about (`kinds`, Problem, OSError) into `Refused`."""
    expected: tuple[type[Exception], ...] = (*kinds, Problem)
    try:
        yield
    except expected as error:
        raise Refused(str(error)) from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise Refused(f"{where}{error.strerror or error}") from error


def report(value: Any, as_json: bool, show: Callable[[], object]) -> None:
    """Print `value` as JSON, or have `show` print it for people."""
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(value)).decode() + "\n")
    else:
        show()


def time_text(at_us: int | None) -> str:
    """RFC3339 to the second; empty for never."""
    return "" if at_us is None else datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="seconds")


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; long values are folded, never cut."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title, title_justify="left")
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(Text(str(cell)) for cell in row))
    Console().print(made)
