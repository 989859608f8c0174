"""The listening socket: bound once by the supervisor, inherited by every API process, so that no waiting connection is
lost when one of them dies."""

from __future__ import annotations

import socket

from penstock.server.server_settings import parse_listen


class CannotListen(Exception):
    """The address is taken or is not this machine's; the message names it."""


def listen(address: str, backlog: int) -> socket.socket:
    """A non-blocking TCP socket that listens on `host:port`. Raises CannotListen."""
    host, port = parse_listen(address)
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            listener.bind(target)
            listener.listen(backlog)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise CannotListen(f"cannot listen on {address}: {error.strerror or error}") from None
    listener.setblocking(False)
    return listener


def url(listener: socket.socket, tls: bool) -> str:
    """The address for people and clients, with the port that was taken."""
    host, port = listener.getsockname()[:2]
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
