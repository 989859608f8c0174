"""JSON bodies of the pipeline face, as clients send them: unknown keys are ignored, no media type is asked for."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec

from penstock.api.body import read_body
from penstock.api.routes import Call
from penstock.model.errors import Kind, Problem

T = TypeVar("T")

NeededSchema = Annotated[Any, msgspec.Meta(description="字段信息: an array of Field, needed (E18105)")]


class Empty(msgspec.Struct):
    """Nothing to say: `{}`."""


class CreateRepo(msgspec.Struct, kw_only=True):
    """A new message queue (创建消息队列)."""

    region: str
    schema: NeededSchema = None
    options: Any = None
    group: str | None = None
    workflow: str | None = None
    ruleNames: list[str] | None = None  # noqa: N815 - the wire's spelling
    description: str | None = None


class UpdateRepo(msgspec.Struct, kw_only=True):
    """The full new schema; a key that is absent or null keeps what is stored."""

    schema: NeededSchema = None
    options: Any = None
    ruleNames: list[str] | None = None  # noqa: N815
    description: str | None = None


class CreateExport(msgspec.Struct, kw_only=True):
    """A new export: `spec` depends on `type`; `whence` is empty, null, oldest or newest."""

    type: str
    spec: dict[str, Any]
    whence: str | None = None


class UpdateExport(msgspec.Struct, kw_only=True):
    """Only `spec` can be changed (仅支持对 spec 的修改); `type` and `whence` are refused."""

    spec: dict[str, Any]
    type: str | None = None
    whence: str | None = None


async def read_json(call: Call, shape: type[T]) -> T:
    """The body as that shape. Raises BODY_EMPTY, BODY_MALFORMED (with the place) or BODY_TOO_LARGE."""
    services = call.services
    body = await read_body(call.request, services.limits.definition_bytes, services.settings.body_timeout_s)
    if not body.strip():
        raise Problem(Kind.BODY_EMPTY, "the body is empty: send a JSON object")
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(Kind.BODY_MALFORMED, f"the body is not the JSON that this call takes: {error}") from None
