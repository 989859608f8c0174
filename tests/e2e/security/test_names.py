"""Names that are paths, or worse: in every part of every call, in buckets and in key prefixes."""

from __future__ import annotations

import os
from email.utils import formatdate
from pathlib import Path
from urllib.parse import unquote

import pytest

from e2e.clients import Reply
from e2e.security.conftest import Fort, done, refused
from e2e.security.test_owners import BODIES, label
from penstock.api.pipeline.table import ROUTES
from penstock.api.routes import Route

PARTS = [
    "..",
    ".",
    "%2e%2e",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e%2fplanted",
    "..%5c..%5cplanted",
    "%252e%252e%252fplanted",
    "planted%2fdeeper",
    "%2fplanted",
    "planted%00",
    "planted%0a",
    "planted%0d%0aX-Injected:%20yes",
    "planted%20x",
    "planted;x",
    "planted%",
    "planted%zz",
    "plant%c3%a9d",
    "%ef%bc%8e%ef%bc%8e",
    "plant%cc%81ed",
    "%c0%ae%c0%ae",
    "%ff%fe",
    "planted%e2%80%ae",
    "-planted",
    "1planted",
    "planted.",
    "planted-1",
    "CON.",
    "~",
    "*",
    "'%20OR%20'1'%3d'1",
    "%3cscript%3e",
    "p" * 129,
]
"""Path parts as sent. None is a legal name, once decoded."""

BUCKETS = [
    *("..", ".", "", "/", "/etc", "a/b", "../planted", "a\\b", "..\\planted", "planted\0", "planted\n", "p" * 256),
    *(".hidden", "planted\x7f", "\ud800planted"),
]
ODD_BUCKETS = ["~root", "a b c d", "pl\u00e4nted", "\u202eplanted", "\uff0e\uff0e", "C:", "-rf", "$(year)", "planted;x"]
"""Legal as folders, whatever else they may look like."""

PREFIXES = [
    *("../planted", "/planted", "a/../../planted", "a/..", "..", "./planted", "a//planted", "a\\..\\planted"),
    *("planted\0x", "planted\nx", "$(year)/../planted", "$(nothing)", "$(year", "p" * 4000, "a/" * 400, ".hidden/x"),
    "\ud800x",
]


def everything_under(folder: Path) -> set[str]:
    return {f"{root}/{name}" for root, folders, files in os.walk(folder) for name in folders + files}


@pytest.mark.parametrize("route", [r for r in ROUTES if "{" in r.template], ids=label)
def test_no_part_of_a_path_is_taken_for_a_path(fort: Fort, route: Route) -> None:
    """Whatever stands where a name belongs: refused, and no file of that name appears."""
    known = {"repo": fort.repo(), "export": "sink"}
    before = everything_under(fort.server.data_dir.parent)
    for position in known:
        if f"{{{position}}}" not in route.template:
            continue
        for part in PARTS:
            target = route.template.format(**{**known, position: part})
            reply = _call(fort, route, target)
            if route.template.endswith("/exists") and reply.status == 200:
                assert reply.json() == {"exist": False}, target
            else:
                assert 400 <= reply.status < 500, (target, reply.status, reply.body[:300])
            assert "x-injected" not in reply.headers
            assert b"root:" not in reply.body
    appeared = everything_under(fort.server.data_dir.parent) - before
    assert not [path for path in appeared if "planted" in path or "passwd" in path]


def _call(fort: Fort, route: Route, target: str) -> Reply:
    """Signed over the decoded path, as most clients do; a path that is no UTF-8 is signed as sent."""
    body = b"f1=planted" if route.data else BODIES[route.body] if route.body else None
    client = fort.raw()
    try:
        signed = unquote(target, errors="strict")
    except UnicodeDecodeError:
        signed = target
    if "%" in signed:
        signed = target
    headers = {"Date": formatdate(usegmt=True)}
    if body is not None:
        headers["Content-Type"] = "text/plain" if route.data else "application/json"
    headers["Authorization"] = client.key.header(route.method, signed, headers.items())
    return client.call(route.method, target, body, headers=headers)


@pytest.mark.parametrize("bucket", BUCKETS, ids=lambda b: ascii(b[:20]))
def test_a_bucket_that_is_a_path_is_refused(fort: Fort, bucket: str) -> None:
    name = fort.repo()
    before = everything_under(fort.server.data_dir.parent)
    export = {"type": "kodo", "spec": {"bucket": bucket, "fields": {"f1": "#f1"}}}
    reply = fort.owner.call("POST", f"/v2/repos/{name}/exports/sink", export)
    assert reply.status == 400, (reply.status, reply.body[:300])
    assert reply.code.startswith("E183") or (reply.code == "E18007" and "\ud800" in bucket)
    assert not [p for p in everything_under(fort.server.data_dir.parent) - before if "planted" in p]
    refused(fort.owner.call("GET", f"/v2/repos/{name}/exports/sink"), 404, "E18302")


@pytest.mark.parametrize("bucket", ODD_BUCKETS, ids=ascii)
def test_an_odd_bucket_stays_among_the_buckets(fort: Fort, bucket: str) -> None:
    """Refused, or a folder of exactly that name where the buckets are."""
    name = fort.repo()
    parent = fort.server.data_dir.parent
    before = everything_under(parent)
    export = {"type": "kodo", "spec": {"bucket": bucket, "fields": {"f1": "#f1"}}}
    reply = fort.owner.call("POST", f"/v2/repos/{name}/exports/sink", export)
    assert reply.status in (200, 400), (reply.status, reply.body[:300])
    if reply.status == 200:
        assert done(fort.owner.call("GET", f"/v2/repos/{name}/exports/sink")).json()["spec"]["bucket"] == bucket
        done(fort.owner.call("DELETE", f"/v2/repos/{name}/exports/sink"))
    buckets = str(fort.server.data_dir / "buckets")
    named = [path for path in everything_under(parent) - before if bucket in path]
    assert all(path.startswith(f"{buckets}/") for path in named)


@pytest.mark.parametrize("prefix", PREFIXES, ids=lambda p: ascii(p[:20]))
def test_a_prefix_that_leaves_its_bucket_is_refused(fort: Fort, prefix: str) -> None:
    name = fort.repo()
    spec = {"bucket": "prefixes", "keyPrefix": prefix, "fields": {"f1": "#f1"}}
    reply = fort.owner.call("POST", f"/v2/repos/{name}/exports/sink", {"type": "kodo", "spec": spec})
    assert reply.status == 400, (reply.status, reply.body[:300])
    legal = {**spec, "keyPrefix": "a/b-$(year)/"}
    done(fort.owner.call("POST", f"/v2/repos/{name}/exports/sink", {"type": "kodo", "spec": legal}))
    reply = fort.owner.call("PUT", f"/v2/repos/{name}/exports/sink", {"spec": spec})
    assert reply.status == 400, (reply.status, reply.body[:300])
    kept = done(fort.owner.call("GET", f"/v2/repos/{name}/exports/sink")).json()["spec"]["keyPrefix"]
    assert kept == "a/b-$(year)/"
    done(fort.owner.call("DELETE", f"/v2/repos/{name}/exports/sink"))


def test_fields_and_tags_that_are_paths_are_refused(fort: Fort) -> None:
    for key in ("../f", "f/1", "f\0", "", "f 1", "f-1", "\u00e9"):
        schema = [{"key": key, "valtype": "string"}]
        refused(fort.owner.call("POST", "/v2/repos/planted", {"region": "nb", "schema": schema}), 400, "E18106")
    for tags in ("!!!", "Zg", "Zj0xCWY9Mg==", "AAAA", "/////w==", "..%2f"):
        reply = fort.owner.call("POST", f"/v2/repos/{fort.repo()}/data?tags={tags}", b"f1=a")
        assert 400 <= reply.status < 500, (tags, reply.status, reply.body[:300])
