"""The Pandora signing scheme (wire notes, section 1): what is signed and how. Clients sign with this; the verifier
checks with the same functions."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from email.utils import formatdate
from typing import Annotated

import msgspec

SCHEME = "Pandora "
PREFIX = "x-qiniu-"


class TokenDescription(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What a token allows: one method on one path, until `expires` (unix seconds)."""

    resource: str
    expires: Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
    method: str
    content_type: str = ""
    content_md5: str = msgspec.field(name="contentMD5", default="")
    headers: str = ""


def qiniu_headers(headers: Mapping[str, str]) -> str:
    """The signed headers' part of what is signed: each `\\n<lower-case name>:<value>`, sorted by name. Keys of
    `headers` are in lower case."""
    names = sorted(name for name in headers if name.startswith(PREFIX) and len(name) > len(PREFIX))
    return "".join(f"\n{name}:{headers[name]}" for name in names)


def text_to_sign(method: str, resource: str, headers: Mapping[str, str]) -> bytes:
    """`resource` is the path alone: the query is never signed. Keys of `headers` are in lower case; values are text of
    one character a byte, as HTTP has them."""
    get = headers.get
    head = f"{method}\n{get('content-md5', '')}\n{get('content-type', '')}\n{get('date', '')}\n{qiniu_headers(headers)}"
    return head.encode("latin-1") + resource.encode()


def signature(secret: bytes, text: bytes) -> bytes:
    """URL-safe base64, padded, of HMAC-SHA1."""
    return base64.urlsafe_b64encode(hmac.digest(secret, text, "sha1"))


def sign(
    access_key: str, secret_key: str, method: str, path: str, headers: Mapping[str, str] | None = None, *, now: float
) -> dict[str, str]:
    """The headers `Date` and `Authorization` to send with a request on `path` (no query) that has `headers`. A `Date`
    among them is kept."""
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    date = lower.setdefault("date", formatdate(now, usegmt=True))
    signed = signature(secret_key.encode(), text_to_sign(method, path, lower)).decode()
    return {"Date": date, "Authorization": f"{SCHEME}{access_key}:{signed}"}


def make_token(access_key: str, secret_key: str, description: TokenDescription) -> str:
    """The `Authorization` value that carries the description."""
    encoded = base64.urlsafe_b64encode(msgspec.json.encode(description))
    return f"{SCHEME}{access_key}:{signature(secret_key.encode(), encoded).decode()}:{encoded.decode()}"
