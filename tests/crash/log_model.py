"""An independent model of what a log may hold after crashes: lost, doubled, reordered, seen-then-gone.

Every record carries a number that is used once. The model knows which posts were sent, which were acknowledged, and
what a reader has seen where; it knows nothing of frames or files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from log.support import SCHEMA
from penstock.log.interface import Appended, LogReader
from penstock.model.repo import QueueId


@dataclass
class SentPost:
    """A post: its numbers, its batch id, and where it was said to be stored, if it was."""

    numbers: list[int]
    batch_id: str | None
    stored: Appended | None = None


@dataclass
class QueueModel:
    """What was sent to one queue, and what was seen of it: {partition: {offset: number}}."""

    posts: list[SentPost] = field(default_factory=list)
    seen: dict[int, dict[int, int]] = field(default_factory=dict)
    dropped_before: dict[int, int] = field(default_factory=dict)


class LogModel:
    """All queues."""

    def __init__(self) -> None:
        self.queues: dict[QueueId, QueueModel] = {}
        self._next = 0

    def new_post(self, queue: QueueId, count: int, batch_id: str | None = None) -> SentPost:
        post = SentPost(list(range(self._next, self._next + count)), batch_id)
        self._next += count
        self.queue(queue).posts.append(post)
        return post

    def queue(self, queue: QueueId) -> QueueModel:
        return self.queues.setdefault(queue, QueueModel())

    def may_be_dropped(self, queue: QueueId, starts: Mapping[int, int]) -> None:
        """Retention ran: what lies before `starts` may be gone from now on."""
        self.queue(queue).dropped_before |= dict(starts)

    def check(self, queue: QueueId, reader: LogReader) -> None:
        """Read the whole queue and hold it against what is known. Raises AssertionError."""
        model = self.queue(queue)
        starts, ends = reader.starts(), reader.ends()
        found: dict[int, dict[int, int]] = {p: {} for p in ends}
        for chunk in reader.read({}, ends, SCHEMA):
            for index, number in enumerate(chunk.batch.column("n").to_pylist()):
                assert chunk.offset + index not in found[chunk.partition], "an offset was read twice"
                found[chunk.partition][chunk.offset + index] = number
        for partition, end in ends.items():
            assert list(found[partition]) == list(range(starts[partition], end)), "offsets have gaps"
            assert starts[partition] <= model.dropped_before.get(partition, 0), "records went without retention"

        everything = [n for records in found.values() for n in records.values()]
        assert len(everything) == len(set(everything)), "doubled"
        assert set(everything) <= {n for post in model.posts for n in post.numbers}, "made up"
        self._check_acknowledged(model, found, starts)
        self._check_whole_and_in_order(model, found)
        for partition, records in model.seen.items():
            for offset, number in records.items():
                if offset >= starts.get(partition, 0):
                    assert found.get(partition, {}).get(offset) == number, "seen, then gone or changed"
        model.seen = found

    def _check_acknowledged(
        self, model: QueueModel, found: Mapping[int, Mapping[int, int]], starts: Mapping[int, int]
    ) -> None:
        for post in model.posts:
            if post.stored is not None:
                for index, number in enumerate(post.numbers):
                    offset = post.stored.offset + index
                    if offset >= starts.get(post.stored.partition, 0):
                        assert found.get(post.stored.partition, {}).get(offset) == number, "acknowledged, then lost"

    def _check_whole_and_in_order(self, model: QueueModel, found: Mapping[int, Mapping[int, int]]) -> None:
        place = {n: (p, offset) for p, records in found.items() for offset, n in records.items()}
        for post in model.posts:
            places = [place[n] for n in post.numbers if n in place]
            if places and post.numbers[0] in place:
                assert len(places) == len(post.numbers), "a post was stored in part"
                partition, first = places[0]
                assert places == [(partition, first + i) for i in range(len(places))], "a post was torn apart"
