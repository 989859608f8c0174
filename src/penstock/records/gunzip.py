"""Gzip bodies, unpacked within a limit: a bomb costs no more memory than a legal body."""

from __future__ import annotations

from isal import isal_zlib

from penstock.model.errors import Kind, Problem

MAX_MEMBERS = 1000
"""Most members of a body. Clients send one; each costs a copy of what follows, and 2 MiB hold 100,000 empty ones."""
_GZIP = 31  # window bits: 15, and 16 for the gzip wrapper


def gunzip(body: bytes, limit: int) -> bytes:
    """The unpacked body, all members of it, at most `limit` bytes. Raises `Problem`: GZIP_UNREADABLE for what is not
    whole gzip (torn, bad checksum, trailing bytes), BODY_TOO_LARGE beyond the limit."""
    parts: list[bytes] = []
    room = limit + 1
    rest = body
    while rest or not parts:
        if not rest.startswith(b"\x1f\x8b"):
            what = "has bytes after its end" if parts else "is not gzip"
            raise Problem(Kind.GZIP_UNREADABLE, f"the body is sent as Content-Encoding gzip but {what}")
        if len(parts) == MAX_MEMBERS:
            raise Problem(Kind.GZIP_UNREADABLE, f"the gzip body has more than {MAX_MEMBERS} members: send one")
        member = isal_zlib.decompressobj(wbits=_GZIP)
        try:
            part = member.decompress(rest, room)
            if room > len(part) and not member.eof:
                part += member.flush()
        except isal_zlib.error as error:  # type: ignore[misc]  # the stub calls the class an instance
            raise Problem(Kind.GZIP_UNREADABLE, f"the gzip body cannot be read: {error}") from None
        parts.append(part)
        room -= len(part)
        if room <= 0:
            raise Problem(
                Kind.BODY_TOO_LARGE,
                f"the body is over {limit} bytes once unpacked: send fewer records per request",
            )
        if not member.eof:
            raise Problem(Kind.GZIP_UNREADABLE, "the gzip body ends before its end: it was cut on the way")
        rest = member.unused_data
    return parts[0] if len(parts) == 1 else b"".join(parts)
