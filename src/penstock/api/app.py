"""One ASGI app over all faces: picks the face by the path, and answers for the server itself."""

from __future__ import annotations

import secrets
import shutil
from ipaddress import ip_address
from typing import TYPE_CHECKING

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.api.docs_page import page
from penstock.api.openapi import document
from penstock.api.pipeline.face import PipelineFace
from penstock.api.pipeline.table import ROUTES

if TYPE_CHECKING:
    from penstock.api.services import Services


class App:
    """`/v2` to the pipeline face; health, metrics and docs to pages that need no key."""

    def __init__(self, services: Services) -> None:
        self._pipeline = PipelineFace(services, ROUTES)
        self._pages: ASGIApp = _pages(services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["path"] == "/v2" or scope["path"].startswith("/v2/")):
            await self._pipeline(scope, receive, send)
        else:
            await self._pages(scope, receive, _with_request_id(send))


def build(services: Services) -> ASGIApp:
    """The ASGI app of one API process."""
    return App(services)


def _pages(services: Services) -> Starlette:
    calls = document(ROUTES)
    openapi_body, docs_body = msgspec.json.encode(calls), page(calls)

    async def index(_: Request) -> Response:
        return RedirectResponse("/docs")

    async def docs(_: Request) -> Response:
        return HTMLResponse(docs_body)

    async def healthz(_: Request) -> Response:
        return _json({"status": "alive"})

    async def readyz(_: Request) -> Response:
        """Ready: the catalog answers and posts would be taken."""
        services.catalog.generation()
        free = shutil.disk_usage(services.data.root).free
        if free < services.disk_reserve_bytes:
            return _json({"status": "disk reserve reached: posts are refused", "free_bytes": free}, 503)
        return _json({"status": "ready"})

    async def metrics(request: Request) -> Response:
        if not services.settings.metrics_open and not _is_local(request):
            return _json({"error": "E18665: /metrics is for callers on this machine (setting api.metrics_open)"}, 403)
        return Response(services.render_metrics(), media_type="text/plain; version=0.0.4")

    async def openapi(_: Request) -> Response:
        return Response(openapi_body, media_type="application/json")

    async def missing(request: Request, _: Exception) -> Response:
        return _json({"error": f"E9001: no such call: {request.method} {request.url.path[:200]}; see /docs"}, 404)

    return Starlette(
        routes=[
            Route("/", index),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            Route("/docs", docs),
            Route("/docs/openapi.json", openapi),
        ],
        exception_handlers={404: missing, 405: missing},
    )


def _is_local(request: Request) -> bool:
    return request.client is not None and ip_address(request.client.host).is_loopback


def _with_request_id(send: Send) -> Send:
    """Every reply has an X-Reqid: clients show it, and one takes a reply without it for no reply of ours."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"x-reqid", secrets.token_urlsafe(12).encode())]
        await send(message)

    return sending


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
