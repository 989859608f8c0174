"""The pages beside the faces."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from penstock.api.app import _is_local


@pytest.mark.parametrize(
    ("host", "local"), [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("10.0.0.1", False), ("::2", False)]
)
def test_only_this_machine_is_local(host: str, local: bool) -> None:
    assert _is_local(Request({"type": "http", "client": (host, 1)})) is local


def test_a_caller_without_an_address_is_not_local() -> None:
    assert not _is_local(Request({"type": "http", "client": None}))
