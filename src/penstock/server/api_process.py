"""An API process: granian inside our own event loop, on the socket that the supervisor bound.

What granian brings: HTTP/1.1 (with a limit and a time-out for request heads), HTTP/2 over TLS, TLS 1.2 or newer.
Slow bodies and bytes in flight are the faces' own business (`api.body_timeout_s`, `api.inflight_bytes`). On `stop` it
stops accepting, closes idle connections, and waits until every request in hand has its answer.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.server.embed import Server
from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.server import logging
from penstock.server.control import Control
from penstock.server.messages import Ready

BUFFER_BYTES = 408 * 1024
"""Read buffer of a connection, and so about the largest request head (431 beyond it). A smaller one makes bodies dear:
with 64 KiB a body of 1 MB costs five times the CPU."""


def run_api(control: Control) -> None:
    """Serve until told to stop; returns when every request in hand is answered. Raises OSError, ValueError."""
    uvloop.run(_serve(control))


async def _serve(control: Control) -> None:
    from penstock.server.api_services import api_services

    with api_services(control.settings) as services:
        from penstock.api import app

        server = InheritedSocketServer(
            Readiness(app.build(services), control), control, lambda: control.report(Ready())
        )
        loop = asyncio.get_running_loop()
        control.listen(on_stop=partial(_call_soon, loop, server.stop))
        gc.collect()
        gc.freeze()  # what is loaded now stays: the collector need not walk it again and again
        await server.serve()
        if not server.interrupt_signal:
            raise OSError("the HTTP server ended by itself")


def _call_soon(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    loop.call_soon_threadsafe(function)


class Readiness:
    """Answers /readyz with 503 while any process of the server is not ready; everything else is the app's."""

    def __init__(self, app: ASGIApp, control: Control) -> None:
        self._app = app
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        waiting_for = self._control.waiting_for
        if not waiting_for or scope.get("path") != "/readyz":
            await self._app(scope, receive, send)
            return
        body = msgspec.json.encode({"status": "not ready: waiting for " + ", ".join(waiting_for)})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class InheritedSocketServer(Server):
    """granian's embedded server on a socket that it did not make."""

    def __init__(self, app: ASGIApp, control: Control, on_serving: Callable[[], None]) -> None:
        settings = control.settings.server
        tls = bool(settings.tls_cert)
        super().__init__(
            app,
            interface=Interfaces.ASGINL,
            http=HTTPModes.auto if tls else HTTPModes.http1,
            websockets=False,
            backlog=settings.backlog,
            backpressure=settings.backlog,
            http1_settings=HTTP1Settings(
                header_read_timeout=int(settings.header_timeout_s * 1000), max_buffer_size=BUFFER_BYTES
            ),
            ssl_cert=Path(settings.tls_cert) if tls else None,
            ssl_key=Path(settings.tls_key) if tls else None,
            ssl_protocol_min=SSLProtocols.tls12,
        )
        logging.configure(settings.log_level, settings.log_format, control.assignment.name)  # over granian's own
        self._listen_fd = control.assignment.listen_fd
        self._on_serving = on_serving

    def _init_shared_socket(self) -> None:
        self._ssp = None
        self._shd = SocketHolder(self._listen_fd, False, self.backlog)  # type: ignore[call-arg, assignment]

    def _spawn_workers(self, spawn_target: Any, target_loader: Any) -> None:
        super()._spawn_workers(spawn_target, target_loader)  # type: ignore[no-untyped-call]
        asyncio.get_running_loop().call_soon(self._on_serving)  # after the worker's own first step
