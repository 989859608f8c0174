"""The writer: group commit, rolling, failing disks, few open files."""

from __future__ import annotations

import errno
import gc
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from log.support import PLAIN, QUEUE, TINY, batch, numbers, partition_folder, put, segments
from penstock.log import DiskReserveReached, LogSettings, drop_queue, files, open_reader, open_writer, recover_all
from penstock.log.files import Disk
from penstock.log.frame import note_of
from penstock.log.interface import CorruptLog, QueueClosed
from penstock.log.lane import Lane
from penstock.log.layout import closed_path, index_path
from penstock.log.segment import SegmentFile
from penstock.model.datadir import DataDir
from penstock.model.repo import QueueId


class WatchedDisk(Disk):
    """Counts syncs, holds them at a gate, and fails on demand: `fail[operation]` errors come one per call."""

    def __init__(self) -> None:
        super().__init__()
        self.synced: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Semaphore(0)
        self.fail: dict[str, list[int]] = {}

    def write(self, fd: int, buffers: Sequence[bytes | memoryview], position: int) -> int:
        if ".seg" in _name(fd) and self.fail.get("write"):
            super().write(fd, [b"".join(bytes(b) for b in buffers)[:100]], position)
            raise OSError(self.fail["write"].pop(0), "injected")
        if "watermark" in _name(fd) and self.fail.get("publish"):
            raise OSError(self.fail["publish"].pop(0), "injected")
        return super().write(fd, buffers, position)

    def sync(self, fd: int) -> None:
        if ".seg" in _name(fd):
            self.arrived.release()
            assert self.gate.wait(30)
            self.synced.append(_name(fd))
            if self.fail.get("sync"):
                raise OSError(self.fail["sync"].pop(0), "injected")
        super().sync(fd)

    def truncate(self, fd: int, size: int) -> None:
        if self.fail.get("truncate"):
            raise OSError(self.fail["truncate"].pop(0), "injected")
        super().truncate(fd, size)


def _name(fd: int) -> str:
    return Path(f"/proc/self/fd/{fd}").readlink().name


@pytest.fixture
def disk():  # type: ignore[no-untyped-def]
    with files.replace(WatchedDisk()) as layer:
        yield layer


def frame_counts(path: Path) -> list[int]:
    """How many posts each frame of a segment holds."""
    file = SegmentFile(path)
    position, counts = file.first_frame, []
    while position < file.size():
        header = file.header(position, file.size())
        counts.append(len(note_of(header, file.rest(position, header, file.size())).posts))
        position += header.size
    return counts


def test_posts_that_wait_share_a_frame_and_a_sync(data: DataDir, disk: WatchedDisk) -> None:
    writer = open_writer(data, PLAIN)
    disk.gate.clear()
    futures = [writer.append(QUEUE, batch([0]), arrived_at_us=0)]
    assert disk.arrived.acquire(timeout=30)
    futures += [writer.append(QUEUE, batch([n]), arrived_at_us=n) for n in range(1, 100)]
    assert not any(f.done() for f in futures)
    disk.gate.set()
    assert [f.result(30).offset for f in futures] == list(range(100))
    writer.close()
    assert len(disk.synced) == 2
    assert frame_counts(segments(data)[0]) == [1, 99]


def test_nothing_is_visible_or_answered_before_the_sync(data: DataDir, disk: WatchedDisk) -> None:
    writer, reader = open_writer(data, PLAIN), open_reader(data, QUEUE)
    put(writer, [0])
    assert disk.arrived.acquire(timeout=30)
    disk.gate.clear()
    future = writer.append(QUEUE, batch([1]), arrived_at_us=1)
    assert disk.arrived.acquire(timeout=30)
    assert reader.ends() == {0: 1}
    assert not future.done()
    disk.gate.set()
    assert future.result(30).offset == 1
    assert reader.ends() == {0: 2}
    writer.close()


def test_frames_are_bounded_but_a_post_is_never_split(data: DataDir, disk: WatchedDisk) -> None:
    writer = open_writer(data, LogSettings(frame_bytes=2000, disk_reserve_bytes=0))
    disk.gate.clear()
    futures = [writer.append(QUEUE, batch([0]), arrived_at_us=0)]
    assert disk.arrived.acquire(timeout=30)
    for size in (10, 10, 500, 10, 10):
        futures.append(writer.append(QUEUE, batch(range(size)), arrived_at_us=1))
    disk.gate.set()
    for future in futures:
        future.result(30)
    writer.close()
    assert frame_counts(segments(data)[0]) == [1, 2, 1, 2]


def test_queues_sync_side_by_side(data: DataDir, disk: WatchedDisk) -> None:
    writer = open_writer(data, LogSettings(sync_threads=4, disk_reserve_bytes=0))
    disk.gate.clear()
    futures = [writer.append(QueueId("acme", f"q{n}", 1), batch([n]), arrived_at_us=n) for n in range(4)]
    for _ in range(4):
        assert disk.arrived.acquire(timeout=30)
    disk.gate.set()
    for future in futures:
        future.result(30)
    writer.close()


def test_a_cancelled_post_is_not_stored(data: DataDir, disk: WatchedDisk) -> None:
    writer = open_writer(data, PLAIN)
    disk.gate.clear()
    first = writer.append(QUEUE, batch([0]), arrived_at_us=0)
    assert disk.arrived.acquire(timeout=30)
    second = writer.append(QUEUE, batch([1]), arrived_at_us=1)
    third = writer.append(QUEUE, batch([2]), arrived_at_us=2)
    assert second.cancel()
    assert not first.cancel()
    disk.gate.set()
    assert third.result(30).offset == 1
    with pytest.raises(CancelledError):
        second.result()
    writer.close()
    assert numbers(open_reader(data, QUEUE)) == [0, 2]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("where", ["write", "sync", "publish"])
@pytest.mark.parametrize("truncates", [True, False])
def test_a_failed_post_is_not_visible_and_the_log_goes_on(
    data: DataDir, disk: WatchedDisk, where: str, code: int, truncates: bool
) -> None:
    writer, reader = open_writer(data, PLAIN), open_reader(data, QUEUE)
    put(writer, range(10))
    size = segments(data)[0].stat().st_size
    disk.fail = {where: [code], "truncate": [] if truncates else [errno.EIO]}
    with pytest.raises(OSError, match="injected") as caught:
        put(writer, range(10, 20))
    assert caught.value.errno == code
    assert reader.ends() == {0: 10}
    assert (segments(data)[0].stat().st_size == size) == truncates
    assert put(writer, range(20, 30)).offset == 10
    assert numbers(reader) == [*range(10), *range(20, 30)]
    writer.close()
    assert recover_all(data).damaged == []
    assert numbers(open_reader(data, QUEUE)) == [*range(10), *range(20, 30)]


def test_after_a_failed_sync_the_file_is_never_trusted_again(data: DataDir, disk: WatchedDisk) -> None:
    writer = open_writer(data, PLAIN)
    put(writer, [0])
    disk.fail = {"sync": [errno.EIO]}
    with pytest.raises(OSError):
        put(writer, [1])
    put(writer, [2])
    assert [p.stem for p in segments(data)] == [f"{0:020}", f"{1:020}"]
    assert disk.synced[-1].startswith(f"{1:020}")
    writer.close()


@pytest.mark.parametrize("where", ["write", "sync"])
def test_a_new_segment_that_fails_leaves_nothing_behind(data: DataDir, disk: WatchedDisk, where: str) -> None:
    writer = open_writer(data, PLAIN)
    for _ in range(2):
        disk.fail = {where: [errno.ENOSPC]}
        with pytest.raises(OSError):
            put(writer, [0])
        assert segments(data) == []
        assert not list(partition_folder(data).glob("*.tmp"))
        assert open_reader(data, QUEUE).ends() == {0: 0}
    assert put(writer, [1]).offset == 0
    writer.close()


def test_one_queue_that_fails_does_not_hurt_another(data: DataDir, disk: WatchedDisk) -> None:
    writer = open_writer(data, PLAIN)
    other = QueueId("acme", "other", 1)
    put(writer, [0])
    put(writer, [0], queue=other)
    disk.fail = {"sync": [errno.EIO]}
    with pytest.raises(OSError):
        put(writer, [1])
    assert put(writer, [1], queue=other).offset == 1
    writer.close()


def test_segments_roll_by_size(data: DataDir) -> None:
    writer = open_writer(data, TINY)
    for n in range(60):
        put(writer, range(10 * n, 10 * n + 10), at=n)
    writer.close()
    sizes = [p.stat().st_size for p in segments(data)]
    assert len(sizes) > 5
    assert all(TINY.segment_bytes <= s < 2 * TINY.segment_bytes for s in sizes[:-1])
    assert numbers(open_reader(data, QUEUE)) == list(range(600))


def test_segments_roll_by_age_but_an_empty_one_does_not(data: DataDir) -> None:
    writer = open_writer(data, LogSettings(segment_age_s=0, disk_reserve_bytes=0))
    put(writer, [0])
    put(writer, [1])
    assert [p.stem for p in segments(data)] == [f"{n:020}" for n in (0, 1)]
    writer.roll_old()
    writer.close()
    assert [p.stem for p in segments(data)] == [f"{n:020}" for n in (0, 1, 2)]
    writer = open_writer(data, LogSettings(segment_age_s=0, disk_reserve_bytes=0))
    writer.roll_old()
    writer.close()
    assert [p.stem for p in segments(data)] == [f"{n:020}" for n in (0, 1, 2)]
    assert numbers(open_reader(data, QUEUE)) == [0, 1]


def test_the_ticker_seals_old_segments_of_queues_nobody_writes_to(data: DataDir) -> None:
    writer = open_writer(data, PLAIN)
    put(writer, [0])
    writer.close()
    sealed = threading.Event()

    class Watching(Disk):
        def rename(self, old: Path, new: Path) -> None:
            super().rename(old, new)
            if new.name == f"{1:020}.seg":
                sealed.set()

    with files.replace(Watching()):
        writer = open_writer(data, LogSettings(segment_age_s=0, tick_s=0.01, disk_reserve_bytes=0))
        assert sealed.wait(30)
        writer.close()
    assert len(segments(data)) == 2


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_few_files_stay_open(data: DataDir) -> None:
    queues = [QueueId("acme", f"q{n}", 1) for n in range(30)]
    before = open_files()
    writer = open_writer(data, LogSettings(open_files=3, disk_reserve_bytes=0))
    for turn in range(3):
        for queue in queues:
            assert put(writer, [turn], queue=queue).offset == turn
    assert open_files() - before < 15
    writer.close()
    assert open_files() == before
    assert all(numbers(open_reader(data, q)) == [0, 1, 2] for q in queues)
    assert all(len(segments(data, q)) == 1 for q in queues)


def test_a_full_disk_refuses_appends_until_space_is_free(data: DataDir) -> None:
    class Filling(Disk):
        free = 1 << 30

        def free_bytes(self, path: Path) -> int:
            return self.free

    with files.replace(Filling()) as layer:
        writer = open_writer(data, LogSettings(disk_reserve_bytes=1 << 30))
        put(writer, [0])
        layer.free -= 1  # type: ignore[attr-defined]
        forget_the_last_look(writer)
        with pytest.raises(DiskReserveReached) as caught:
            put(writer, [1])
        assert (caught.value.errno, caught.value.reserve_bytes) == (errno.ENOSPC, 1 << 30)
        assert numbers(open_reader(data, QUEUE)) == [0]
        layer.free += 1  # type: ignore[attr-defined]
        assert put(writer, [2]).offset == 1
        writer.close()


def forget_the_last_look(writer) -> None:  # type: ignore[no-untyped-def]
    writer._reserve._looked_at = float("-inf")


def test_a_queue_dropped_during_the_sync_refuses_the_post(data: DataDir, disk: WatchedDisk) -> None:
    writer = open_writer(data, PLAIN)
    put(writer, [0])
    assert disk.arrived.acquire(timeout=30)
    disk.gate.clear()
    future = writer.append(QUEUE, batch([1]), arrived_at_us=1)
    assert disk.arrived.acquire(timeout=30)
    closed_path(data, QUEUE).touch()
    disk.gate.set()
    with pytest.raises(QueueClosed):
        future.result(30)
    writer.close()


def test_a_sealed_segment_keeps_its_index(data: DataDir) -> None:
    writer = open_writer(data, TINY)
    for n in range(30):
        put(writer, range(10 * n, 10 * n + 10), at=n)
    writer.close()
    *sealed, active = [int(p.stem) for p in segments(data)]
    assert all(index_path(partition_folder(data), base).exists() for base in sealed)
    assert not index_path(partition_folder(data), active).exists()


def spoil_nothing(path: Path) -> None:
    """The index as it was written."""


def delete(path: Path) -> None:
    path.unlink()


def corrupt(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 4
    path.write_bytes(data)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def bogus(path: Path) -> None:
    """The whole index of another segment."""
    others = [p for p in path.parent.glob("*.idx") if p != path]
    path.write_bytes(others[0].read_bytes())


@pytest.mark.parametrize("spoil", [spoil_nothing, delete, corrupt, empty, bogus])
def test_an_index_is_only_a_cache(data: DataDir, spoil: Callable[[Path], None]) -> None:
    """Index deleted, corrupt, empty, of another segment: reads are the same."""
    settings = LogSettings(segment_bytes=200_000, frame_bytes=5000, disk_reserve_bytes=0)
    writer = open_writer(data, settings)
    for n in range(40):
        put(writer, range(500 * n, 500 * n + 500), at=n)
    writer.close()
    assert len(segments(data)) >= 3
    spoil(sorted(partition_folder(data).glob("*.idx"))[1])
    for start in (0, 1, 7001, 12_345, 19_999, 20_000):
        reader = open_reader(data, QUEUE)
        assert numbers(reader, {0: start}) == list(range(start, 20_000))
        assert numbers(reader, {0: start}, {0: min(start + 1, 20_000)}) == [start][: 20_000 - start]


def test_a_spoilt_segment_is_not_added_to_after_its_files_were_closed(data: DataDir) -> None:
    with files.replace(WatchedDisk()) as disk:
        assert isinstance(disk, WatchedDisk)
        writer = open_writer(data, LogSettings(open_files=1, disk_reserve_bytes=0))
        put(writer, range(5))
        disk.fail["sync"] = [errno.EIO]
        with pytest.raises(OSError, match="injected"):
            put(writer, range(5, 9))
        put(writer, range(3), queue=QueueId("acme", "other", 2))
        put(writer, range(5, 9))
        writer.close()
    assert len(segments(data)) == 2
    assert numbers(open_reader(data, QUEUE)) == list(range(9))


def test_whatever_goes_wrong_at_sealing_posts_are_answered(data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = threading.Event()

    def fail(lane: Lane) -> None:
        failed.set()
        raise CorruptLog("watermark", 0, 1, "bit rot")

    writer = open_writer(data, LogSettings(segment_age_s=0.001, disk_reserve_bytes=0))
    put(writer, range(5))
    monkeypatch.setattr(Lane, "roll_if_old", fail)
    while not failed.is_set():
        writer.roll_old()
    put(writer, range(5, 9))
    writer.close()


def test_nothing_is_kept_of_dropped_queues(data: DataDir) -> None:
    """Neither memory nor, through open files, room on the disk."""
    writer = open_writer(data, PLAIN)
    gone = [QueueId("acme", "brief", n) for n in range(1, 6)]
    for queue in gone:
        put(writer, range(5), queue=queue)
        drop_queue(data, queue)
    put(writer, range(5))
    writer.roll_old()
    assert [o.queue for o in gc.get_objects() if isinstance(o, Lane) and o.queue in gone] == []
    links = [f.readlink() for f in Path("/proc/self/fd").iterdir() if f.is_symlink()]
    assert not [link for link in links if link.is_relative_to(data.root) and str(link).endswith("(deleted)")]
    with pytest.raises(QueueClosed):
        put(writer, range(5), queue=gone[0])
    put(writer, range(5, 9))
    writer.close()
    assert numbers(open_reader(data, QUEUE)) == list(range(9))
