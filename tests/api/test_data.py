"""Posting when something is wrong with the server, not with the post."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from api.conftest import Api
from penstock.log.interface import QueueClosed
from penstock.log.reserve import DiskReserveReached

REPO = {"region": "nb", "schema": [{"key": "n", "valtype": "long", "required": True}]}


@pytest.fixture
def repo(api: Api) -> Api:
    assert api.call("POST", "/v2/repos/r", json=REPO).status_code == 200
    return api


def test_what_is_posted_can_be_read(repo: Api) -> None:
    assert repo.call("POST", "/v2/repos/r/data", content=b"n=1\nn=2").json() == {"accepted": 2}
    assert repo.call("GET", "/v2/repos/r/data?count=1").json() == {"records": [{"n": 2}]}


@pytest.mark.parametrize(
    "error", [DiskReserveReached(1, 2), OSError(errno.ENOSPC, "full"), OSError(errno.EDQUOT, "full")]
)
def test_a_full_disk_is_a_reason_to_come_again(repo: Api, error: OSError) -> None:
    repo.log.breaks = lambda: error
    refused = repo.call("POST", "/v2/repos/r/data", content=b"n=1")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
    assert refused.json()["error"].startswith("E9000: the disk is nearly full: nothing was stored")
    assert repo.call("GET", "/v2/repos/r").status_code == 200
    repo.log.breaks = None
    assert repo.call("POST", "/v2/repos/r/data", content=b"n=1").status_code == 200
    assert len(repo.call("GET", "/v2/repos/r/data").json()["records"]) == 1


def test_a_broken_disk_is_the_servers_failure_and_tells_nothing(repo: Api) -> None:
    repo.log.breaks = lambda: OSError(errno.EIO, "sector 7 of /secret/place")
    refused = repo.call("POST", "/v2/repos/r/data", content=b"n=1")
    assert refused.status_code == 500
    assert refused.json()["error"].startswith("E9000: the server failed")
    assert refused.headers["X-Reqid"] in refused.json()["error"]
    assert "secret" not in refused.text


def test_a_repo_deleted_under_a_post_is_no_such_repo(repo: Api) -> None:
    repo.log.breaks = lambda: QueueClosed("gone")
    refused = repo.call("POST", "/v2/repos/r/data", content=b"n=1")
    assert (refused.status_code, refused.json()["error"][:6]) == (404, "E18102")


@contextmanager
def busy(api: Api) -> Iterator[None]:
    """As if all bytes were in flight."""
    api.services.budget.used += 3 * 1024 * 1024
    try:
        yield
    finally:
        api.services.budget.used -= 3 * 1024 * 1024


def test_too_many_bytes_in_flight_are_told_to_come_again(repo: Api) -> None:
    with busy(repo):
        refused = repo.call("POST", "/v2/repos/r/data", content=b"n=1")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert repo.services.budget.used == 0
    assert repo.call("POST", "/v2/repos/r/data", content=b"n=1").status_code == 200


def test_a_full_budget_does_not_stop_definitions(repo: Api) -> None:
    with busy(repo):
        assert repo.call("PUT", "/v2/repos/r", json=REPO).status_code == 200


@pytest.mark.parametrize("count", ["0", "11", "-1", "x", "", "1e1", "٣"])
def test_a_sample_has_one_to_ten_records(repo: Api, count: str) -> None:
    refused = repo.call("GET", f"/v2/repos/r/data?count={count}")
    assert (refused.status_code, refused.json()["error"][:6]) == (400, "E18007")


def test_five_rules_at_most_and_none_of_them_known(repo: Api) -> None:
    for path in ("/v2/stream/r/data?rules=a", "/v2/streams/r/data?rules=a,b,c,d,e,f"):
        refused = repo.call("POST", path, content=b"n=1")
        assert (refused.status_code, refused.json()["error"][:6]) == (400, "E18007")


@pytest.mark.parametrize("batch_id", ["", "x" * 129, "tab\tinside"])
def test_a_batch_id_is_short_printable_ascii(repo: Api, batch_id: str) -> None:
    headers = {"X-Penstock-Batch-Id": batch_id}
    refused = repo.call("POST", "/v2/repos/r/data", content=b"n=1", headers=headers)
    assert (refused.status_code, refused.json()["error"][:6]) == (400, "E18007")


def test_a_repeated_batch_id_stores_nothing_more(repo: Api) -> None:
    headers = {"X-Penstock-Batch-Id": "b-1"}
    assert repo.call("POST", "/v2/repos/r/data", content=b"n=1", headers=headers).json() == {"accepted": 1}
    again = repo.call("POST", "/v2/repos/r/data", content=b"n=1", headers=headers)
    assert again.json() == {"accepted": 1, "repeated": True}
    assert len(repo.call("GET", "/v2/repos/r/data").json()["records"]) == 1


def test_a_field_that_the_server_fills_is_not_asked_of_clients(api: Api) -> None:
    schema = [{"key": k, "valtype": t, "required": True} for k, t in (("n", "long"), ("ip", "string"), ("at", "date"))]
    body = {"region": "nb", "schema": schema, "options": {"withIP": "ip", "withTimestamp": "at"}}
    assert api.call("POST", "/v2/repos/r", json=body).status_code == 200
    assert api.call("POST", "/v2/repos/r/data", content=b"n=1").json() == {"accepted": 1}
    (record,) = api.call("GET", "/v2/repos/r/data").json()["records"]
    assert record["ip"] == "127.0.0.1" and record["at"].endswith("Z")
    assert api.call("POST", "/v2/repos/r/data", content=b"ip=1.2.3.4").json()["error"][:6] == "E18123"
