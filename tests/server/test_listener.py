"""The listening socket."""

from __future__ import annotations

import socket

import pytest

from penstock.server.listener import CannotListen, listen, url
from penstock.server.server_settings import parse_listen


@pytest.mark.parametrize(
    ("text", "parsed"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:8080", ("::1", 8080)), ("localhost:0", ("localhost", 0))],
)
def test_addresses(text: str, parsed: tuple[str, int]) -> None:
    assert parse_listen(text) == parsed


@pytest.mark.parametrize("text", ["", "80", ":80", "host:", "host:x", "host:70000", "::1:80", "host:-1", "host:８０"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="listen"):
        parse_listen(text)


def test_port_0_takes_a_free_one_and_the_url_has_it() -> None:
    with listen("127.0.0.1:0", 128) as listener:
        port = listener.getsockname()[1]
        assert url(listener, tls=False) == f"http://127.0.0.1:{port}"
        assert url(listener, tls=True).startswith("https://")
        with socket.create_connection(("127.0.0.1", port)):
            pass


def test_a_taken_address_is_named() -> None:
    with listen("127.0.0.1:0", 128) as first:
        address = f"127.0.0.1:{first.getsockname()[1]}"
        with pytest.raises(CannotListen, match=f"cannot listen on {address}: Address already in use"):
            listen(address, 128)
