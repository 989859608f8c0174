"""The watermark: one whole slot at any time, true or old, never torn."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.log import files, watermark
from penstock.log.interface import CorruptLog
from penstock.log.layout import WATERMARK
from penstock.log.watermark import SLOT_AT, Watermark, WatermarkFile


def mark(n: int) -> Watermark:
    return Watermark(segment=n // 10, position=64 * n, next_offset=3 * n, epoch=1)


def published(folder: Path) -> int:
    found = watermark.read(folder)
    assert found is not None
    assert found.next_offset * 64 == found.position * 3
    return found.next_offset // 3


def test_no_file_is_no_watermark(tmp_path: Path) -> None:
    assert watermark.read(tmp_path) is None


def test_the_last_one_published_is_read(tmp_path: Path) -> None:
    watermark.create(tmp_path, mark(0))
    file = WatermarkFile(tmp_path)
    for n in range(5):
        file.publish(mark(n))
        assert published(tmp_path) == n
    file.close()
    again = WatermarkFile(tmp_path)
    again.publish(mark(9))
    again.close()
    assert published(tmp_path) == 9
    found = watermark.read(tmp_path)
    assert found is not None and found.exact() and not found.ended


@given(damage=st.binary(min_size=1, max_size=100), at=st.integers(0, 90), slot=st.sampled_from(SLOT_AT))
def test_damage_to_one_slot_costs_at_most_one_publication(
    tmp_path_factory: pytest.TempPathFactory, damage: bytes, at: int, slot: int
) -> None:
    folder = tmp_path_factory.mktemp("mark")
    watermark.create(folder, mark(0))
    file = WatermarkFile(folder)
    for n in range(4):
        file.publish(mark(n))
    file.close()
    path = folder / WATERMARK
    data = bytearray(path.read_bytes())
    data[slot + at : slot + at + len(damage)] = damage
    path.write_bytes(data[:1024])
    assert published(folder) in (2, 3)


def test_two_damaged_slots_are_an_error_not_an_empty_log(tmp_path: Path) -> None:
    (tmp_path / WATERMARK).write_bytes(b"\xff" * 1024)
    with pytest.raises(CorruptLog, match="neither slot"):
        watermark.read(tmp_path)


def test_it_is_exact_only_until_the_machine_restarts(tmp_path: Path) -> None:
    class Restarted(files.Disk):
        def boot_id(self) -> str:
            return "another boot"

    watermark.create(tmp_path, mark(1))
    with files.replace(Restarted()):
        found = watermark.read(tmp_path)
        assert found is not None and not found.exact()


def _publish(folder: Path, count: int) -> None:
    file = WatermarkFile(folder)
    for n in range(count):
        file.publish(mark(n))
    file.close()


def test_a_reader_in_another_process_never_sees_a_torn_or_older_one(tmp_path: Path) -> None:
    watermark.create(tmp_path, mark(0))
    process = multiprocessing.get_context("spawn").Process(target=_publish, args=(tmp_path, 30_000))
    process.start()
    newest = 0
    while newest < 29_999:
        now = published(tmp_path)
        assert now >= newest
        newest = now
        assert process.is_alive() or published(tmp_path) == 29_999
    process.join()
