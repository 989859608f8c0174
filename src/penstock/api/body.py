"""Reading request bodies within limits."""

from __future__ import annotations

import asyncio
import base64
import hashlib

from starlette.requests import ClientDisconnect, Request

from penstock.model.errors import Kind, Problem

GZIP_SLACK = 64 * 1024
"""What gzip may add to bytes that do not compress."""


def content_length(request: Request, *, required: bool) -> int | None:
    """The declared length. Raises LENGTH_MISSING when required and absent, LENGTH_INVALID when no number."""
    text = request.headers.get("content-length")
    if text is None:
        if required:
            raise Problem(Kind.LENGTH_MISSING, "send a Content-Length header: chunked bodies are not taken here")
        return None
    if not (text.isascii() and text.isdigit()):
        raise Problem(Kind.LENGTH_INVALID, f"Content-Length {text[:40]!r} is not a number of bytes")
    return int(text)


async def read_body(request: Request, limit: int, timeout_s: float) -> bytes:
    """The whole body as sent, at most `limit` bytes (BODY_TOO_LARGE); it must arrive within `timeout_s`."""
    length = content_length(request, required=False)
    if length is not None and length > limit:
        raise Problem(Kind.BODY_TOO_LARGE, f"the body has {length} bytes; at most {limit} are taken")
    try:
        async with asyncio.timeout(timeout_s):
            body = await _collect(request, limit)
    except TimeoutError:
        raise Problem(Kind.BODY_MALFORMED, f"the body did not arrive within {timeout_s:g} s") from None
    except ClientDisconnect:
        raise Problem(Kind.BODY_MALFORMED, "the connection closed before the body ended") from None
    _check_md5(request, body)
    return body


async def _collect(request: Request, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise Problem(Kind.BODY_TOO_LARGE, f"the body is over {limit} bytes; at most {limit} are taken")
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _check_md5(request: Request, body: bytes) -> None:
    """Content-MD5 is what a signature says about the body: base64 of the MD5 of the bytes as sent."""
    declared = request.headers.get("content-md5")
    if declared:
        actual = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        if declared != actual:
            raise Problem(
                Kind.BODY_MALFORMED,
                f"Content-MD5 is {declared[:40]!r}, but the base64 of the MD5 of the body as it came is {actual!r}",
            )
