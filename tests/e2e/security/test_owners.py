"""What one owner's keys can do with another's things, and what each role may: every call of the route table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from e2e.clients import Client, Reply
from e2e.security.conftest import SCHEMA, Fort, done, refused
from penstock.api.pipeline.bodies import CreateExport, CreateRepo, UpdateExport, UpdateRepo
from penstock.api.pipeline.table import ROUTES
from penstock.api.routes import Route

SECRET_VALUE = "the owner's own record"
BODIES: dict[Any, dict[str, Any]] = {
    CreateRepo: {"region": "nb", "schema": SCHEMA},
    UpdateRepo: {"schema": [*SCHEMA, {"key": "planted", "valtype": "long"}]},
    CreateExport: {"type": "kodo", "spec": {"bucket": "planted", "fields": {"f1": "#f1"}}},
    UpdateExport: {"spec": {"bucket": "planted", "fields": {"f1": "#f1"}}},
}
READS = "GET"


class Grounds:
    """The owner's repo with a record and an export, and what they must still be after an attack."""

    def __init__(self, fort: Fort, bucket: str) -> None:
        self.fort, self.repo, self.export = fort, fort.repo(), "sink"
        spec = {"bucket": bucket, "fields": {"f1": "#f1"}}
        done(fort.owner.call("POST", f"/v2/repos/{self.repo}/data", f"f1={SECRET_VALUE}"))
        done(fort.owner.call("POST", self.path("/v2/repos/{repo}/exports/{export}"), {"type": "kodo", "spec": spec}))
        self.before = self.state()

    def path(self, template: str) -> str:
        return template.format(repo=self.repo, export=self.export)

    def state(self) -> list[Any]:
        """All that the owner sees, apart from what moves by itself."""
        targets = (f"/v2/repos/{self.repo}", f"/v2/repos/{self.repo}/data", f"/v2/repos/{self.repo}/exports")
        return [done(self.fort.owner.call("GET", target)).json() for target in targets]

    def paused(self) -> bool:
        status = done(self.fort.owner.call("GET", self.path("/v2/repos/{repo}/exports/{export}/status"))).json()
        return bool(status["state"] == "paused")

    def remove(self) -> None:
        done(self.fort.owner.call("DELETE", self.path("/v2/repos/{repo}/exports/{export}")))
        done(self.fort.owner.call("DELETE", f"/v2/repos/{self.repo}"))


@pytest.fixture
def grounds(fort: Fort) -> Iterator[Grounds]:
    made = Grounds(fort, "owners-bucket")
    yield made
    assert made.state() == made.before, "an attack changed the owner's things"
    assert not made.paused()
    made.remove()


def call(client: Client, route: Route, grounds: Grounds, **headers: str) -> Reply:
    """That call of the table at the owner's names, with a legal body."""
    body: Any = BODIES[route.body] if route.body else None
    if route.data:
        body = b"f1=planted"
    return client.call(route.method, grounds.path(route.template), body, headers=headers)


def label(route: Route) -> str:
    return f"{route.method} {route.template}"


@pytest.mark.parametrize("route", ROUTES, ids=label)
def test_a_stranger_finds_nothing_of_the_owners(grounds: Grounds, route: Route) -> None:
    """Names are an owner's own: at the owner's names a stranger's call meets nothing, or makes a thing of its own."""
    reply = call(grounds.fort.stranger, route, grounds)
    assert SECRET_VALUE.encode() not in reply.body
    if label(route) == "GET /v2/repos":
        assert grounds.repo not in {r["name"] for r in done(reply).json()["repos"]}
    elif route.template.endswith("/exists"):
        assert done(reply).json() == {"exist": False}
    elif label(route) == "POST /v2/repos/{repo}":
        done(reply)
        done(grounds.fort.stranger.call("DELETE", f"/v2/repos/{grounds.repo}"))
    else:
        refused(reply, 404, "E18102")


@pytest.mark.parametrize("route", ROUTES, ids=label)
def test_a_stranger_cannot_act_for_the_owner(grounds: Grounds, route: Route) -> None:
    owner = grounds.fort.server.owner
    refused(call(grounds.fort.stranger, route, grounds, **{"X-Resource-Owner": owner}), 403, "E18665")


@pytest.mark.parametrize("route", ROUTES, ids=label)
def test_nobody_can_act_for_an_owner_that_is_none(grounds: Grounds, route: Route) -> None:
    for owner in ("1380000000", "../stranger", "' OR 1=1 --", "x" * 5000):
        refused(call(grounds.fort.owner, route, grounds, **{"X-Resource-Owner": owner}), 404, "E18664")


@pytest.mark.parametrize("route", ROUTES, ids=label)
def test_a_viewer_reads_and_never_writes(grounds: Grounds, route: Route) -> None:
    reply = call(grounds.fort.viewer, route, grounds)
    if route.method == READS:
        done(reply)
    else:
        refused(reply, 403, "E18665")


@pytest.mark.parametrize("route", [r for r in ROUTES if r.method == READS], ids=label)
def test_an_editor_reads(grounds: Grounds, route: Route) -> None:
    done(call(grounds.fort.editor, route, grounds))


def test_a_granted_stranger_may_what_was_granted_and_no_longer_than_that(fort: Fort) -> None:
    """Grants hold, and stop holding, from the moment the command returns, in every process and on open connections."""
    grounds = Grounds(fort, "owners-bucket")
    for_owner = {"X-Resource-Owner": fort.server.owner}
    fort.server.grant(fort.server.owner, "stranger", "viewer")
    for route in ROUTES:
        reply = call(fort.stranger, route, grounds, **for_owner)
        if route.method == READS:
            done(reply)
        else:
            refused(reply, 403, "E18665")
    assert grounds.state() == grounds.before
    authorized = "/v2/repos?withDag=true&sourceType=authorized"
    assert grounds.repo in {r["name"] for r in done(fort.stranger.call("GET", authorized)).json()["repos"]}
    fort.server.grant(fort.server.owner, "stranger", "editor")
    done(fort.stranger.call("POST", f"/v2/repos/{grounds.repo}/data", b"f1=granted", headers=for_owner))
    assert len(grounds.state()[1]["records"]) == 2
    fort.server.withdraw(fort.server.owner, "stranger")
    for route in ROUTES:
        refused(call(fort.stranger, route, grounds, **for_owner), 403, "E18665")
    assert done(fort.stranger.call("GET", authorized)).json() == {"repos": []}
    grounds.remove()


def test_a_bucket_belongs_to_the_owner_that_used_it_first(fort: Fort, grounds: Grounds) -> None:
    """A stranger's export cannot write into, or read the names of, the owner's bucket."""
    fort.stranger.call("POST", "/v2/repos/theirs", {"region": "nb", "schema": SCHEMA})
    export = {"type": "kodo", "spec": {"bucket": "owners-bucket", "fields": {"f1": "#f1"}}}
    reply = fort.stranger.call("POST", "/v2/repos/theirs/exports/sink", export)
    if reply.status == 200:
        fort.stranger.call("DELETE", "/v2/repos/theirs/exports/sink")
    done(fort.stranger.call("DELETE", "/v2/repos/theirs"))
    refused(reply, 400, "E18323")


def test_a_revoked_key_is_refused_at_once_everywhere(fort: Fort) -> None:
    key = fort.server.add_key("ak_shortlived", "shortlived-secret-90aa", role="editor")
    open_connections = [fort.raw() for _ in range(8)]
    for connection in open_connections:
        done(connection.call("GET", "/v2/repos", key=key))
    fort.server.revoke_key("ak_shortlived")
    for connection in [*open_connections, *(fort.raw() for _ in range(8))]:
        reply = connection.call("GET", "/v2/repos", key=key)
        assert (reply.status, reply.json()) == (401, {"error": "bad token"})
        connection.close()
