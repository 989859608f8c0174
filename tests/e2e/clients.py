"""A client of our own for the end-to-end tests: it signs by the published rule, sends exact bytes, and reads replies
the way the vendor's clients do (wire notes section 9). It shares no code with the server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

Headers = list[tuple[str, str]]
CODE_LENGTH = 6
IDLE_S = 5.0
"""A connection that was idle for longer is opened anew: the server closes idle ones (`server.header_timeout_s`)."""


@dataclass(frozen=True)
class Reply:
    """One HTTP reply; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """What the Go client takes for the error code."""
        return go_error(self)[1]


@dataclass(frozen=True)
class Key:
    """An access key with its secret key."""

    access: str
    secret: str

    def mac(self, text: str) -> str:
        digest = hmac.new(self.secret.encode(), text.encode("utf-8"), hashlib.sha1).digest()
        return base64.urlsafe_b64encode(digest).decode()

    def header(self, method: str, path: str, headers: Iterable[tuple[str, str]]) -> str:
        """`Authorization` of a request by its header signature; the query is not part of `path`."""
        by_name = {name.lower(): value for name, value in headers}
        qiniu = sorted((n, v) for n, v in by_name.items() if n.startswith("x-qiniu-") and len(n) > len("x-qiniu-"))
        signed = "\n".join([method, *(by_name.get(n, "") for n in ("content-md5", "content-type", "date")), ""])
        signed += "".join(f"\n{n}:{v}" for n, v in qiniu) + path
        return f"Pandora {self.access}:{self.mac(signed)}"

    def token(self, method: str, path: str, parts: Mapping[str, Any] | None = None) -> str:
        """`Authorization` of a request by a token good for an hour; `parts` adds to the description or replaces parts
        of it (resource, expires, method, contentType, contentMD5, headers)."""
        desc = {"resource": path, "expires": int(time.time()) + 3600, "contentMD5": "", "contentType": ""}
        desc |= {"headers": "", "method": method, **(parts or {})}
        encoded = base64.urlsafe_b64encode(json.dumps(desc, separators=(",", ":")).encode()).decode()
        return f"Pandora {self.access}:{self.mac(encoded)}:{encoded}"


@dataclass
class Client:
    """One kept-alive connection to one server, signing with one key."""

    host: str
    port: int
    key: Key
    timeout: float = 30.0
    _connection: http.client.HTTPConnection | None = field(default=None, repr=False)
    _used: float = 0.0

    def call(
        self,
        method: str,
        target: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        date: float | None = None,
        key: Key | None = None,
    ) -> Reply:
        """A signed call. `body`: bytes are sent as text/plain, str the same in UTF-8, anything else as JSON."""
        sent: dict[str, str] = {"Date": formatdate(date, usegmt=True)}
        if isinstance(body, str):
            body = body.encode()
        if isinstance(body, bytes):
            sent["Content-Type"] = "text/plain"
        elif body is not None:
            body = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        path = target.partition("?")[0]
        sent.setdefault("Authorization", (key or self.key).header(method, path, sent.items()))
        assert body is None or isinstance(body, bytes)
        return self.send(method, target, list(sent.items()), body)

    def send(self, method: str, target: str, headers: Headers, body: bytes | None = None) -> Reply:
        """Exactly these headers and this body; Host, and Content-Length of a body, are added where missing."""
        started = Started(self, self._open())
        try:
            started.head(method, target, headers, None if body is None else len(body))
            if body is not None:
                started.send(body)
            return started.reply()
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def begin(self, method: str, target: str, headers: Headers, length: int) -> Started:
        """The head of a signed request; its body of `length` bytes is for the caller to send."""
        sent = [("Date", formatdate(usegmt=True)), *headers]
        sent.append(("Authorization", self.key.header(method, target.partition("?")[0], sent)))
        started = Started(self, self._open())
        started.head(method, target, sent, length)
        return started

    def _open(self) -> http.client.HTTPConnection:
        if time.monotonic() - self._used > IDLE_S:
            self.close()
        self._connection = self._connection or http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        return self._connection

    def used(self, *, close: bool) -> None:
        """A reply was read; with `close` the server ends the connection after it."""
        self._used = time.monotonic()
        if close:
            self.close()

    @property
    def local_port(self) -> int:
        """The port of this end of the open connection."""
        assert self._connection is not None and self._connection.sock is not None
        port: int = self._connection.sock.getsockname()[1]
        return port

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@dataclass
class Started:
    """A request under way."""

    client: Client
    connection: http.client.HTTPConnection

    def head(self, method: str, target: str, headers: Headers, length: int | None) -> None:
        names = {name.lower() for name, _ in headers}
        self.connection.putrequest(method, target, skip_host="host" in names, skip_accept_encoding=True)
        for name, value in headers:
            self.connection.putheader(name, value.encode("latin-1"))
        if length is not None and not names & {"content-length", "transfer-encoding"}:
            self.connection.putheader("Content-Length", str(length))
        self.connection.endheaders()

    def send(self, body: bytes) -> None:
        self.connection.send(body)

    def reply(self) -> Reply:
        response = self.connection.getresponse()
        reply = Reply(response.status, {n.lower(): v for n, v in response.getheaders()}, response.read())
        self.client.used(close=reply.headers.get("connection", "").lower() == "close")
        return reply


@contextmanager
def connected(host: str, port: int, key: Key, timeout: float = 30.0) -> Iterator[Client]:
    client = Client(host, port, key, timeout)
    try:
        yield client
    finally:
        client.close()


def go_error(reply: Reply) -> tuple[str, str]:
    """(message, code) as pandora-go-sdk reads them: only 200 is success, JSON only when the type is exactly that, the
    code is the first six characters up to a colon. ("", "") when it sees no error."""
    if reply.status == 200:
        return "", ""
    text = reply.body.decode("utf-8", "replace")
    if reply.headers.get("content-type") == "application/json":
        try:
            text = json.loads(text).get("error", "")
        except ValueError:
            text = ""
    if len(text) <= CODE_LENGTH:
        return text, ""
    code = text[:CODE_LENGTH].partition(":")[0]
    return text, code if code.startswith("E") and code[1:].isdigit() else ""


def java_ok(reply: Reply) -> bool:
    """`isOK()` of pandora-java-sdk: any 2xx, and a request id."""
    return 200 <= reply.status < 300 and bool(reply.headers.get("x-reqid"))


def java_error(reply: Reply) -> str | None:
    """`error` of pandora-java-sdk: read only from JSON with a request id."""
    if java_ok(reply) or not reply.headers.get("x-reqid"):
        return None
    if not reply.headers.get("content-type", "").startswith("application/json"):
        return None
    try:
        error = json.loads(reply.body).get("error")
    except ValueError:
        return None
    return error if isinstance(error, str) else None
