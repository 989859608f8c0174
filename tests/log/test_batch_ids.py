"""Batch ids: once, whatever process, whatever restart; the caches may be lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from log.support import PLAIN, QUEUE, TINY, numbers, partition_folder, put, segments
from penstock.log import open_reader, open_writer, recover_all
from penstock.log.compress import compress_sealed
from penstock.model.datadir import DataDir

DAY_US = 86_400 * 1_000_000
TESTS = Path(__file__).parents[1]
SEND = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from log.support import PLAIN, put
from penstock.log import open_writer
from penstock.model.datadir import DataDir
writer = open_writer(DataDir(Path(sys.argv[1])), PLAIN)
print("ready", flush=True)
sys.stdin.readline()
print(sum(not put(writer, [n], batch_id=f"id {n}").repeated for n in range(60)), flush=True)
writer.close()
"""


def filled(data: DataDir, posts: int = 60) -> None:
    writer = open_writer(data, TINY)
    for n in range(posts):
        put(writer, [n], at=n, batch_id=f"id {n}")
    writer.close()


def all_repeat(data: DataDir, posts: int = 60, at: int = 1000) -> None:
    writer = open_writer(data, PLAIN)
    for n in range(posts):
        done = put(writer, [n], at=at, batch_id=f"id {n}")
        assert (done.offset, done.repeated) == (n, True)
    writer.close()
    assert numbers(open_reader(data, QUEUE)) == list(range(posts))


def test_ids_are_known_after_a_restart(data: DataDir) -> None:
    filled(data)
    assert len(segments(data)) > 5
    all_repeat(data)


@pytest.mark.parametrize("spoil", ["delete", "garble", "bogus"])
def test_the_files_of_ids_are_only_caches(data: DataDir, spoil: str) -> None:
    filled(data)
    caches = sorted(partition_folder(data).glob("*.ids"))
    assert len(caches) == len(segments(data)) - 1
    contents = [c.read_bytes() for c in caches]
    for cache, other in zip(caches, contents[1:] + contents[:1], strict=True):
        if spoil == "delete":
            cache.unlink()
        else:
            cache.write_bytes(other if spoil == "bogus" else other[:-1])
    all_repeat(data)


def test_ids_are_known_in_compressed_segments(data: DataDir) -> None:
    filled(data)
    assert compress_sealed(data).segments == len(segments(data)) - 1 > 3
    all_repeat(data)


def test_a_writer_that_lives_through_sealing_and_compression_knows_its_ids(data: DataDir) -> None:
    writer, other = open_writer(data, TINY), open_writer(data, TINY)
    for n in range(60):
        assert not put(writer, [n], at=n, batch_id=f"id {n}").repeated
        if n % 7 == 0:
            assert put(other, [n], at=n, batch_id=f"id {n}").repeated
        if n % 20 == 0:
            compress_sealed(data)
    assert all(put(other, [n], at=n, batch_id=f"id {n}").repeated for n in range(60))
    writer.close()
    other.close()


def test_old_ids_are_forgotten_and_the_newest_place_counts(data: DataDir) -> None:
    filled(data, 3)
    writer = open_writer(data, PLAIN)
    again = put(writer, [1], at=DAY_US + 100, batch_id="id 1")
    assert (again.offset, again.repeated) == (3, False)
    writer.close()
    recover_all(data)
    writer = open_writer(data, PLAIN)
    third = put(writer, [1], at=DAY_US + 200, batch_id="id 1")
    assert (third.offset, third.repeated) == (3, True)
    writer.close()


def test_the_newest_place_counts_in_whatever_partition_it_is(data: DataDir) -> None:
    first, second = open_writer(data, PLAIN), open_writer(data, PLAIN)
    put(second, [1], at=0, batch_id="id")
    assert put(first, [1], at=DAY_US + 1, batch_id="id").partition == 0
    first.close()
    second.close()
    writer = open_writer(data, PLAIN)
    third = put(writer, [1], at=DAY_US + 2, batch_id="id")
    assert (third.partition, third.offset, third.repeated) == (0, 0, True)
    writer.close()


def test_sealing_keeps_the_ids_so_that_a_restart_need_not_read_the_segments(data: DataDir) -> None:
    filled(data)
    sealed = segments(data)[:-1]
    assert len(list(partition_folder(data).glob("*.ids"))) == len(sealed)
    for path in sealed:
        path.write_bytes(path.read_bytes()[:64])
    writer = open_writer(data, PLAIN)
    assert all(put(writer, [n], at=1000, batch_id=f"id {n}").repeated for n in range(60))
    writer.close()


def test_the_same_batches_through_three_processes_at_once_are_stored_once(data: DataDir) -> None:
    senders = [
        subprocess.Popen(
            [sys.executable, "-c", SEND, str(data.root), str(TESTS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for sender in senders:
        assert sender.stdout and sender.stdout.readline() == "ready\n"
    for sender in senders:
        assert sender.stdin
        sender.stdin.write("go\n")
        sender.stdin.flush()
    stored = [int(sender.communicate()[0]) for sender in senders]
    assert sum(stored) == 60
    assert sorted(numbers(open_reader(data, QUEUE))) == list(range(60))
