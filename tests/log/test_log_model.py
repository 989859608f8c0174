"""The whole log against a model, in any order of appends, kills, restarts, rolls, compression, retention."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from crash.log_model import LogModel, SentPost
from log.support import GROWN, SCHEMA, batch, partition_folder
from penstock.log import LogSettings, SegmentWriter, files, open_reader, open_writer, recover_all
from penstock.log.compress import compress_sealed
from penstock.log.doctor import examine
from penstock.log.files import Disk
from penstock.log.layout import WATERMARK, segment_bases, segment_path
from penstock.log.retention import retention_clock, sweep
from penstock.model.datadir import DataDir
from penstock.model.repo import QueueId

QUEUES = [QueueId("acme", "one", 1), QueueId("acme", "two", 1)]
SMALL = LogSettings(segment_bytes=2500, frame_bytes=3000, disk_reserve_bytes=0, open_files=1, tick_s=3600)
DROP_ALL = LogSettings(retention_share=0.0, retention_age_s=1e9)


class QuickDisk(Disk):
    """No real syncs, and a boot that can be counted up. Power cuts have their own test."""

    boot = 0

    def sync(self, fd: int) -> None:
        """Nothing to wait for."""

    def sync_folder(self, path: Path) -> None:
        """Nothing to wait for."""

    def boot_id(self) -> str:
        return f"boot {self.boot}"


class LogMachine(RuleBasedStateMachine):
    """Two writing processes over two queues."""

    @initialize()
    def start(self) -> None:
        self.stack = ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="penstock-model-"))
        self.stack.callback(shutil.rmtree, self.folder)
        self.disk = self.stack.enter_context(files.replace(QuickDisk()))
        self.data = DataDir(self.folder)
        self.model = LogModel()
        self.with_id: list[tuple[QueueId, SentPost]] = []
        self.readers = {q: open_reader(self.data, q) for q in QUEUES}
        self.writers: list[SegmentWriter] = []
        self.open_writers()

    def open_writers(self) -> None:
        self.writers = [open_writer(self.data, SMALL) for _ in range(2)]

    def close_writers(self) -> None:
        for writer in self.writers:
            writer.close()

    @rule(
        which=st.integers(0, 1),
        queue=st.sampled_from(QUEUES),
        counts=st.lists(st.integers(1, 40), min_size=1, max_size=4),
        identified=st.booleans(),
        grown=st.booleans(),
    )
    def append(self, which: int, queue: QueueId, counts: list[int], identified: bool, grown: bool) -> None:
        sent = []
        for count in counts:
            batch_id = f"id {len(self.with_id)}-{len(sent)}" if identified else None
            post = self.model.new_post(queue, count, batch_id)
            records = batch(post.numbers, GROWN if grown else SCHEMA)
            at = post.numbers[0]
            sent.append((post, self.writers[which].append(queue, records, arrived_at_us=at, batch_id=batch_id)))
        for post, future in sent:
            post.stored = future.result(30)
            assert not post.stored.repeated
            if identified:
                self.with_id.append((queue, post))

    @precondition(lambda self: self.with_id)
    @rule(which=st.integers(0, 1), pick=st.randoms(use_true_random=False))
    def send_again(self, which: int, pick) -> None:  # type: ignore[no-untyped-def]
        queue, post = pick.choice(self.with_id)
        if not post.stored or post.stored.offset < self.readers[queue].starts().get(post.stored.partition, 0):
            return  # its frame was dropped, and its id with it
        again = self.writers[which].append(
            queue, batch(post.numbers), arrived_at_us=post.numbers[0], batch_id=post.batch_id
        )
        assert again.result(30).repeated
        assert (again.result().partition, again.result().offset) == (post.stored.partition, post.stored.offset)

    @rule(tail=st.binary(max_size=300), reboot=st.booleans(), lose_watermarks=st.booleans())
    def die_and_recover(self, tail: bytes, reboot: bool, lose_watermarks: bool) -> None:
        """A kill leaves half a write at the end of a segment; a power cut may take the watermarks too."""
        self.close_writers()
        for queue in QUEUES:
            for folder in [partition_folder(self.data, queue, p) for p in (0, 1)]:
                for base in segment_bases(folder)[-1:]:
                    with segment_path(folder, base).open("ab") as file:
                        file.write(tail)
                if reboot and lose_watermarks:
                    (folder / WATERMARK).unlink(missing_ok=True)
        self.disk.boot += reboot  # type: ignore[attr-defined]
        assert recover_all(self.data).damaged == []
        self.open_writers()

    @rule()
    def compress(self) -> None:
        assert compress_sealed(self.data).damaged == []

    @rule(queue=st.sampled_from(QUEUES), hold=st.booleans())
    def retain(self, queue: QueueId, hold: bool) -> None:
        floors = {q: {1: dict[int, int]()} for q in QUEUES}
        if not hold:
            floors[queue] = {}
            self.model.may_be_dropped(queue, self.readers[queue].ends())
        sweep(self.data, DROP_ALL, floors, retention_clock(self.data, DROP_ALL))

    @rule()
    def lose_the_caches(self) -> None:
        for path in [*self.data.log.rglob("*.idx"), *self.data.log.rglob("*.ids")]:
            path.unlink()

    @rule(queue=st.sampled_from(QUEUES), share=st.floats(0, 1), max_bytes=st.integers(1, 20_000))
    def read_in_cuts(self, queue: QueueId, share: float, max_bytes: int) -> None:
        """Slices between cuts, put together, are the whole range, however it is cut."""
        reader = self.readers[queue]
        starts, ends = reader.starts(), reader.ends()
        position = {p: starts[p] + int((ends[p] - starts[p]) * share) for p in ends}
        whole = [(c.partition, c.offset, c.batch.num_rows) for c in reader.read(position, ends, SCHEMA)]
        pieces = []
        while position != ends:
            following = reader.cut(position, ends, max_bytes)
            assert following != position
            pieces += [(c.partition, c.offset, c.batch.num_rows) for c in reader.read(position, following, SCHEMA)]
            position = following
        assert pieces == whole

    @invariant()
    def the_log_holds_what_the_model_says(self) -> None:
        if hasattr(self, "readers"):
            for queue, reader in self.readers.items():
                self.model.check(queue, reader)

    def teardown(self) -> None:
        if hasattr(self, "readers"):
            self.close_writers()
            assert [f for report in examine(self.data) for f in report.findings] == []
            self.stack.close()


TestLog = LogMachine.TestCase
TestLog.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
