"""Bodies that are too large, lie about themselves, unpack without end, or never arrive."""

from __future__ import annotations

import gzip
import itertools
import socket
import time
from email.utils import formatdate
from typing import Any

import pytest

from e2e.clients import Client, Headers, Key, connected
from e2e.security.conftest import SCHEMA, Fort, bad_token, done, refused
from e2e.support.server import running_server

BODY_BYTES = 2 * 1024 * 1024
"""`limits.body_bytes`"""
DEFINITION_BYTES = 1024 * 1024
"""`limits.definition_bytes`"""
GROWTH_BYTES = 64 * 1024 * 1024
"""How much the server's whole tree may grow while it refuses bombs: some bodies at their limit, never the bomb."""
GZIP = {"Content-Encoding": "gzip"}
_KEY = Key("ak_owner", "owner-secret-3f9a1c52")


def text_of(size: int) -> bytes:
    """Records of 1 KiB in the text format, `size` bytes in all."""
    line = b"f1=" + b"x" * 1020 + b"\n"
    whole, rest = divmod(size - 3, len(line))
    return line * whole + b"f1=" + b"y" * rest


def bomb(mebibytes: int) -> bytes:
    """A gzip body that unpacks to that size: one member a mebibyte."""
    return gzip.compress(b"f1=" + b"x" * (2**20 - 4) + b"\n", 9) * mebibytes


# gzip


@pytest.mark.parametrize("mebibytes", [3, 64, 1024])
def test_a_bomb_of_members_is_refused_in_flat_memory(fort: Fort, mebibytes: int) -> None:
    _refuse_flat(fort, bomb(mebibytes))


def test_a_bomb_of_one_member_is_refused_in_flat_memory(fort: Fort) -> None:
    _refuse_flat(fort, gzip.compress(bytes(256 * 2**20), 6))


def _refuse_flat(fort: Fort, body: bytes) -> None:
    assert len(body) < BODY_BYTES
    target = f"/v2/repos/{fort.repo()}/data"
    before = fort.resident_bytes()
    cpu_before = fort.cpu_seconds()
    for _ in range(5):
        refused(fort.owner.call("POST", target, body, headers=GZIP), 413, "E18005")
        assert fort.resident_bytes() - before < GROWTH_BYTES
    assert fort.cpu_seconds() - cpu_before < 5
    assert done(fort.owner.call("GET", target)).json()["records"] == []


def test_thousands_of_empty_members_cost_no_time(fort: Fort) -> None:
    """Each member is tiny: work that grows with their square would hold a processor for minutes."""
    body = gzip.compress(b"") * (BODY_BYTES // 20) + gzip.compress(b"f1=last")
    before = fort.cpu_seconds()
    refused(fort.owner.call("POST", f"/v2/repos/{fort.repo()}/data", body[:BODY_BYTES], headers=GZIP), 400, "E18125")
    assert fort.cpu_seconds() - before < 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body[:-1],
        lambda body: body[:-8],
        lambda body: body[: len(body) // 2],
        lambda body: body[:9],
        lambda body: body[:1],
        lambda body: body + b"\0",
        lambda body: body + b"trailing",
        lambda body: body + body[:12],
        lambda body: b"f1=plain",
        lambda body: body[:-8] + bytes(4) + body[-4:],
        lambda body: body[:-4] + bytes(4),
        lambda body: body[:3] + b"\xff" + body[4:],
        lambda body: body[:12] + bytes([body[12] ^ 0xFF]) + body[13:],
        lambda body: b"\x1f\x8b" + bytes(1000),
        lambda body: b"\x28\xb5\x2f\xfd" + body,
    ],
)
def test_damaged_gzip_is_refused_and_nothing_of_it_stored(fort: Fort, spoil: Any) -> None:
    target = f"/v2/repos/{fort.repo()}/data"
    whole = gzip.compress(b"".join(b"f1=%d\n" % n for n in range(1000)))
    refused(fort.owner.call("POST", target, spoil(whole), headers=GZIP), 400, "E18125")
    assert done(fort.owner.call("GET", target)).json()["records"] == []


def test_several_members_are_one_body(fort: Fort) -> None:
    """RFC 1952, 2.2: members are read one after the other."""
    target = f"/v2/repos/{fort.repo()}/data"
    done(fort.owner.call("POST", target, gzip.compress(b"f1=a\nf1=") + gzip.compress(b"b\n"), headers=GZIP))
    records = done(fort.owner.call("GET", target)).json()["records"]
    assert sorted(r["f1"] for r in records) == ["a", "b"]


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "gzip\tgzip", "x" * 3000])
def test_another_encoding_is_refused(fort: Fort, encoding: str) -> None:
    headers = {"Content-Encoding": encoding}
    reply = fort.raw().call("POST", f"/v2/repos/{fort.repo()}/data", gzip.compress(b"f1=a"), headers=headers)
    assert 400 <= reply.status < 500


# size


def test_a_body_at_the_limit_is_taken_and_one_byte_more_is_not(fort: Fort) -> None:
    target = f"/v2/repos/{fort.repo()}/data"
    done(fort.owner.call("POST", target, text_of(BODY_BYTES)))
    refused(fort.owner.call("POST", target, text_of(BODY_BYTES + 1)), 413, "E18005")
    done(fort.owner.call("POST", target, gzip.compress(text_of(BODY_BYTES), 1), headers=GZIP))
    refused(fort.owner.call("POST", target, gzip.compress(text_of(BODY_BYTES + 1), 1), headers=GZIP), 413, "E18005")


def test_a_refusal_reaches_a_client_that_is_still_sending(fort: Fort) -> None:
    """Clients write the whole body before they read: a refusal known from the head alone must survive that, since they
    act on its code (make the repo, halve the batch)."""
    there = f"/v2/repos/{fort.repo()}/data"
    body = text_of(BODY_BYTES)
    for _ in range(5):
        refused(fort.raw().call("POST", "/v2/repos/missing/data", body), 404, "E18102")
        refused(fort.raw().call("POST", there, body + b"\nf1=more"), 413, "E18005")
        refused(fort.raw().call("POST", there, body * 4), 413, "E18005")
        refused(fort.raw().call("POST", f"{there}?tags=!", body), 400, "E18138")
        bad_token(fort.raw().call("POST", there, body, key=Key(fort.owner.key.access, "wrong")))
        refused(fort.raw().call("POST", there, body, headers={"X-Resource-Owner": "nobody"}), 404, "E18664")
        fort.close_raw()


def test_a_far_larger_body_is_refused_before_it_is_read(fort: Fort) -> None:
    target = f"/v2/repos/{fort.repo()}/data"
    before = fort.resident_bytes()
    reply, _ = _talk(fort, _head(fort, "POST", target, [("Content-Length", str(10 * 2**40))]) + b"f1=a")
    assert b" 413 " in reply.split(b"\r\n")[0]
    assert b"E18005" in reply
    assert fort.resident_bytes() - before < GROWTH_BYTES


def test_a_definition_over_its_limit_is_refused(fort: Fort) -> None:
    body = {"region": "nb", "schema": SCHEMA, "padding": "x" * DEFINITION_BYTES}
    refused(fort.raw().call("POST", "/v2/repos/huge", body), 413, "E18005")


def test_an_empty_body_is_refused(fort: Fort) -> None:
    name = fort.repo()
    refused(fort.owner.call("POST", f"/v2/repos/{name}/data", b""), 400, "E18006")
    refused(fort.owner.call("POST", f"/v2/repos/{name}/data", gzip.compress(b""), headers=GZIP), 400, "E18006")
    refused(fort.owner.call("POST", "/v2/repos/empty", b""), 400, "E18006")
    refused(fort.owner.call("PUT", f"/v2/repos/{name}", b""), 400, "E18006")


@pytest.mark.parametrize("body", [b"[" * 500_000, b'{"f1":' * 300_000, b'[{"f1":' + b"[" * 400_000])
def test_deep_nesting_is_refused(fort: Fort, body: bytes) -> None:
    target = f"/v2/repos/{fort.repo()}"
    as_json = {"Content-Type": "application/json"}
    for method, path in (("POST", f"{target}/data"), ("PUT", target), ("POST", "/v2/repos/deep")):
        reply = fort.raw().call(method, path, body, headers=as_json)
        assert reply.status in (400, 413), (reply.status, reply.body[:300])


def test_a_number_of_a_million_digits_costs_no_time(fort: Fort) -> None:
    name = fort.repo(schema=[{"key": "n", "valtype": "long"}, {"key": "f", "valtype": "float"}])
    digits = b"9" * 1_000_000
    before = fort.cpu_seconds()
    for key, as_json in itertools.product((b"n", b"f"), (True, False)):
        body = b'[{"%s":%s}]' % (key, digits) if as_json else b"%s=%s" % (key, digits)
        headers = {"Content-Type": "application/json"} if as_json else {}
        refused(fort.owner.call("POST", f"/v2/repos/{name}/data", body, headers=headers), 400, "E18110")
    assert fort.cpu_seconds() - before < 2


def test_the_reply_to_a_refused_body_is_small(fort: Fort) -> None:
    """A client cannot make the server say back what it was sent."""
    target = f"/v2/repos/{fort.repo()}/data"
    for body in (
        b"x" * BODY_BYTES,
        b"nofield=1\n" * 200_000,
        b"a" * (BODY_BYTES - 10) + b"=1",
        b"q\n" * 10**6,
    ):
        reply = fort.owner.call("POST", target, body)
        assert 400 <= reply.status < 500
        assert len(reply.body) < 32 * 1024


def test_oversized_heads_are_refused(fort: Fort) -> None:
    name = fort.repo()
    for method, target, headers in (
        ("GET", f"/v2/repos/{'x' * 129}", {}),
        ("GET", f"/v2/repos/{'x' * 8000}", {}),
        ("GET", f"/v2/repos?{'q' * 60_000}", {}),
        ("GET", f"/v2/repos/{name}?" + "&".join(f"a{n}=1" for n in range(9000)), {}),
        ("GET", "/v2/repos", {"X-Filler": "x" * 200_000}),
        ("GET", "/v2/repos", {f"X-Filler-{n}": "x" for n in range(2000)}),
        ("POST", f"/v2/repos/{name}/data?tags={'A' * 50_000}", {}),
    ):
        client = fort.raw()
        try:
            reply = client.call(method, target, b"f1=a" if method == "POST" else None, headers=headers)
        except OSError:
            continue  # closed at once: as good
        assert reply.status < 500 or reply.status == 505, (target[:60], reply.status)
        client.close()


def test_schemas_at_and_over_their_limits(fort: Fort) -> None:
    def fields(count: int) -> list[dict[str, Any]]:
        return [{"key": f"f{n}", "valtype": "long"} for n in range(count)]

    def maps(levels: int) -> dict[str, Any]:
        inner = [maps(levels - 1)] if levels > 1 else [{"key": "leaf", "valtype": "long"}]
        return {"key": "m", "valtype": "map", "schema": inner}

    name = fort.repo(schema=fields(500))
    done(fort.owner.call("DELETE", f"/v2/repos/{name}"))
    nested = [{"key": "m", "valtype": "map", "schema": fields(499)}]
    done(fort.owner.call("DELETE", f"/v2/repos/{fort.repo(schema=nested)}"))
    done(fort.owner.call("DELETE", f"/v2/repos/{fort.repo(schema=[maps(5)])}"))
    for schema, code in (
        (fields(501), "E18134"),
        ([*nested, {"key": "one_more", "valtype": "long"}], "E18134"),
        ([maps(6)], "E18109"),
        ([maps(300)], "E18109"),
        ([{"key": "k" * 129, "valtype": "long"}], "E18106"),
        ([], "E18105"),
    ):
        refused(fort.owner.call("POST", "/v2/repos/toomuch", {"region": "nb", "schema": schema}), 400, code)
    refused(fort.owner.call("POST", f"/v2/repos/{'n' * 129}", {"region": "nb", "schema": SCHEMA}), 400, "E18103")
    long_text = {"region": "nb", "schema": SCHEMA, "description": "d" * 1501}
    refused(fort.owner.call("POST", "/v2/repos/toomuch", long_text), 400, "E18136")


# length


def test_a_body_without_a_length_is_refused(fort: Fort) -> None:
    target = f"/v2/repos/{fort.repo()}/data"
    chunked = _head(fort, "POST", target, [("Transfer-Encoding", "chunked")]) + b"4\r\nf1=a\r\n0\r\n\r\n"
    reply, _ = _talk(fort, chunked)
    assert b" 411 " in reply.split(b"\r\n")[0], reply
    assert b"E18003" in reply
    assert done(fort.owner.call("GET", target)).json()["records"] == []


@pytest.mark.parametrize("length", ["-1", "4 4", "0x4", "4,4", "+4", "four", "", "1e1", "99999999999999999999999", "٤"])
def test_a_length_that_is_no_number_is_refused(fort: Fort, length: str) -> None:
    target = f"/v2/repos/{fort.repo()}/data"
    reply, _ = _talk(fort, _head(fort, "POST", target, [("Content-Length", length)]) + b"f1=a")
    assert reply[:10] in (b"HTTP/1.1 4", b""), reply
    assert done(fort.owner.call("GET", target)).json()["records"] == []


def test_a_body_shorter_than_its_length_is_not_stored(fort: Fort) -> None:
    target = f"/v2/repos/{fort.repo()}/data"
    _, _ = _talk(fort, _head(fort, "POST", target, [("Content-Length", "4000")]) + b"f1=a\nf1=b\n", half_close=True)
    assert done(fort.owner.call("GET", target)).json()["records"] == []


def test_bytes_after_a_body_are_not_read_as_an_authorized_request(fort: Fort) -> None:
    """Smuggling: whatever follows the declared body must be a request of its own, and signed as one."""
    target = f"/v2/repos/{fort.repo()}/data"
    hidden = f"DELETE {target.removesuffix('/data')} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    both = [("Content-Length", "4"), ("Transfer-Encoding", "chunked")]
    for request in (
        _head(fort, "POST", target, [("Content-Length", "4")]) + b"f1=a" + hidden,
        _head(fort, "POST", target, both) + b"0\r\n\r\n" + hidden,
        _head(fort, "POST", target, [*both[::-1]]) + b"4\r\nf1=a\r\n0\r\n\r\n" + hidden,
        _head(fort, "POST", target, [("Content-Length", "4"), ("Content-Length", "5")]) + b"f1=ab" + hidden,
    ):
        reply, _ = _talk(fort, request, half_close=True)
        assert reply.count(b"HTTP/1.1 200") <= 1, reply
        done(fort.owner.call("GET", target))


# time


def test_slow_senders_are_given_up_and_hold_up_nobody() -> None:
    settings = {"api": {"body_timeout_s": 2.0}, "server": {"header_timeout_s": 2.0}}
    with running_server(keys=[(_KEY.access, _KEY.secret)], settings=settings) as server:
        fort = Fort(server, *[Client(server.host, server.port, _KEY)] * 4)
        target = f"/v2/repos/{fort.repo()}/data"
        slow_bodies = [
            _open(fort, _head(fort, "POST", target, [("Content-Length", "4000")]) + b"f1=") for _ in range(20)
        ]
        slow_heads = [_open(fort, b"POST /v2/repos/x/data HTTP/1.1\r\nHost: x\r\nX-Slow: ") for _ in range(20)]
        started = time.monotonic()
        with connected(server.host, server.port, _KEY) as client:
            done(client.call("POST", target, b"f1=quick"))
        assert time.monotonic() - started < 2, "the slow ones held up the quick one"
        for connection in slow_bodies:
            assert b" 40" in connection.recv(65536).split(b"\r\n")[0]
            connection.close()
        for connection in slow_heads:
            assert connection.recv(65536)[:12] in (b"", b"HTTP/1.1 408", b"HTTP/1.1 400")
            connection.close()
        assert time.monotonic() - started < 15
        fort.owner.close()
        assert done(fort.owner.call("GET", target)).json()["records"] == [{"f1": "quick"}]
        fort.owner.close()


def _head(fort: Fort, method: str, target: str, more: Headers) -> bytes:
    """The head of a signed request with exactly these further headers."""
    headers = [("Host", "x"), ("Date", formatdate(usegmt=True)), ("Content-Type", "text/plain"), *more]
    headers.append(("Authorization", fort.owner.key.header(method, target.partition("?")[0], headers)))
    return "".join([f"{method} {target} HTTP/1.1\r\n", *(f"{n}: {v}\r\n" for n, v in headers), "\r\n"]).encode()


def _open(fort: Fort, data: bytes) -> socket.socket:
    connection = socket.create_connection((fort.server.host, fort.server.port), timeout=10)
    connection.sendall(data)
    return connection


def _talk(fort: Fort, data: bytes, *, half_close: bool = False) -> tuple[bytes, bool]:
    """(all that came back until the server closed or fell silent for a second, whether it closed)."""
    with _open(fort, data) as connection:
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        connection.settimeout(1)
        parts: list[bytes] = []
        try:
            while part := connection.recv(65536):
                parts.append(part)
        except TimeoutError:
            return b"".join(parts), False
        except ConnectionResetError:
            pass
        return b"".join(parts), True
