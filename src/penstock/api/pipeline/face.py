"""The pipeline face as an ASGI app: who asks, may they, what do they get, and which error shape says no."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Any

import structlog
from starlette.requests import Request
from starlette.routing import Match, Router
from starlette.routing import Route as StarletteRoute
from starlette.types import Receive, Scope, Send

from penstock.api import metrics
from penstock.api.incoming import Incoming
from penstock.api.pipeline.errors import wire
from penstock.api.routes import Call, Reply, Route
from penstock.api.services import Services
from penstock.auth.authorize import authorize
from penstock.auth.pandora import SignedRequest
from penstock.auth.resource_owner import resolve
from penstock.model.errors import Kind, Problem

log = structlog.get_logger("penstock.api")
JSON = (b"content-type", b"application/json")
"""Exactly this, no charset: wire notes section 0, point 2."""


class PipelineFace:
    """Serves one route table."""

    def __init__(self, services: Services, routes: Sequence[Route]) -> None:
        self._services = services
        self._router = Router(
            [StarletteRoute(r.template, _Endpoint(r), methods=[r.method]) for r in routes], redirect_slashes=False
        )
        for starlette_route, route in zip(self._router.routes, routes, strict=True):
            assert isinstance(starlette_route, StarletteRoute)
            starlette_route.methods = {route.method}  # no HEAD beside GET: a face answers what its contract lists

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        reqid = secrets.token_urlsafe(12)
        incoming = Incoming(scope, receive)
        route, request = self._match(scope, incoming)
        try:
            reply = await self._answer(route, request, reqid)
            status, headers, body = 200, reply.headers, reply.body
        except Problem as problem:
            status, headers, body = wire(problem)
            if status >= 500:
                log.warning("refused", reqid=reqid, method=scope["method"], path=scope["path"], reason=problem.message)
        except Exception:
            log.exception("failed", reqid=reqid, method=scope["method"], path=scope["path"])
            status, headers, body = wire(
                Problem(Kind.INTERNAL, f"the server failed; its log has the cause under request {reqid}")
            )
        if status != 200:
            await incoming.drain(self._services.settings.body_timeout_s)
        await _send(send, status, reqid, headers, body)
        metrics.requests.labels("pipeline", route.template if route else "-", str(status)).inc()
        metrics.request_seconds.labels("pipeline").observe(time.perf_counter() - started)

    def _match(self, scope: Scope, receive: Receive) -> tuple[Route | None, Request]:
        for candidate in self._router.routes:
            match, child = candidate.matches(scope)
            if match is Match.FULL:
                scope.update(child)
                return scope["endpoint"].route, Request(scope, receive)
        return None, Request(scope, receive)

    async def _answer(self, route: Route | None, request: Request, reqid: str) -> Reply:
        scope = request.scope
        principal = self._services.verifier.verify(
            SignedRequest.of(request.method, scope["path"], scope.get("raw_path"), scope["headers"])
        )
        if route is None:
            raise self._no_route(request)
        principal = resolve(self._services.catalog, principal, request.headers.get("x-resource-owner"))
        authorize(principal, route.action, principal.owner)
        return await route.handler(Call(self._services, request, principal, principal.owner, reqid))

    def _no_route(self, request: Request) -> Problem:
        scope = request.scope
        methods = {
            m
            for r in self._router.routes
            if r.matches(scope)[0] is Match.PARTIAL
            for m in (r.methods if isinstance(r, StarletteRoute) and r.methods else ())
        }
        if methods:
            return Problem(
                Kind.METHOD_NOT_ALLOWED, f"{request.method} is not a call here; use {', '.join(sorted(methods))}"
            )
        return Problem(Kind.ROUTE_MISSING, f"no such call: {request.method} {scope['path'][:200]}; see /docs")


class _Endpoint:
    """Carries a row of the table through Starlette's router, which only matches paths for us."""

    def __init__(self, route: Route) -> None:
        self.route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("the face calls handlers itself")


async def _send(send: Send, status: int, reqid: str, headers: dict[str, str], body: bytes) -> None:
    wire_headers: list[tuple[bytes, bytes]] = [
        JSON,
        (b"x-reqid", reqid.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    wire_headers.extend((k.lower().encode(), v.encode()) for k, v in headers.items())
    start: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": wire_headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})
