"""/metrics: sums over all processes, whoever answers; what a dead process counted stays, what it held goes."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import psutil
import pytest

from e2e.support.client import SignedClient
from e2e.support.server import Server, running_server

KEY = ("ak_metrics", "metrics-secret-73c0")
EXPORT = 'export="out",owner="default",repo="src"'


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server(keys=[KEY], settings={"server": {"api_processes": 2}}) as started:
        with SignedClient(started.url, *KEY) as client:
            client.ok("POST", "/v2/repos/src", {"region": "nb", "schema": [{"key": "n", "valtype": "long"}]})
            spec = {"bucket": "out", "keyPrefix": "p", "format": "json"}
            spec |= {"rotateStrategy": "interval", "rotateInterval": 1}
            client.ok("POST", "/v2/repos/src/exports/out", {"type": "kodo", "spec": spec})
        yield started


def metric(server: Server, line: str) -> float:
    """The value of one line, its labels in the order of their names; 0 when it is not there."""
    for text in httpx.get(f"{server.url}/metrics").text.splitlines():
        name, _, value = text.rpartition(" ")
        head, brace, labels = name.partition("{")
        if head + brace + ",".join(sorted(labels.removesuffix("}").split(","))) + ("}" if brace else "") == line:
            return float(value)
    return 0.0


def post_to_every_process(server: Server) -> None:
    """One record through each API process, found by whose connection it is."""
    wanted = {pid for name, pid in server.processes().items() if name.startswith("api")}
    while wanted:
        with SignedClient(server.url, *KEY) as client:
            client.ok("GET", "/v2/repos/src")
            used = {c.pid for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == server.port and c.raddr}
            if used & wanted:
                client.ok("POST", "/v2/repos/src/data", b"n=1")
                wanted -= used


def test_counters_are_sums_over_processes_and_outlive_them(server: Server) -> None:
    accepted = 'penstock_records_accepted_total{owner="default",repo="src"}'
    before = metric(server, accepted)
    post_to_every_process(server)
    after = metric(server, accepted)
    assert after >= before + 2
    assert all(metric(server, accepted) == after for _ in range(8)), "whoever answers"
    server.kill("api-0")
    server.wait_until(lambda: httpx.get(f"{server.url}/readyz").status_code == 200, "ready again")
    server.wait_until(lambda: metric(server, 'penstock_process_restarts_total{process="api-0"}') == 1, "counting it")
    assert metric(server, accepted) == after


def test_gauges_of_a_dead_process_are_gone(server: Server) -> None:
    gauges = server.data.run / "metrics"
    pid = server.kill("api-1")
    server.wait_until(lambda: server.processes().get("api-1") not in (None, pid), "restarting it")
    server.wait_until(lambda: not list(gauges.glob(f"gauge_live*_{pid}.db")), "letting go of its gauges")


def test_appends_are_timed(server: Server) -> None:
    before = metric(server, "penstock_log_append_seconds_count")
    with SignedClient(server.url, *KEY) as client:
        client.ok("POST", "/v2/repos/src/data", b"n=1")
    assert metric(server, "penstock_log_append_seconds_count") == before + 1
    assert metric(server, "penstock_log_append_seconds_sum") > 0


def test_flows_are_shown_with_what_they_carried_and_their_lag(server: Server) -> None:
    with SignedClient(server.url, *KEY) as client:
        client.ok("POST", "/v2/repos/src/data", b"n=1")
        server.wait_until(lambda: metric(server, f"penstock_flow_lag_records{{{EXPORT}}}") == 0, "carried out")
        server.wait_until(lambda: metric(server, f"penstock_flow_files_total{{{EXPORT}}}") >= 1, "counted")
        assert metric(server, f"penstock_flow_records_out_total{{{EXPORT}}}") >= 1
        assert metric(server, f'penstock_flow_state{{{EXPORT},state="running"}}') == 1
        assert metric(server, f'penstock_flow_state{{{EXPORT},state="failed"}}') == 0
        client.ok("POST", "/v2/repos/src/exports/out/actions/pause")
        client.ok("POST", "/v2/repos/src/data", b"n=1\nn=2\nn=3")
        server.wait_until(lambda: metric(server, f"penstock_flow_lag_records{{{EXPORT}}}") >= 3, "behind")
        assert metric(server, f"penstock_flow_lag_seconds{{{EXPORT}}}") > 0


def test_a_new_start_counts_from_zero(server: Server) -> None:
    assert server.stop() == 0
    server.start()
    assert metric(server, 'penstock_records_accepted_total{owner="default",repo="src"}') == 0
