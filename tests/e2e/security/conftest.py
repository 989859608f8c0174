"""One running server with two owners for all attacks; after each of them it must serve on with the same processes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from e2e.clients import Client, Key, Reply
from e2e.support.server import Server, running_server

SCHEMA = [{"key": "f1", "valtype": "string"}]


@dataclass
class Fort:
    """The server and a connection for each who may, or may not."""

    server: Server
    owner: Client
    viewer: Client
    editor: Client
    stranger: Client
    _names: Iterator[int] = field(default_factory=itertools.count)
    _raw: list[Client] = field(default_factory=list)

    def repo(self, **definition: Any) -> str:
        """The name of a new repo of the owner."""
        name = f"repo_{next(self._names)}"
        done(self.owner.call("POST", f"/v2/repos/{name}", {"region": "nb", "schema": SCHEMA, **definition}))
        return name

    def raw(self) -> Client:
        """A connection of its own, to be broken; closed after the test."""
        client = Client(self.server.host, self.server.port, self.owner.key)
        self._raw.append(client)
        return client

    def close_raw(self) -> None:
        while self._raw:
            self._raw.pop().close()

    def cpu_seconds(self) -> float:
        """Processor time that the server's whole tree has used."""
        times = [process.cpu_times() for process in self.server.tree()]
        return sum(t.user + t.system for t in times)

    def resident_bytes(self) -> int:
        """Resident memory of the server's whole tree."""
        return sum(process.memory_info().rss for process in self.server.tree())


def done(reply: Reply) -> Reply:
    """The reply, which must be a success."""
    assert reply.status == 200, (reply.status, reply.body[:500])
    return reply


def refused(reply: Reply, status: int, code: str) -> Reply:
    """The reply, which must be that refusal, in the shape that clients read."""
    assert (reply.status, reply.code) == (status, code), (reply.status, reply.body[:500])
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-reqid"]
    return reply


def bad_token(reply: Reply) -> Reply:
    """The reply, which must be the one refusal of all that is not authentic."""
    assert (reply.status, reply.json()) == (401, {"error": "bad token"}), (reply.status, reply.body[:500])
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-reqid"]
    return reply


@pytest.fixture(scope="session")
def fort() -> Iterator[Fort]:
    keys = {
        "viewer": Key("ak_viewer", "viewer-secret-51d8aa90"),
        "editor": Key("ak_editor", "editor-secret-0c66f4e1"),
        "stranger": Key("ak_stranger", "stranger-secret-77b2e0d3"),
    }
    owner = Key("ak_owner", "owner-secret-3f9a1c52")
    with running_server(keys=[(owner.access, owner.secret)]) as server:
        server.add_key(keys["viewer"].access, keys["viewer"].secret, role="viewer")
        server.add_key(keys["editor"].access, keys["editor"].secret, role="editor")
        server.add_key(keys["stranger"].access, keys["stranger"].secret, owner="stranger")
        clients = {name: Client(server.host, server.port, key) for name, key in keys.items()}
        fort = Fort(server, owner=Client(server.host, server.port, owner), **clients)
        yield fort
        for client in (fort.owner, fort.viewer, fort.editor, fort.stranger):
            client.close()


@pytest.fixture(autouse=True)
def serves_on(fort: Fort) -> Iterator[None]:
    """No attack kills a process or stops the others' work."""
    before = fort.server.processes()
    yield
    fort.close_raw()
    assert fort.server.processes() == before, "a process of the server died"
    name = fort.repo()
    done(fort.owner.call("POST", f"/v2/repos/{name}/data", b"f1=alive"))
    assert done(fort.owner.call("GET", f"/v2/repos/{name}/data")).json()["records"] == [{"f1": "alive"}]
    done(fort.owner.call("DELETE", f"/v2/repos/{name}"))
