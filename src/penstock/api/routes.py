"""The route table's row: the one source of routing, authorization, the OpenAPI document and the docs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.auth.authorize import Action
from penstock.catalog.audit import AuditEntry

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from starlette.requests import Request

    from penstock.api.services import Services
    from penstock.auth.principal import Principal


@dataclass(slots=True)
class Call:
    """One authorized request on its way through a handler. `owner` is whose things it is about."""

    services: Services
    request: Request
    principal: Principal
    owner: str
    reqid: str

    def path(self, name: str) -> str:
        value: str = self.request.path_params[name]
        return value

    async def change(self, action: str, thing: str, write: Callable[[Connection], object]) -> None:
        """Run `write` as one audited change of the catalog; returns when it is committed."""
        entry = AuditEntry(
            owner=self.owner, principal=self.principal.name, action=action, object=thing, request_id=self.reqid
        )
        await asyncio.wrap_future(self.services.catalog.change(entry, write))


@dataclass(slots=True)
class Reply:
    """A successful answer: 200, JSON."""

    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Route:
    """`template` names path parts in braces; `body` and `reply` are the types of the JSON, for the OpenAPI document."""

    method: str
    template: str
    action: Action
    handler: Handler
    summary: str
    body: Any = None
    reply: Any = None
    query: tuple[tuple[str, str], ...] = ()
    needs: tuple[str, ...] = ()
    """Keys that the body must have though its type gives them a default: their absence has an error of its own."""
    data: bool = False
    """True for routes whose body is records, not JSON definitions."""


def json_reply(value: object) -> Reply:
    return Reply(msgspec.json.encode(value))
