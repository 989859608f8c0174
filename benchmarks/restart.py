"""How long a server with much in its log takes until it accepts posts, and until its exports move.

    python benchmarks/restart.py [--gigabytes N] [--repos N]

A server makes the repos and an export that reads one of them, and ends. The log is then filled through the log's own
writer. Timed is `penstock serve` from its start (the command itself) to its first 200 for a post, tried every 10 ms,
and to the first file that the export has written since: once after the fill, once after an orderly end, and once after
SIGKILL to every process while 8 connections post 2 MB each.
"""

from __future__ import annotations

import argparse
import http.client
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from support.http_client import HttpClient, build_post
from support.penstock_server import PenstockServer
from support.records import SCHEMA, posts, text_body
from support.table import print_table, verdict

from penstock.auth.keyring import DEFAULT_OWNER
from penstock.auth.pandora_sign import sign
from penstock.catalog import repos
from penstock.catalog.database import Catalog
from penstock.log import open_writer
from penstock.records.decoder import decoder_for

POST_WITHIN_S, FLOW_WITHIN_S = 2.0, 5.0
GIVE_UP_S = 60.0
LOAD_S = 3.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=5.0, help="size of the log")
    parser.add_argument("--repos", type=int, default=8, help="repos that share it evenly")
    parser.add_argument("--folder", type=Path, help="where temporary data goes; needs twice the log's size")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="penstock-restart-", dir=options.folder) as folder:
        server = PenstockServer(Path(folder))
        body = text_body(posts(1)[0])
        with server:
            paths = [server.create_repo(f"bench{i}") for i in range(options.repos)]
            create_export(server)
        fill(server, options.repos, body, options.gigabytes * 1e9)
        size = sum(file.stat().st_size for file in server.data.log.rglob("*") if file.is_file())
        rows = [timed_start(server, "an orderly end, then filled", paths[0])]
        server.stop()
        rows.append(timed_start(server, "an orderly end", paths[0]))
        kill_under_load(server, paths, body)
        rows.append(timed_start(server, "SIGKILL under load", paths[0]))
        server.stop()
    print_table(
        f"Start with {size / 1e9:.1f} GB of log in {options.repos} repos",
        ("after", "post accepted s", f"below {POST_WITHIN_S:g}", "export wrote s", f"below {FLOW_WITHIN_S:g}"),
        rows,
    )


def create_export(server: PenstockServer) -> None:
    """One that reads the first repo and writes small files, so that it is far from its end for as long as this runs."""
    spec = {
        "bucket": "bench",
        "keyPrefix": "bench",
        "accessKey": server.key[0],
        "format": "json",
        "fields": {field["key"]: f"#{field['key']}" for field in SCHEMA},
        "rotateStrategy": "size",
        "rotateSize": 1024 * 1024,
    }
    server.call("POST", "/v2/repos/bench0/exports/files", {"type": "kodo", "whence": "oldest", "spec": spec})


def fill(server: PenstockServer, count: int, body: bytes, size: float) -> None:
    """Append the post to the repos in turn until they hold `size` bytes."""
    with Catalog.open(server.data) as catalog:
        known = catalog.read(lambda conn: [repos.get(conn, DEFAULT_OWNER, f"bench{i}") for i in range(count)])
    batch = decoder_for(known[0].schema, unescape=False).text(body, tags={})
    writer = open_writer(server.data)
    try:
        for _ in range(int(size / batch.nbytes / count) + 1):
            now_us = time.time_ns() // 1000
            for future in [writer.append(repo.queue, batch, arrived_at_us=now_us) for repo in known]:
                future.result(60)
    finally:
        writer.close()


def timed_start(server: PenstockServer, after: str, path: str) -> tuple[str, ...]:
    """Starts the server and leaves it running; the table's row."""
    before = files_written(server)
    begun = time.monotonic()
    server.start()
    accepted = seconds_until(lambda: accepts(server, path), begun)
    wrote = seconds_until(lambda: files_written(server) > before, begun)
    return after, f"{accepted:.2f}", verdict(accepted < POST_WITHIN_S), f"{wrote:.2f}", verdict(wrote < FLOW_WITHIN_S)


def files_written(server: PenstockServer) -> int:
    return sum(1 for _ in server.data.buckets.rglob("*.json"))


def seconds_until(condition: Callable[[], bool], begun: float) -> float:
    while not condition():
        if time.monotonic() > begun + GIVE_UP_S:
            raise RuntimeError(f"it took longer than {GIVE_UP_S:g} s")
        time.sleep(0.01)
    return time.monotonic() - begun


def accepts(server: PenstockServer, path: str) -> bool:
    """One signed post of one small record."""
    headers = {"Content-Type": "text/plain"}
    headers |= sign(*server.key, "POST", path, headers, now=time.time())
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=GIVE_UP_S)
    try:
        connection.request("POST", path, b"time=2026-11-01T00:00:00Z\thost=probe\tstatus=200", headers)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def kill_under_load(server: PenstockServer, paths: list[str], body: bytes) -> None:
    requests = [build_post(server.key, path, body) for path in paths]
    killed = threading.Event()

    def load(number: int) -> None:
        client = HttpClient(server.port, requests)
        client.connect()
        turn = number
        while not killed.is_set():
            try:
                client.exchange(turn)
            except OSError:
                return
            turn += 1

    threads = [threading.Thread(target=load, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(LOAD_S)
    killed.set()
    server.kill()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
