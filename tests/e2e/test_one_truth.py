"""Four API processes, one truth: repos are made, changed, deleted and made again, and keys revoked, while others post.

Nothing acknowledged is lost, nothing refused is stored, and once a change is answered every process answers by it, on
connections opened before as on fresh ones.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest

from e2e.clients import Client, Key, Reply, connected
from e2e.support.server import Server, running_server

KEY = Key("ak_owner", "owner-secret-3f9a1c52")
PROCESSES = 4
POSTERS = 6
EPISODES = 3
ROUNDS = 5
"""Lives of the repo in an episode; the last one's records are read back."""
POSTS_BETWEEN = 25
"""Acknowledged posts between two changes."""
REPO = "/v2/repos/churned"
BASE = [{"key": "w", "valtype": "long"}, {"key": "n", "valtype": "long"}]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server(keys=[(KEY.access, KEY.secret)], settings={"server": {"api_processes": PROCESSES}}) as started:
        yield started


@pytest.fixture
def kept(server: Server) -> Iterator[list[Client]]:
    """A connection to each API process, open all the time."""
    by_process: dict[int, Client] = {}
    spare: list[Client] = []
    for _ in range(400):
        client = Client(server.host, server.port, KEY)
        assert client.call("GET", "/v2/repos").status == 200
        process = process_of(server, client)
        if process in by_process:
            spare.append(client)
        by_process.setdefault(process, client)
        if len(by_process) == PROCESSES:
            break
    for client in spare:
        client.close()
    assert len(by_process) == PROCESSES, f"only {len(by_process)} processes take connections"
    yield list(by_process.values())
    for client in by_process.values():
        client.close()


def process_of(server: Server, client: Client) -> int:
    """The pid of the process that holds the other end of the client's connection."""
    port = client.local_port
    for child in psutil.Process(server.pid).children(recursive=True):
        if any(c.raddr and c.raddr.port == port for c in child.net_connections("tcp")):
            return child.pid
    raise AssertionError("no process of the server holds the connection")


@dataclass
class Life:
    """When one incarnation was made and deleted, each as (request sent, reply read)."""

    created: tuple[float, float]
    deleted: tuple[float, float] = (float("inf"), float("inf"))


@dataclass
class Post:
    """One post of one record: who, its number, when it was sent and answered, and how."""

    writer: int
    number: int
    sent: float
    replied: float
    status: int
    code: str


@dataclass
class Posters:
    """Threads that post without pause, each on one connection of its own."""

    server: Server
    posts: list[Post] = field(default_factory=list)
    _acknowledged: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Posters:
        self._threads = [threading.Thread(target=self._post, args=(w,), daemon=True) for w in range(POSTERS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()

    def await_acknowledged(self, count: int) -> None:
        """Until that many further posts were acknowledged."""
        while self._acknowledged.acquire(blocking=False):
            pass
        for _ in range(count):
            assert self._acknowledged.acquire(timeout=30), "posts are no longer acknowledged"

    def _post(self, writer: int) -> None:
        client = Client(self.server.host, self.server.port, KEY)
        number = 0
        while not self._stop.is_set():
            number += 1
            sent = time.monotonic()
            reply = client.call("POST", f"{REPO}/data", f"w={writer}\tn={number}")
            self.posts.append(Post(writer, number, sent, time.monotonic(), reply.status, reply.code))
            if reply.status == 200:
                self._acknowledged.release()
        client.close()


def timed(call: Callable[[], Reply]) -> tuple[float, float]:
    """When the call was sent and answered; it must succeed."""
    sent = time.monotonic()
    reply = call()
    assert reply.status == 200, (reply.status, reply.body)
    return sent, time.monotonic()


class Definer:
    """Makes, changes and deletes the repo, each time through another process, and asks all of them what they know."""

    def __init__(self, server: Server, kept: list[Client]) -> None:
        self._server, self._kept = server, kept
        self._turn = 0

    def through_another(self) -> Client:
        self._turn += 1
        return self._kept[self._turn % len(self._kept)]

    def create(self, mark: str) -> Life:
        schema = [*BASE, {"key": mark, "valtype": "string"}]
        client = self.through_another()
        life = Life(timed(lambda: client.call("POST", REPO, {"region": "nb", "schema": schema})))
        self.all_answer(lambda c: self._knows(c, {"w", "n", mark}))
        return life

    def grow(self, mark: str, more: str) -> None:
        schema = [*BASE, *({"key": key, "valtype": "string"} for key in (mark, more))]
        client = self.through_another()
        timed(lambda: client.call("PUT", REPO, {"schema": schema}))
        self.all_answer(lambda c: self._knows(c, {"w", "n", mark, more}))

    def delete(self, life: Life, *, ask: bool) -> None:
        client = self.through_another()
        life.deleted = timed(lambda: client.call("DELETE", REPO))
        if ask:
            self.all_answer(self._knows_none)

    def all_answer(self, check: Callable[[Client], None]) -> None:
        fresh = [Client(self._server.host, self._server.port, KEY) for _ in range(PROCESSES)]
        for client in [*self._kept, *fresh]:
            check(client)
        for client in fresh:
            client.close()

    @staticmethod
    def _knows(client: Client, keys: set[str]) -> None:
        assert {e["key"] for e in client.call("GET", REPO).json()["schema"]} == keys
        assert client.call("GET", f"{REPO}/exists").json() == {"exist": True}
        newest = max(keys - {"w", "n"})
        reply = client.call("POST", f"{REPO}/data", f"{newest}=known")
        assert reply.status == 200, (newest, reply.status, reply.body)
        unknown = client.call("POST", f"{REPO}/data", "field_of_another_life=1")
        assert (unknown.status, unknown.code) == (404, "E18111")

    @staticmethod
    def _knows_none(client: Client) -> None:
        for method, target in (("GET", REPO), ("GET", f"{REPO}/data"), ("POST", f"{REPO}/data"), ("DELETE", REPO)):
            reply = client.call(method, target, "w=1\tn=1" if method == "POST" else None)
            assert (reply.status, reply.code) == (404, "E18102"), (method, target, reply.status, reply.body)
        assert client.call("GET", f"{REPO}/exists").json() == {"exist": False}
        assert client.call("GET", "/v2/repos").json() == {"repos": []}


def test_nothing_acknowledged_is_lost_and_no_answer_is_stale(server: Server, kept: list[Client]) -> None:
    for episode in range(EPISODES):
        definer, lives = Definer(server, kept), list[Life]()
        with Posters(server) as posters:
            for turn in range(ROUNDS):
                lives.append(definer.create(f"mark_{turn}"))
                posters.await_acknowledged(POSTS_BETWEEN)
                definer.grow(f"mark_{turn}", f"more_{turn}")
                posters.await_acknowledged(POSTS_BETWEEN)
                if turn < ROUNDS - 1:
                    definer.delete(lives[-1], ask=turn % 2 == 0)
        assert len({p.writer for p in posters.posts if p.status == 200}) == POSTERS
        problems = [*answers_of_another_life(posters.posts, lives), *lost_or_doubled(server, episode, posters, lives)]
        assert not problems, f"episode {episode}: {len(problems)} problems, such as\n" + "\n".join(problems[:20])
        definer.delete(lives[-1], ask=True)


def answers_of_another_life(posts: list[Post], lives: list[Life]) -> Iterator[str]:
    """Posts that were answered against what was true all the time that they were under way."""
    gaps = [(a.deleted[1], b.created[0]) for a, b in itertools.pairwise(lives)]
    spans = [(life.created[1], life.deleted[0]) for life in lives]
    for post in posts:
        if post.status == 200:
            if any(start <= post.sent and post.replied <= end for start, end in [(0.0, lives[0].created[0]), *gaps]):
                yield f"acknowledged while there was no repo: {post}"
        elif (post.status, post.code) not in {(404, "E18102"), (409, "E18113")}:
            yield f"refused for another reason: {post}"
        elif any(start <= post.sent and post.replied <= end for start, end in spans):
            yield f"refused while there was a repo: {post}"


def lost_or_doubled(server: Server, episode: int, posters: Posters, lives: list[Life]) -> Iterator[str]:
    """The last life's records, read back through an export, against what the posters were told."""
    lines = exported(server, f"churned-{episode}")
    stored = Counter((line["w"], line["n"]) for line in lines if line.get("n") is not None)
    outcome = {(p.writer, p.number): p for p in posters.posts}
    since = lives[-2].deleted[1]
    for key, post in outcome.items():
        if post.status == 200 and post.sent >= since and key not in stored:
            yield f"acknowledged and lost: {post}"
    for key, count in stored.items():
        if count > 1:
            yield f"stored {count} times: {outcome[key]}"
        if outcome[key].status != 200:
            yield f"refused and stored: {outcome[key]}"
        if outcome[key].replied < lives[-1].created[0]:
            yield f"a record of an earlier life: {outcome[key]}"
    for writer in range(POSTERS):
        numbers = [line["n"] for line in lines if line.get("w") == writer]
        if numbers != sorted(numbers):
            yield f"writer {writer}: records of one connection are out of order"


def exported(server: Server, bucket: str) -> list[dict[str, Any]]:
    """Every record of the repo, in the order of the exported file."""
    client = Client(server.host, server.port, KEY)
    fields = {"w": "#w", "n": "#n"}
    spec = {"bucket": bucket, "fields": fields, "format": "json", "rotateStrategy": "interval", "rotateInterval": 1}
    reply = client.call("POST", f"{REPO}/exports/sink", {"type": "kodo", "spec": spec})
    assert reply.status == 200, reply.body
    deadline = time.monotonic() + 60
    pause = threading.Event()
    while (status := client.call("GET", f"{REPO}/exports/sink/status").json())["lagRecords"]:
        assert time.monotonic() < deadline, status
        pause.wait(0.1)
    assert client.call("DELETE", f"{REPO}/exports/sink").status == 200
    client.close()
    files = sorted((server.data_dir / "buckets").rglob(f"{bucket}/**/*.json"), key=lambda f: f.stat().st_mtime_ns)
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


@pytest.mark.parametrize("made_again", [False, True])
def test_a_post_that_ends_after_its_repo_was_deleted_is_refused(
    server: Server, kept: list[Client], made_again: bool
) -> None:
    """Each process has begun to read a post when the repo goes: what it knew of the repo by then no longer counts."""
    definition = {"region": "nb", "schema": BASE}
    timed(lambda: kept[0].call("POST", REPO, definition))
    timed(lambda: kept[0].call("POST", f"{REPO}/data", "w=0\tn=0"))
    record = b"w=1\tn=1"
    posts = [client.begin("POST", f"{REPO}/data", [("Content-Type", "text/plain")], len(record)) for client in kept]
    for post in posts:
        post.send(record[:4])
    with connected(server.host, server.port, KEY) as other:
        timed(lambda: other.call("DELETE", REPO))
        if made_again:
            timed(lambda: other.call("POST", REPO, definition))
        for post in posts:
            post.send(record[4:])
            reply = post.reply()
            assert (reply.status, reply.code) in {(404, "E18102"), (409, "E18113")}, (reply.status, reply.body)
        if made_again:
            assert other.call("GET", f"{REPO}/data").json() == {"records": []}
            timed(lambda: other.call("DELETE", REPO))


def test_a_revoked_key_is_refused_by_every_process_at_once(server: Server, kept: list[Client]) -> None:
    kept[0].call("POST", "/v2/repos/guarded", {"region": "nb", "schema": BASE})
    for turn in range(3):
        key = server.add_key(f"ak_turn_{turn}", f"turn-secret-{turn}-77aa90cc")
        accepted: list[tuple[float, int]] = []
        stop = threading.Event()

        def post(key: Key = key, accepted: list[tuple[float, int]] = accepted, stop: threading.Event = stop) -> None:
            client = Client(server.host, server.port, key)
            while not stop.is_set():
                sent = time.monotonic()
                accepted.append((sent, client.call("POST", "/v2/repos/guarded/data", "w=1\tn=1").status))
            client.close()

        posting = [threading.Thread(target=post, daemon=True) for _ in range(POSTERS)]
        for thread in posting:
            thread.start()
        for client in kept:
            assert client.call("GET", "/v2/repos", key=key).status == 200
        server.revoke_key(key.access)
        revoked = time.monotonic()
        for client in kept:
            assert client.call("GET", "/v2/repos", key=key).status == 401
        stop.set()
        for thread in posting:
            thread.join(30)
        assert any(status == 200 for _, status in accepted)
        assert {status for sent, status in accepted if sent > revoked} <= {401}
        assert {status for _, status in accepted} <= {200, 401}
    assert kept[0].call("DELETE", "/v2/repos/guarded").status == 200
