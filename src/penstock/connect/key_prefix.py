"""The names of exported files: `keyPrefix` with its magic variables (魔法变量), the time stamp, the flow's mark."""

from __future__ import annotations

import re
from datetime import datetime

from penstock.model.errors import Kind, Problem

MAX_PREFIX_BYTES = 512
"""Longest prefix, in bytes of UTF-8."""
MAX_SEGMENT_BYTES = 160
"""Longest part between slashes: with stamp, mark and extension a name stays below a file system's 255 bytes."""

_FORMATS = {"year": "%Y", "mon": "%m", "day": "%d", "hour": "%H", "min": "%M", "sec": "%S"}
_STAMP = "%Y-%m-%d-%H-%M-%S"
_VARIABLE = re.compile(r"\$\(([^)]*)\)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def check_prefix(prefix: str) -> str:
    """The prefix itself; raises Problem (EXPORT_PREFIX) when a file of that name could leave its bucket, could not be
    written everywhere, or when a variable is unknown."""
    for name in _VARIABLE.findall(prefix):
        if name not in _FORMATS:
            raise _bad(prefix, f"$({name}) is not one of " + ", ".join(f"$({v})" for v in _FORMATS))
    if "$(" in _VARIABLE.sub("", prefix):
        raise _bad(prefix, "a '$(' is not closed")
    if "\\" in prefix or _CONTROL.search(prefix):
        raise _bad(prefix, "backslashes and control characters are not allowed")
    try:
        size = len(prefix.encode())
    except UnicodeEncodeError:
        raise _bad(prefix, "it is not valid Unicode") from None
    if size > MAX_PREFIX_BYTES:
        raise _bad(prefix, f"it is longer than {MAX_PREFIX_BYTES} bytes")
    segments = prefix.split("/")
    for i, segment in enumerate(segments):
        if not segment and i < len(segments) - 1:
            raise _bad(prefix, "it must not start with '/' nor hold '//'")
        if segment.startswith("."):
            raise _bad(prefix, "no part of it may start with a dot")
        if len(segment.encode()) > MAX_SEGMENT_BYTES:
            raise _bad(prefix, f"a part between slashes is longer than {MAX_SEGMENT_BYTES} bytes")
    return prefix


def resolve_name(prefix: str, at: datetime, mark: str) -> str:
    """`prefix` at that time, then `mark`. Without a variable the time stamp yyyy-MM-dd-HH-mm-ss is put between them."""
    name, variables = _VARIABLE.subn(lambda m: at.strftime(_FORMATS[m[1]]).rjust(2, "0"), prefix)
    if not variables:
        name = _joined(name, "-", at.strftime(_STAMP).rjust(19, "0"))
    return _joined(name, "_", mark)


def _joined(left: str, between: str, right: str) -> str:
    # no separator at the start of a name: engines take files that start with "_" for hidden
    return left + right if not left or left.endswith("/") else left + between + right


def _bad(prefix: str, reason: str) -> Problem:
    return Problem(Kind.EXPORT_PREFIX, f"spec.keyPrefix {prefix[:140]!r}: {reason}")
