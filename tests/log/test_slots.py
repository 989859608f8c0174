"""Writer slots: one live process each, an epoch for each take."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from log.support import PLAIN, QUEUE, numbers, put
from penstock.log import open_reader, open_writer, recover_all
from penstock.log.lane import StaleEpoch
from penstock.log.slots import raise_epoch, slot_epoch, take_slot
from penstock.model.datadir import DataDir

TAKE = """
import sys
from pathlib import Path
from penstock.log.slots import take_slot
slot = take_slot(Path(sys.argv[1]))
print(slot.number, slot.epoch, flush=True)
sys.stdin.read()
"""


def test_the_lowest_free_number_is_taken_and_each_take_raises_the_epoch(tmp_path: Path) -> None:
    first, second = take_slot(tmp_path), take_slot(tmp_path)
    assert [(s.number, s.epoch) for s in (first, second)] == [(0, 1), (1, 1)]
    first.release()
    again = take_slot(tmp_path)
    assert (again.number, again.epoch) == (0, 2)
    again.release()
    second.release()


def test_two_writers_that_race_for_a_slot_get_different_ones(tmp_path: Path) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", TAKE, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    taken = [r.stdout.readline().split() for r in racers if r.stdout]
    assert sorted(int(number) for number, _ in taken) == list(range(6))
    assert {epoch for _, epoch in taken} == {"1"}
    for racer in racers:
        racer.kill()
        racer.communicate()
    freed = take_slot(tmp_path)
    assert (freed.number, freed.epoch) == (0, 2)
    freed.release()


def test_a_writer_with_a_stale_epoch_is_refused(data: DataDir) -> None:
    for _ in range(3):
        writer = open_writer(data, PLAIN)
        put(writer, [1])
        writer.close()
    (data.slots / "writer-0.epoch").write_bytes(b"1")
    stale = open_writer(data, PLAIN)
    with pytest.raises(StaleEpoch, match="written under epoch 3, this is 2"):
        put(stale, [2])
    stale.close()
    assert numbers(open_reader(data, QUEUE)) == [1, 1, 1]


def test_recovery_raises_the_epoch_when_the_slots_were_lost(data: DataDir) -> None:
    for n in range(3):
        writer = open_writer(data, PLAIN)
        put(writer, [n])
        writer.close()
    for path in data.slots.iterdir():
        path.unlink()
    recover_all(data)
    assert slot_epoch(data.slots, 0) == 3
    writer = open_writer(data, PLAIN)
    put(writer, [3])
    writer.close()
    assert numbers(open_reader(data, QUEUE)) == [0, 1, 2, 3]


def test_an_epoch_is_never_lowered(tmp_path: Path) -> None:
    raise_epoch(tmp_path, 0, 7)
    raise_epoch(tmp_path, 0, 3)
    assert slot_epoch(tmp_path, 0) == 7
