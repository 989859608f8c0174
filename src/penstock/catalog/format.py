"""The data directory's format version: one number for everything in it."""

from __future__ import annotations

from penstock.model.datadir import DataDir
from penstock.model.durable import write_durable

FORMAT = 1
"""What this program writes. It reads every format from 1 to this one."""


class Unusable(Exception):
    """The data directory cannot be used as it is; the sentence says what to do."""


def make_format(data: DataDir) -> None:
    """Write the format version into a new data directory; the very first file there. Raises Unusable."""
    if data.format.exists():
        return
    if data.catalog.exists() or data.log.exists():
        raise Unusable(
            f"{data.root} holds data but no {data.format.name} file: restore that file from a backup, "
            "or give an empty --data-dir"
        )
    write_durable(data.format, f"{FORMAT}\n".encode())


def check_format(data: DataDir) -> int:
    """The directory's format version. Raises Unusable when there is none, or one that this program does not know."""
    try:
        content = data.format.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise Unusable(
            f"{data.root} is not a data directory (it has no {data.format.name} file): start `penstock serve` once, "
            "or give the right --data-dir"
        ) from None
    digits = content.strip()
    if not digits.isdigit() or int(digits) < 1:
        raise Unusable(f"{data.format} holds {content[:40]!r}, not a version number: restore it from a backup")
    version = int(digits)
    if version > FORMAT:
        raise Unusable(
            f"{data.root} has format {version}, this program knows formats up to {FORMAT}: "
            "use the newer Penstock that wrote it, or restore a backup made before the upgrade"
        )
    return version
