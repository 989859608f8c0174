"""What the HTTP server itself promises: TLS, limits on request heads, slow clients, readiness."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from e2e.support.client import SignedClient
from e2e.support.server import Server, running_server
from penstock.server.api_process import BUFFER_BYTES, Readiness

KEY = ("ak_tls", "tls-secret-6fd2")


def self_signed(folder: Path) -> dict[str, str]:
    """A certificate for 127.0.0.1 and its key, as settings."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "penstock test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    return {"tls_cert": str(folder / "cert.pem"), "tls_key": str(folder / "key.pem")}


def test_tls(tmp_path: Path) -> None:
    settings = self_signed(tmp_path)
    trusted = ssl.create_default_context(cafile=settings["tls_cert"])
    with running_server(keys=[KEY], settings={"server": settings}) as server:
        assert server.url.startswith("https://127.0.0.1:")
        with SignedClient(server.url, *KEY, verify=trusted) as client:
            client.ok("POST", "/v2/repos/src", {"region": "nb", "schema": [{"key": "n", "valtype": "long"}]})
            client.ok("POST", "/v2/repos/src/data", b"n=1\n" * 10_000, gz=True)
        old = ssl.create_default_context(cafile=settings["tls_cert"])
        with pytest.warns(DeprecationWarning):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(ssl.SSLError), socket.create_connection((server.host, server.port)) as plain:
            old.wrap_socket(plain, server_hostname=server.host)
        newest = ssl.create_default_context(cafile=settings["tls_cert"])
        newest.maximum_version = ssl.TLSVersion.TLSv1_2
        with (
            socket.create_connection((server.host, server.port)) as plain,
            newest.wrap_socket(plain, server_hostname=server.host) as wrapped,
        ):
            assert wrapped.version() == "TLSv1.2"


def test_a_certificate_that_cannot_be_used_ends_the_start(tmp_path: Path) -> None:
    settings = self_signed(tmp_path)
    Path(settings["tls_key"]).write_text("no key")
    with (
        pytest.raises(AssertionError, match="penstock: api-"),
        running_server(settings={"server": settings | {"api_processes": 1}}),
    ):
        pytest.fail("it started")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server(settings={"server": {"api_processes": 1, "header_timeout_s": 1.0}}) as started:
        yield started


def connect(server: Server) -> socket.socket:
    return socket.create_connection((server.host, server.port), timeout=20)


def test_a_head_that_is_too_large_is_refused(server: Server) -> None:
    with connect(server) as connection:
        with suppress(ConnectionError):  # it may hang up before it has read everything
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Large: " + b"x" * 4 * BUFFER_BYTES)
        with suppress(ConnectionError):
            assert connection.recv(65536)[:12] in (b"HTTP/1.1 431", b"")
    assert httpx.get(f"{server.url}/healthz", headers={"X-Large": "x" * (BUFFER_BYTES // 2)}).status_code == 200


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_does_not_come_is_not_waited_for(server: Server, sent: bytes) -> None:
    with connect(server) as connection:
        started = time.monotonic()
        connection.sendall(sent)
        assert not connection.recv(65536).startswith(b"HTTP/1.1 2")
        assert time.monotonic() - started < 10


def test_a_connection_is_kept_for_the_next_request(server: Server) -> None:
    with connect(server) as connection:
        for _ in range(3):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")


class Waiting:
    """A control that waits for these."""

    waiting_for: tuple[str, ...] = ("flows-0",)


def test_readiness_is_the_whole_servers() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"app"})

    def get(path: str, control: Waiting) -> httpx.Response:
        async def fetch() -> httpx.Response:
            transport = httpx.ASGITransport(Readiness(app, control))  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                return await client.get(path)

        return asyncio.run(fetch())

    control = Waiting()
    assert get("/readyz", control).status_code == 503
    assert "flows-0" in get("/readyz", control).text
    assert get("/healthz", control).text == "app"
    control.waiting_for = ()
    assert get("/readyz", control).text == "app"
