"""The disaster list: what may be found on a disk at start, and what must come of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from log.support import GROWN, PLAIN, QUEUE, SCHEMA, TINY, batch, numbers, partition_folder, put, segments
from penstock.log import files, open_reader, open_writer, recover_all, recovery
from penstock.log.files import Disk
from penstock.log.frame import NewerFormat
from penstock.log.interface import CorruptLog
from penstock.log.layout import WATERMARK
from penstock.log.segment import SegmentFile
from penstock.log.settings import LogSettings
from penstock.log.watermark import Watermark, WatermarkFile
from penstock.model.datadir import DataDir


class AnotherBoot(Disk):
    """The machine was restarted: the watermark may be old."""

    def boot_id(self) -> str:
        return "the next boot"


@contextmanager
def restarted_machine() -> Iterator[None]:
    with files.replace(AnotherBoot()):
        yield


def written(data: DataDir, posts: int = 5, settings: LogSettings = PLAIN) -> list[tuple[int, int]]:
    """`posts` appends of ten records in a frame each; where the frames of the last segment lie."""
    writer = open_writer(data, settings)
    for n in range(posts):
        put(writer, range(10 * n, 10 * n + 10), at=n)
    writer.close()
    return frames(segments(data)[-1])


def frames(path: Path) -> list[tuple[int, int]]:
    file = SegmentFile(path)
    found, position = [], file.first_frame
    while position < file.size():
        size = file.header(position, file.size()).size
        found.append((position, position + size))
        position += size
    file.close()
    return found


def damage(path: Path, at: int, data: bytes = b"\xee") -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def append_bytes(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def cut_file(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def goes_on(data: DataDir, expected: list[int]) -> None:
    """A writer can append, a reader sees all of it, and recovering once more changes nothing."""
    writer = open_writer(data, PLAIN)
    put(writer, [1000])
    writer.close()
    assert numbers(open_reader(data, QUEUE)) == [*expected, 1000]
    again = recover_all(data)
    assert (again.cut_bytes, again.damaged) == (0, [])
    assert numbers(open_reader(data, QUEUE)) == [*expected, 1000]


ALL = list(range(50))


def test_a_clean_log_is_left_as_it_is(data: DataDir) -> None:
    written(data)
    before = segments(data)[0].read_bytes()
    report = recover_all(data)
    assert (report.partitions, report.cut_bytes, report.damaged) == (1, 0, [])
    assert segments(data)[0].read_bytes() == before
    goes_on(data, ALL)


def test_an_empty_data_directory(data: DataDir) -> None:
    assert recover_all(data).partitions == 0


@pytest.mark.parametrize("rebooted", [False, True])
@pytest.mark.parametrize("garbage", [b"\0" * 700, b"\xab" * 64, b"PNSF", b"PNSF" * 100])
def test_garbage_after_the_tail_is_cut(data: DataDir, garbage: bytes, rebooted: bool) -> None:
    written(data)
    append_bytes(segments(data)[0], garbage)
    assert numbers(open_reader(data, QUEUE)) == ALL
    if rebooted:
        with restarted_machine():
            assert recover_all(data).cut_bytes == len(garbage)
            goes_on(data, ALL)
    else:
        assert recover_all(data).cut_bytes == len(garbage)
        goes_on(data, ALL)


@pytest.mark.parametrize("keep", [1, 40, 95, 96, 200])
def test_a_torn_frame_after_the_watermark_is_cut(data: DataDir, keep: int) -> None:
    """Torn header and torn body, with an old watermark as after a power cut."""
    last = written(data)[-1]
    set_watermark_before(data, last[0], 40)
    cut_file(segments(data)[0], last[0] + keep)
    with restarted_machine():
        assert recover_all(data).cut_bytes == keep
        goes_on(data, ALL[:40])


def test_a_bad_crc_in_the_unsynced_tail_is_cut(data: DataDir) -> None:
    found = written(data)
    set_watermark_before(data, found[-1][0], 40)
    damage(segments(data)[0], found[-1][1] - 70)
    with restarted_machine():
        report = recover_all(data)
        assert (report.cut_bytes, report.damaged) == (found[-1][1] - found[-1][0], [])
        goes_on(data, ALL[:40])


def test_whole_frames_beyond_an_old_watermark_are_kept_after_a_restart(data: DataDir) -> None:
    found = written(data)
    set_watermark_before(data, found[1][0], 10)
    with restarted_machine():
        recover_all(data)
        goes_on(data, ALL)


def test_frames_beyond_an_exact_watermark_were_never_acknowledged_and_go(data: DataDir) -> None:
    found = written(data)
    set_watermark_before(data, found[4][0], 40)
    assert recover_all(data).cut_bytes == found[4][1] - found[4][0]
    goes_on(data, ALL[:40])


def test_what_a_killed_writer_did_not_acknowledge_is_gone_once_its_slot_is_taken(data: DataDir) -> None:
    """Else a batch sent again through another process, under its id, could come back after a power cut."""
    found = written(data)
    set_watermark_before(data, found[4][0], 40)
    writer = open_writer(data, PLAIN)
    assert segments(data)[0].stat().st_size == found[4][0]
    writer.close()


def test_a_bad_frame_in_the_middle_is_damage_and_never_cut(data: DataDir) -> None:
    """The watermark is lost too: the later frames say that the bad one had been synced."""
    found = written(data)
    path = segments(data)[0]
    damage(path, found[2][0] + 150)
    (partition_folder(data) / WATERMARK).unlink()
    size = path.stat().st_size
    with restarted_machine():
        [(queue, partition, error)] = recover_all(data).damaged
        assert (queue, partition) == (QUEUE, 0)
        assert (error.path, error.first, error.last) == (str(path), *found[2])
        assert path.stat().st_size == size
        reader = open_reader(data, QUEUE)
        assert reader.ends() == {0: 50}
        assert numbers(reader, {}, {0: 20}) == ALL[:20]
        with pytest.raises(CorruptLog) as caught:
            numbers(reader)
        assert (caught.value.first, caught.value.last) == found[2]
        writer = open_writer(data, PLAIN)
        assert put(writer, [1000]).offset == 50
        writer.close()
        assert len(segments(data)) == 2
        assert numbers(reader, {0: 50}) == [1000]


def test_a_bad_crc_below_the_watermark_is_found_by_the_read(data: DataDir) -> None:
    found = written(data)
    path = segments(data)[0]
    damage(path, found[3][1] - 80)
    assert recover_all(data).damaged == []
    reader = open_reader(data, QUEUE)
    assert numbers(reader, {}, {0: 30}) == ALL[:30]
    with pytest.raises(CorruptLog) as caught:
        numbers(reader)
    assert (caught.value.path, caught.value.first, caught.value.last) == (str(path), *found[3])
    assert numbers(reader, {0: 40}) == ALL[40:]


def test_a_bad_crc_in_a_sealed_segment_is_found_by_the_read_and_not_at_start(data: DataDir) -> None:
    written(data, 40, TINY)
    path = segments(data)[1]
    base = int(path.stem)
    damage(path, frames(path)[0][0] + 8)
    assert recover_all(data).damaged == []
    reader = open_reader(data, QUEUE)
    assert numbers(reader, {}, {0: base}) == list(range(base))
    with pytest.raises(CorruptLog, match=path.name):
        numbers(reader, {0: base})
    following = int(segments(data)[2].stem)
    assert numbers(reader, {0: following}) == list(range(following, 400))


@pytest.mark.parametrize("boot", [Disk, AnotherBoot])
def test_an_active_segment_shorter_than_its_watermark_is_damage(data: DataDir, boot: type[Disk]) -> None:
    """The watermark is ahead of the file: acknowledged records are gone, which nobody may hide."""
    found = written(data)
    cut_file(segments(data)[0], found[3][0])
    with files.replace(boot()):
        [(_, _, error)] = recover_all(data).damaged
        assert (error.first, error.last) == (found[3][0], found[4][1])
        reader = open_reader(data, QUEUE)
        assert reader.ends() == {0: 50}
        assert numbers(reader, {}, {0: 30}) == ALL[:30]
        with pytest.raises(CorruptLog):
            numbers(reader)
        writer = open_writer(data, PLAIN)
        assert put(writer, [1000]).offset == 50
        writer.close()
        assert numbers(reader, {0: 50}) == [1000]


def test_the_last_segment_vanished(data: DataDir) -> None:
    written(data, 40, TINY)
    last = segments(data)[-1]
    last.unlink()
    base = int(last.stem)
    [(_, _, error)] = recover_all(data).damaged
    assert (error.path, error.reason) == (str(last), "the segment is missing")
    reader = open_reader(data, QUEUE)
    assert numbers(reader, {}, {0: base}) == list(range(base))
    with pytest.raises(CorruptLog):
        numbers(reader)
    writer = open_writer(data, PLAIN)
    assert put(writer, [1000]).offset == 400
    writer.close()


def test_a_segment_in_the_middle_vanished(data: DataDir) -> None:
    written(data, 40, TINY)
    gone, following = segments(data)[2:4]
    gone.unlink()
    reader = open_reader(data, QUEUE)
    with pytest.raises(CorruptLog):
        numbers(reader)
    assert numbers(reader, {0: int(following.stem)}) == list(range(int(following.stem), 400))
    with pytest.raises(CorruptLog):
        numbers(reader, {0: int(gone.stem)})


def test_the_oldest_segment_vanished_is_a_later_start(data: DataDir) -> None:
    written(data, 40, TINY)
    segments(data)[0].unlink()
    start = int(segments(data)[0].stem)
    reader = open_reader(data, QUEUE)
    assert reader.starts() == {0: start}
    assert numbers(reader) == list(range(start, 400))


def test_an_empty_active_segment(data: DataDir) -> None:
    """Sealed for its age and nothing written since."""
    writer = open_writer(data, PLAIN)
    put(writer, [0])
    writer.close()
    roller = open_writer(data, LogSettings(segment_age_s=0, disk_reserve_bytes=0, tick_s=3600))
    roller.roll_old()
    roller.close()
    assert len(segments(data)) == 2
    assert frames(segments(data)[1]) == []
    for _ in range(2):
        assert recover_all(data).damaged == []
    with restarted_machine():
        assert recover_all(data).damaged == []
        goes_on(data, [0])


def test_an_empty_active_segment_that_vanished_costs_nothing(data: DataDir) -> None:
    test_an_empty_active_segment(data)
    writer = open_writer(data, LogSettings(segment_age_s=0, disk_reserve_bytes=0, tick_s=3600))
    writer.roll_old()
    writer.close()
    segments(data)[-1].unlink()
    assert recover_all(data).damaged == []
    writer = open_writer(data, PLAIN)
    put(writer, [5])
    writer.close()
    assert numbers(open_reader(data, QUEUE)) == [0, 1000, 5]


@pytest.mark.parametrize("size", [0, 10, 64, 300])
def test_a_torn_head_of_a_segment_that_holds_nothing_acknowledged(data: DataDir, size: int) -> None:
    written(data)
    whole = segments(data)[0].read_bytes()
    torn = partition_folder(data) / f"{50:020}.seg"
    torn.write_bytes(whole[:size])
    with restarted_machine():
        assert recover_all(data).cut_bytes == size
        assert not torn.exists()
        goes_on(data, ALL)


@pytest.mark.parametrize("with_watermark", [True, False])
def test_a_torn_head_of_a_segment_that_holds_acknowledged_records_is_damage(
    data: DataDir, with_watermark: bool
) -> None:
    written(data)
    path = segments(data)[0]
    damage(path, 3)
    if not with_watermark:
        (partition_folder(data) / WATERMARK).unlink()
    size = path.stat().st_size
    with restarted_machine():
        [(_, _, error)] = recover_all(data).damaged
        assert error.path == str(path)
        assert path.stat().st_size == size
        assert open_reader(data, QUEUE).ends() == {0: 50}
        with pytest.raises(CorruptLog):
            numbers(open_reader(data, QUEUE))
        writer = open_writer(data, PLAIN)
        assert put(writer, [1000]).offset == 50
        writer.close()


@pytest.mark.parametrize("what", ["missing", "garbled", "empty", "one slot torn"])
def test_a_lost_watermark_costs_a_walk_and_nothing_else(data: DataDir, what: str) -> None:
    written(data, 40, TINY)
    path = partition_folder(data) / WATERMARK
    if what == "missing":
        path.unlink()
    elif what == "garbled":
        path.write_bytes(b"\x5a" * 1024)
    elif what == "empty":
        path.write_bytes(b"")
    else:
        damage(path, 0, b"\0" * 512)
    if what in ("garbled", "empty"):
        with pytest.raises(CorruptLog, match="neither slot"):
            open_reader(data, QUEUE).ends()
    with restarted_machine():
        report = recover_all(data)
        assert (report.cut_bytes, report.damaged) == (0, [])
        goes_on(data, list(range(400)))


def test_a_watermark_that_stands_in_an_older_segment(data: DataDir) -> None:
    written(data, 40, TINY)
    first = segments(data)[0]
    set_watermark(data, Watermark(0, frames(first)[0][1], 10, 1))
    with restarted_machine():
        assert recover_all(data).damaged == []
        goes_on(data, list(range(400)))


def test_a_frame_of_a_stale_epoch_does_not_follow(data: DataDir) -> None:
    """Two takes wrote to one partition: the older one's frame after the newer one's is not taken."""
    written(data)
    path = segments(data)[0]
    old = path.read_bytes()[slice(*frames(path)[0])]
    writer = open_writer(data, PLAIN)
    put(writer, range(50, 60))
    writer.close()
    append_bytes(path, old)
    with restarted_machine():
        assert recover_all(data).cut_bytes == len(old)
        goes_on(data, list(range(60)))


def test_a_schema_change_across_segments(data: DataDir) -> None:
    writer = open_writer(data, PLAIN)
    for n in range(6):
        writer.append(QUEUE, batch([n], GROWN if n % 2 else SCHEMA), arrived_at_us=n).result()
    writer.close()
    assert len(segments(data)) == 6
    recover_all(data)
    goes_on(data, list(range(6)))
    rows = [c.batch.column("added")[0].as_py() for c in open_reader(data, QUEUE).read({}, {0: 6}, GROWN)]
    assert rows == [None, 0.5, None, 1.5, None, 2.5]


@pytest.mark.parametrize("where", ["head", "frame"])
def test_a_newer_format_is_refused_and_left_alone(data: DataDir, where: str) -> None:
    found = written(data)
    path = segments(data)[0]
    if where == "head":
        damage(path, 8, b"\x02")
    else:
        from isal.isal_zlib import crc32

        whole = bytearray(path.read_bytes())
        at = found[-1][0]
        whole[at + 9] |= 0x80
        whole[at + 4 : at + 8] = crc32(bytes(whole[at + 8 : at + 96])).to_bytes(4, "little")
        path.write_bytes(whole)
        set_watermark_before(data, at, 40)
    before = path.read_bytes()
    with restarted_machine(), pytest.raises(NewerFormat):
        recover_all(data)
    assert path.read_bytes() == before


def test_files_that_a_crash_left_are_removed(data: DataDir) -> None:
    written(data)
    folder = partition_folder(data)
    for name in ("00000000000000000050.seg.tmp", "00000000000000000000.idx.17.tmp", "00000000000000000099.idx"):
        (folder / name).write_bytes(b"left over")
    recover_all(data)
    assert {p.name for p in folder.iterdir()} == {WATERMARK, segments(data)[0].name}
    goes_on(data, ALL)


def set_watermark(data: DataDir, mark: Watermark) -> None:
    file = WatermarkFile(partition_folder(data))
    file.publish(mark)
    file.close()


def set_watermark_before(data: DataDir, position: int, next_offset: int) -> None:
    """The watermark as it was before the frame at `position` was published."""
    set_watermark(data, Watermark(0, position, next_offset, 1))


def test_a_queue_that_is_dropped_while_a_slot_is_taken_does_not_stop_the_writer(
    data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = open_writer(data)
    put(writer, [1])
    writer.close()
    folder = partition_folder(data)

    def dropped(_: Path) -> None:
        files.remove_tree(folder.parent)
        raise FileNotFoundError(folder)

    monkeypatch.setattr(recovery, "recover", dropped)
    recovery.recover_partitions(data, int(folder.name))
    assert not folder.exists()


def test_a_file_that_is_missing_from_a_queue_that_is_there_is_no_drop(
    data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = open_writer(data)
    put(writer, [1])
    writer.close()
    folder = partition_folder(data)

    def missing(_: Path) -> None:
        raise FileNotFoundError(folder)

    monkeypatch.setattr(recovery, "recover", missing)
    with pytest.raises(FileNotFoundError):
        recovery.recover_partitions(data, int(folder.name))
