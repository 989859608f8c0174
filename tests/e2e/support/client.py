"""A tiny signed client on httpx, with keep-alive; signs with the product's own helper."""

from __future__ import annotations

import gzip
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from penstock.auth.pandora_sign import sign


class SignedClient:
    """Calls one server with one key. Use as a context manager."""

    def __init__(self, url: str, access_key: str, secret_key: str, **options: Any) -> None:
        self._http = httpx.Client(base_url=url, timeout=30, **options)
        self._key = (access_key, secret_key)

    def call(
        self, method: str, path: str, body: object = None, *, headers: dict[str, str] | None = None, gz: bool = False
    ) -> httpx.Response:
        """Sends `body` as it is when it is bytes (records in the text format), else as JSON."""
        sent = dict(headers or {})
        content: bytes | None = None
        if isinstance(body, bytes):
            content = body
            sent.setdefault("Content-Type", "text/plain")
        elif body is not None:
            content = msgspec.json.encode(body)
            sent.setdefault("Content-Type", "application/json")
        sent |= sign(*self._key, method, urlsplit(path).path, sent, now=time.time())
        if gz and content is not None:
            content = gzip.compress(content, 1)
            sent["Content-Encoding"] = "gzip"
        return self._http.request(method, path, content=content, headers=sent)

    def ok(self, method: str, path: str, body: object = None, **options: Any) -> Any:
        """The JSON of a 200; anything else fails."""
        reply = self.call(method, path, body, **options)
        assert reply.status_code == 200, f"{method} {path}: {reply.status_code} {reply.text}"
        return reply.json()

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> SignedClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
