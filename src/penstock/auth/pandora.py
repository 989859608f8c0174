"""Pandora authentication (wire notes, section 1): the header signature and the token."""

from __future__ import annotations

import base64
import binascii
import calendar
import hmac
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import msgspec

from penstock.auth.keyring import Key
from penstock.auth.pandora_sign import PREFIX, SCHEME, TokenDescription, qiniu_headers, signature, text_to_sign
from penstock.auth.principal import Principal
from penstock.model.access import Role
from penstock.model.errors import Kind, Problem

WINDOW_SECONDS = 15 * 60
"""How far a request's `Date` may be from the server's clock, either way."""
_AUTHORIZATION_CHARS = 8192
_SIGNED_ONCE = frozenset({b"authorization", b"date", b"content-md5", b"content-type"})
_PREFIX_BYTES = PREFIX.encode()
_DATE = re.compile(r"[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NOBODY = Key(Principal(name="", owner="", role=Role.VIEWER, home=""), secrets.token_bytes(30))
"""Stands in for an unknown key, so that it costs the same work."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What the scheme looks at. `path` is percent-decoded, `raw_path` as it was sent, both without the query; names of
    `headers` are in lower case, values are text of one character a byte."""

    method: str
    path: str
    raw_path: str
    headers: Mapping[str, str]

    @classmethod
    def of(cls, method: str, path: str, raw_path: bytes | None, headers: Iterable[tuple[bytes, bytes]]) -> Self:
        """From an ASGI scope's parts. Raises Problem(UNAUTHENTICATED) when a signed header comes twice: which of them
        was signed, and which would the handlers see?"""
        signed: dict[str, str] = {}
        for name, value in headers:
            name = name.lower()
            if name in _SIGNED_ONCE or name.startswith(_PREFIX_BYTES):
                key = name.decode("latin-1")
                if key in signed:
                    raise _bad_token()
                signed[key] = value.decode("latin-1")
        raw = path if raw_path is None else raw_path.decode("latin-1").partition("?")[0]
        return cls(method, path, raw, signed)


class PandoraVerifier:
    """Tells who signed a request. Every refusal is the same Problem(UNAUTHENTICATED, "bad token"), and an unknown
    access key costs as much as a known one. `lookup` finds a key that may be used; `clock` gives unix seconds."""

    def __init__(self, lookup: Callable[[str], Key | None], clock: Callable[[], float] = time.time) -> None:
        self._lookup = lookup
        self._clock = clock

    def verify(self, request: SignedRequest) -> Principal:
        """Raises Problem(UNAUTHENTICATED)."""
        authorization = request.headers.get("authorization", "")
        if not authorization.startswith(SCHEME) or len(authorization) > _AUTHORIZATION_CHARS:
            raise _bad_token()
        access_key, *proof = authorization[len(SCHEME) :].split(":")
        key = self._lookup(access_key) or _NOBODY
        if len(proof) == 1:
            authentic = self._header_signature(key.secret, request, proof[0])
        elif len(proof) == 2:
            authentic = self._token(key.secret, request, *proof)
        else:
            authentic = False
        if not authentic or key is _NOBODY:
            raise _bad_token()
        return key.principal

    def _header_signature(self, secret: bytes, request: SignedRequest, given: str) -> bool:
        try:
            texts = [text_to_sign(request.method, path, request.headers) for path in _paths(request)]
        except UnicodeEncodeError:
            return False
        authentic = False
        for text in texts:
            authentic |= _same(signature(secret, text), given)
        date = _unix_seconds(request.headers.get("date", ""))
        return authentic and date is not None and abs(self._clock() - date) <= WINDOW_SECONDS

    def _token(self, secret: bytes, request: SignedRequest, given: str, encoded: str) -> bool:
        try:
            authentic = _same(signature(secret, encoded.encode("ascii")), given)
        except UnicodeEncodeError:
            return False
        if not authentic:
            return False  # nothing that a stranger wrote is parsed
        try:
            allowed = msgspec.json.decode(_decode(encoded), type=TokenDescription)
        except (binascii.Error, msgspec.DecodeError):
            return False
        get = request.headers.get
        return (
            self._clock() <= allowed.expires
            and allowed.resource.partition("?")[0] in _paths(request)
            and allowed.method == request.method
            and allowed.content_type == get("content-type", "")
            and allowed.content_md5 == get("content-md5", "")
            and allowed.headers == qiniu_headers(request.headers)
        )


def _bad_token() -> Problem:
    return Problem(Kind.UNAUTHENTICATED, "bad token")


def _paths(request: SignedRequest) -> tuple[str, ...]:
    """What a client may have signed: some sign the decoded path, some the raw one. A decoded path with a `%` left could
    be taken for the raw form of another, so there only the raw one counts."""
    if request.path == request.raw_path or "%" in request.path:
        return (request.raw_path,)
    return (request.path, request.raw_path)


def _same(expected: bytes, given: str) -> bool:
    """Whether `given` is the expected signature, in either base64 alphabet, padded or not; in constant time."""
    text = given.replace("+", "-").replace("/", "_")
    if "=" not in text:
        expected = expected.rstrip(b"=")
    return hmac.compare_digest(expected, text.encode("utf-8", "surrogatepass"))


def _decode(encoded: str) -> bytes:
    text = encoded.rstrip("=").replace("+", "-").replace("/", "_")
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


@lru_cache(maxsize=1024)
def _unix_seconds(date: str) -> int | None:
    """The time of a `Date` header (`Tue, 06 Jun 2017 08:00:00 GMT`); None for anything else."""
    match = _DATE.fullmatch(date)
    if match is None or match[2] not in _MONTHS:
        return None
    day, year, hour, minute, second = (int(match[i]) for i in (1, 3, 4, 5, 6))
    month = _MONTHS.index(match[2]) + 1
    if year < 1 or not 1 <= day <= calendar.monthrange(year, month)[1] or hour > 23 or minute > 59 or second > 60:
        return None
    return calendar.timegm((year, month, day, hour, minute, second))
