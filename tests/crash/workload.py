"""Clients that post batches without pause and note every outcome, whatever happens to the server."""

from __future__ import annotations

import gzip
import http.client
import threading
from collections.abc import Sequence
from random import Random

from crash.canon import digest, from_json, line
from crash.content import SCHEMA, Record, json_body, make_record, text_body
from crash.door import Door
from crash.history import Attempt, Batch, History, Outcome
from crash.views import VIEWS
from e2e.clients import Client, Reply

ANSWER_S = 30.0
"""Without an answer for so long a client gives the connection up."""
REFUSED_S = 0.05
"""Pause of a client whom nobody lets in: the server has just died."""
MOST_RECORDS = 40
LONGEST_SPELL = 30
"""Requests on one connection before the client takes a new one."""


class Workload:
    """`clients` threads that post to `repos` from `start()` to `stop()`."""

    def __init__(self, door: Door, history: History, repos: Sequence[str], clients: int, seed: str) -> None:
        self._stopping = threading.Event()
        self._history = history
        self._clients = [
            _Poster(f"c{n:02d}", door, history, repos, Random(f"{seed}/client/{n}"), self._stopping)
            for n in range(clients)
        ]
        self._threads = [threading.Thread(target=self._run, args=(c,), name=c.name, daemon=True) for c in self._clients]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let every client finish the batch that it has in hand. The server must be up. Raises what a client raised."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(4 * ANSWER_S)
            if thread.is_alive():
                raise AssertionError(f"client {thread.name} hangs")
        self._history.raise_failure()

    def _run(self, client: _Poster) -> None:
        try:
            client.run()
        except BaseException as error:
            self._history.fail(error)
            self._stopping.set()


class _Poster:
    """One client: one batch at a time, over one connection at a time."""

    def __init__(
        self, name: str, door: Door, history: History, repos: Sequence[str], random: Random, stopping: threading.Event
    ) -> None:
        self.name = name
        self._door = door
        self._history = history
        self._repos = repos
        self._random = random
        self._stopping = stopping
        self._next = 0
        self._client: Client | None = None
        self._connection = 0
        self._spell = 0

    def run(self) -> None:
        while not self._stopping.is_set():
            self._post_one()
        self._hang_up()

    def _post_one(self) -> None:
        random = self._random
        form = random.choice(("text", "json", "json lines"))
        records = self._records(round(MOST_RECORDS ** random.random()), controls=form != "text")
        batch = Batch(self.name, random.choice(self._repos), self._next, len(records), _digests(records))
        self._next += len(records)
        if random.random() < 0.05:
            records[-1] = {**records[-1], "size": "not a number"}
            batch.digests = {}
        if random.random() < 0.4:
            batch.batch_id = f"{self.name}-{batch.first}"
        body = text_body(records) if form == "text" else json_body(records, lines=form == "json lines")
        headers = {"Content-Type": "text/plain" if form == "text" else "application/json"}
        if random.random() < 0.4:
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = "gzip"
        if batch.batch_id:
            headers["X-Penstock-Batch-Id"] = batch.batch_id
        self._history.add(batch)
        while self._attempt(batch, body, headers) is Outcome.UNKNOWN and batch.batch_id:
            continue  # with an id it is safe to ask again until there is an answer
        if batch.outcome is Outcome.ACKNOWLEDGED and batch.batch_id and random.random() < 0.1:
            self._attempt(batch, body, headers)  # an id that is known: must not be stored again

    def _records(self, count: int, *, controls: bool) -> list[Record]:
        return [make_record(self._random, self.name, self._next + i, controls=controls) for i in range(count)]

    def _attempt(self, batch: Batch, body: bytes, headers: dict[str, str]) -> Outcome:
        client = self._connect()
        self._history.attempting()
        try:
            reply = client.call("POST", f"/v2/repos/{batch.repo}/data", body, headers=headers)
        except ConnectionRefusedError:
            self._hang_up()
            self._stopping.wait(REFUSED_S)
            return Outcome.UNKNOWN  # nothing was sent: no attempt to note, but worth another
        except (OSError, http.client.HTTPException) as error:
            batch.attempts.append(Attempt(self._connection, Outcome.UNKNOWN, detail=repr(error)))
            self._hang_up()
            return Outcome.UNKNOWN
        attempt = _answered(reply, self._connection, batch)
        batch.attempts.append(attempt)
        if reply.headers.get("connection", "").lower() == "close":
            self._hang_up()
        return attempt.outcome

    def _connect(self) -> Client:
        """The connection in use, or a new one once the server is up."""
        if self._spell > LONGEST_SPELL:
            self._hang_up()
        if self._client is None:
            self._client = self._door.connect(ANSWER_S)
            self._connection = self._history.new_connection()
            self._spell = 0
        self._spell += 1
        return self._client

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def _answered(reply: Reply, connection: int, batch: Batch) -> Attempt:
    if reply.status == 200:
        said = reply.json()
        if said["accepted"] != batch.count:
            raise AssertionError(f"{said} in answer to {batch}")
        return Attempt(connection, Outcome.ACKNOWLEDGED, 200, bool(said.get("repeated")))
    outcome = Outcome.REFUSED if reply.status < 500 or reply.status == 503 else Outcome.UNKNOWN
    return Attempt(connection, outcome, reply.status, detail=reply.body[:300].decode("utf-8", "replace"))


def _digests(records: list[Record]) -> dict[str, list[bytes]]:
    rows = [from_json(r, SCHEMA) for r in records]
    return {name: [digest(line(view(row))) for row in rows] for name, view in VIEWS.items()}
