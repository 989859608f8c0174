"""HTTP/1.1 posts of requests built and signed beforehand, over one kept connection."""

from __future__ import annotations

import gzip
import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.auth.pandora_sign import sign


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request as it goes over the wire, and how many bytes of records it carries."""

    wire: bytes
    record_bytes: int


def build_post(key: tuple[str, str], path: str, body: bytes, *, gz: bool = True) -> Request:
    """A signed post of a body in the text format. Good for the 15 minutes that a signature's date is."""
    headers = {"Content-Type": "text/plain"}
    headers |= sign(*key, "POST", path, headers, now=time.time())
    sent = gzip.compress(body, 6) if gz else body
    if gz:
        headers["Content-Encoding"] = "gzip"
    headers |= {"Host": "127.0.0.1", "Content-Length": str(len(sent))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return Request(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + sent, len(body))


class HttpClient:
    """Sends `requests` in turn. With `patient`, a 503 is waited out for exactly as long as `Retry-After` says, and a
    connection that the server closed is opened again; any other answer than 200 ends the benchmark."""

    def __init__(self, port: int, requests: Sequence[Request], *, patient: bool = False) -> None:
        self._port = port
        self._requests = requests
        self._patient = patient
        self._not_before = 0.0

    def connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def exchange(self, turn: int) -> int:
        request = self._requests[turn % len(self._requests)]
        time.sleep(max(0.0, self._not_before - time.monotonic()))
        whole = self._send(request.wire)
        head, body = self._receive()
        status = int(head[9:12])
        if status == 200:
            return request.record_bytes
        if status != 503 or not self._patient:
            raise RuntimeError(f"the server answered {head.decode()}{body.decode()}")
        self._not_before = time.monotonic() + int(_header(head, b"retry-after"))
        if not whole or _header(head, b"connection").lower() == b"close":
            self._socket.close()
            self.connect()
        return 0

    def _send(self, wire: bytes) -> bool:
        """True when all of it went out; False when the answer came first."""
        if len(wire) < 65536:
            self._socket.sendall(wire)
            return True
        view, sent = memoryview(wire), 0
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | select.POLLOUT)
        self._socket.setblocking(False)
        try:
            while sent < len(view):
                [(_, events)] = poll.poll(60_000)
                if events & select.POLLIN:
                    return False
                sent += self._socket.send(view[sent:])
        finally:
            self._socket.settimeout(60)
        return True

    def _receive(self) -> tuple[bytes, bytes]:
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more()
        head, body = received[: end + 2], received[end + 4 :]
        length = int(_header(head, b"content-length"))
        while len(body) < length:
            body += self._more()
        return head, body

    def _more(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection without an answer")
        return data


def _header(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return b""
