"""Requests that real clients sent, replayed in order with fresh dates and signatures against a running server.

Every request in scope is answered as expected.tsv says; all that differs is shown at once. A scope joins `SCOPES` with
the issue that brings it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from e2e import shapes
from e2e.captures import Recorded, recorded
from e2e.clients import Client, Key, Reply, go_error, java_error, java_ok
from e2e.support.server import running_server

SCOPES = {"repos", "data", "kodo"}
REPLAYED = {"go-sdk": 43, "logkit": 9}
"""How many recorded requests of each client are in scope: a replay of fewer proves nothing."""
KEY = Key("test_ak", "test_sk")

SHAPES: dict[tuple[str, str], Any] = {
    ("GET", "/v2/repos"): shapes.Repos,
    ("GET", "/v2/repos/{}"): shapes.Repo,
    ("GET", "/v2/repos/{}/exists"): shapes.Exist,
    ("GET", "/v2/repos/{}/data"): shapes.Sample,
    ("GET", "/v2/repos/{}/exports"): shapes.Exports,
    ("POST", "/v2/repos/{}"): shapes.Done,
    ("PUT", "/v2/repos/{}"): shapes.Done,
    ("DELETE", "/v2/repos/{}"): shapes.Done,
    ("POST", "/v2/repos/{}/data"): shapes.Done,
    ("POST", "/v2/repos/{}/exports/{}"): shapes.Done,
    ("PUT", "/v2/repos/{}/exports/{}"): shapes.Done,
    ("DELETE", "/v2/repos/{}/exports/{}"): shapes.Done,
}


@pytest.fixture(params=sorted(REPLAYED))
def replayed(request: pytest.FixtureRequest) -> Iterator[tuple[str, Client]]:
    """A client's name, and a connection to a fresh server that knows its key."""
    with running_server(keys=[(KEY.access, KEY.secret)]) as server:
        client = Client(server.host, server.port, KEY)
        yield request.param, client
        client.close()


def test_recorded_requests_are_answered_as_expected(replayed: tuple[str, Client]) -> None:
    name, client = replayed
    differences: list[str] = []
    checked = 0
    for request in recorded(name):
        if request.scope not in SCOPES:
            continue
        assert not request.prelude, f"{request}: no prelude is known to the replay yet"
        reply = client.send(request.method, request.target, request.signed_anew(KEY), request.body or None)
        differences += [f"{request}: {problem} [{request.reason}]" for problem in _problems(request, reply, client)]
        checked += 1
    assert not differences, f"{len(differences)} differences:\n" + "\n".join(differences)
    assert checked == REPLAYED[name]


def test_every_request_has_a_line_and_every_scope_a_name() -> None:
    known = SCOPES | {
        "batch", "exports", "groups", "plugins", "siblings", "spl", "transforms", "udf", "variables", "workflows",
    }  # fmt: skip
    rows = [r for client in ("go-sdk", "logkit", "py-v2") for r in recorded(client)]
    assert len(rows) == 167 + 15 + 19
    assert {r.scope for r in rows} == known
    assert all(r.reason for r in rows)
    assert all((r.status >= 400) == bool(r.code) for r in rows if r.client != "py-v2")


@pytest.mark.parametrize("name", ["go-sdk", "logkit"])
def test_our_signer_makes_the_recorded_signatures(name: str) -> None:
    for request in recorded(name):
        old = dict(request.headers)["Authorization"]
        if old.count(":") == 1:
            assert KEY.header(request.method, request.path, request.headers) == old, str(request)
        else:
            _, desc = old.rsplit(":", 1)
            assert old == f"Pandora {KEY.access}:{KEY.mac(desc)}:{desc}", str(request)


def _problems(request: Recorded, reply: Reply, client: Client) -> Iterator[str]:
    """What is wrong with a reply, in words; nothing when it is as expected."""
    shown = f"{reply.status} {reply.body[:300]!r}"
    if reply.status != request.status:
        yield f"status {request.status} expected, got {shown}"
        return
    if reply.headers.get("content-type") != "application/json":
        yield f"Content-Type must be application/json alone, is {reply.headers.get('content-type')!r}"
    if not reply.headers.get("x-reqid"):
        yield "X-Reqid is missing"
    if request.status == 200:
        yield from _success(request, reply, client)
    else:
        yield from _refusal(request, reply)


def _refusal(request: Recorded, reply: Reply) -> Iterator[str]:
    message, code = go_error(reply)
    if code != request.code:
        yield f"the Go client reads code {code!r} instead of {request.code!r} from {message!r}"
    if not message.startswith(f"{request.code}: ") or len(message) < len(request.code) + 10:
        yield f"the message must be the code, a colon and a sentence, is {message!r}"
    if java_error(reply) != message:
        yield f"the Java client reads {java_error(reply)!r}"


def _success(request: Recorded, reply: Reply, client: Client) -> Iterator[str]:
    if not java_ok(reply):
        yield "the Java client takes it for an error"
    try:
        value = msgspec.json.decode(reply.body, type=SHAPES[request.method, _template(request.path)])
    except msgspec.DecodeError as error:
        yield f"{error}: {reply.body[:300]!r}"
        return
    state = STATES.get((request.client, request.number))
    if state:
        try:
            state(value, client)
        except AssertionError as error:
            yield f"state: {error}"


def _template(path: str) -> str:
    parts = path.split("/")
    for position in (3, 5):
        if len(parts) > position:
            parts[position] = "{}"
    if len(parts) == 5 and parts[4] not in ("exists", "data", "exports"):
        raise AssertionError(f"no shape is declared for {path}")
    return "/".join(parts)


# What must hold beyond the shape: the replies carry what the requests before them said.

State = Callable[[Any, Client], None]


def _types(repo: shapes.Repo) -> dict[str, str]:
    return {e.key: e.valtype for e in repo.schema}


def _src_as_created(repo: shapes.Repo, _: Client) -> None:
    kinds = {"f1": "string", "f2": "float", "n": "long", "t": "date", "b": "boolean", "a": "array", "m": "map"}
    assert list(_types(repo).items()) == [*kinds.items(), ("j", "jsonstring")]
    by_key = {e.key: e for e in repo.schema}
    assert by_key["f1"].required
    assert not by_key["f2"].required
    assert by_key["a"].elemtype == "long"
    inner = by_key["m"].schema
    assert isinstance(inner, list) and [(e.key, e.valtype) for e in inner] == [("x", "string")]
    assert (repo.region, repo.group, repo.workflow, repo.from_dag, repo.derived_from) == ("nb", "", "", False, "")


def _src_grown(_: Any, client: Client) -> None:
    repo = msgspec.json.decode(client.call("GET", "/v2/repos/src").body, type=shapes.Repo)
    assert list(_types(repo)) == ["f1", "f2", "n", "t", "b", "a", "m", "j", "f9"]


def _src2_as_created(_: Any, client: Client) -> None:
    repo = msgspec.json.decode(client.call("GET", "/v2/repos/src2").body, type=shapes.Repo)
    assert _types(repo) == {"f1": "string", "f2": "float", "ip": "string", "ts": "date"}
    assert repo.options == shapes.Options("ip", "ts", True)
    assert (repo.group, repo.workflow, repo.from_dag) == ("g1", "wf1", True)


def _exists(exist: shapes.Exist, _: Client) -> None:
    assert exist.exist


def _lists(*names: str) -> State:
    def check(listed: shapes.Repos, _: Client) -> None:
        found = {r.name for r in listed.repos}
        assert set(names) <= found, f"{names} among {found}"

    return check


def _two_newest(sample: shapes.Sample, _: Client) -> None:
    assert sorted(r["f1"] for r in sample.records) == ["b", "r"]


def _all_of_src(_: Any, client: Client) -> None:
    """What was accepted by now, value by value: 020, 022, 023, 027 and 029, and nothing of a refused body."""
    reply = client.call("GET", "/v2/repos/src/data?count=10")
    records = msgspec.json.decode(reply.body, type=shapes.Sample).records
    assert sorted(r["f1"] for r in records) == sorted([*[TEXT] * 3, "", "a", "b", "r"])
    full = [r for r in records if r["f1"] == TEXT]
    for record in full:
        assert {k: record[k] for k in ["f2", "n", "b", "a", "m"]} == {
            "f2": 1.5, "n": 7, "b": True, "a": [1, 2], "m": {"x": "y\tz"},
        }  # fmt: skip
        assert record["t"].startswith("2017-01-02T03:04:05") and record["t"].endswith("Z")
        assert record["j"] in ({"k": 1}, '{"k":1}')
    assert next(r["f2"] for r in records if r["f1"] == "") == 1e21


TEXT = "tab\\there nl\\nthere bs\\x cr\rz 中文"
"""The value as stored: raw carriage return, and the two characters backslash-t left alone (no unescapeLine)."""


def _kodo_of_src(listed: shapes.Exports, _: Client) -> None:
    [export] = listed.exports
    assert (export.name, export.type, export.whence) == ("ex_kodo", "kodo", "oldest")
    spec = export.spec
    assert (spec.bucket, spec.key_prefix, spec.format, spec.compress, spec.retention) == (
        "bkt", "p/$(year)", "csv", True, 3,
    )  # fmt: skip
    assert spec.fields in ({"f1": "#f1"}, {"f1": "f1"})


def _kodo_of_sfree(listed: shapes.Exports, _: Client) -> None:
    [export] = listed.exports
    assert (export.name, export.spec.bucket, export.spec.format) == ("sfree_export2_kodo", "my-bucket", "parquet")


def _kodo_of_sfree_changed(_: Any, client: Client) -> None:
    body = client.call("GET", "/v2/repos/sfree/exports").body
    [export] = msgspec.json.decode(body, type=shapes.Exports).exports
    assert export.spec.bucket == "my_bucket"
    assert set(export.spec.fields) == {"cpu", "extra_key", "host", "n", "ok", "time"}


def _src_is_gone(_: Any, client: Client) -> None:
    reply = client.call("GET", "/v2/repos/src")
    assert (reply.status, reply.code) == (404, "E18102")


def _lkrepo(repo: shapes.Repo, _: Client) -> None:
    assert _types(repo)["logkitIP"] == "string"
    assert repo.options == shapes.Options("logkitIP", "", False)
    assert repo.description == "由logkit日志收集自动创建"
    assert (repo.workflow, repo.from_dag) == ("lkwf", True)


def _lkrepo_records(_: Any, client: Client) -> None:
    reply = client.call("GET", "/v2/repos/lkrepo/data?count=10")
    first, second = sorted(msgspec.json.decode(reply.body, type=shapes.Sample).records, key=lambda r: r["n"])
    assert (first["f1"], first["f2"], first["n"], first["ip"]) == ("hello\\tworld", 1.5, 3, "10.0.0.1")
    assert (second["f1"], second["f2"], second["ip"]) == ("second", 2.5, "10.0.0.2")
    assert second["extra"] in ({"k": "v"}, '{"k":"v"}')
    for record in (first, second):
        assert record["logkit_send_time"].startswith("2026-11-20T11:32:55.312082")
        assert record["logkitIP"] == "127.0.0.1"


STATES: dict[tuple[str, str], State] = {
    ("go-sdk", "010"): _src2_as_created,
    ("go-sdk", "013"): _exists,
    ("go-sdk", "014"): _src_as_created,
    ("go-sdk", "015"): _lists("src", "dsl"),
    ("go-sdk", "016"): _lists("src", "src2", "dsl"),
    ("go-sdk", "019"): _src_grown,
    ("go-sdk", "026"): _two_newest,
    ("go-sdk", "029"): _all_of_src,
    ("go-sdk", "047"): _kodo_of_src,
    ("go-sdk", "121"): _kodo_of_sfree,
    ("go-sdk", "125"): _kodo_of_sfree_changed,
    ("go-sdk", "139"): _src_is_gone,
    ("logkit", "009"): _lkrepo,
    ("logkit", "015"): _lkrepo_records,
}
