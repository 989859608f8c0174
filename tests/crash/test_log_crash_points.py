"""The log's process is killed at every named point of the log; the next one finds all that was acknowledged, once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crash.log_life import DROPPED, OLD, POSTS
from log.support import PLAIN, QUEUE, SCHEMA, batch, segments
from penstock.log import drop_queue, open_reader, open_writer, recover_all
from penstock.log.compress import compress_sealed
from penstock.log.doctor import examine
from penstock.model.crashpoint import ENVIRONMENT, POINTS
from penstock.model.datadir import DataDir
from penstock.model.repo import QueueId

LIFE = Path(__file__).with_name("log_life.py")
LOG_POINTS = sorted(p for p in POINTS if p.startswith(("log.", "files.")))
LATER = [
    f"{p}:{n}" for p in ("log.frame.written", "log.frame.synced", "log.watermark.published") for n in (2, 3, 14, 31)
] + ["log.segment.named:7", "log.segment.sealed:4", "log.compress.written:2", "log.compress.renamed:2"]
"""Points on their nth pass: in other queues, in the middle of a segment, in the second file."""


def live(data: DataDir, first: int, crash_at: str = "") -> tuple[int, list[list[str]]]:
    """Run a life; its exit code and what it told."""
    done = subprocess.run(
        [sys.executable, str(LIFE), str(data.root), str(first)],
        env=os.environ | {ENVIRONMENT: crash_at},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, [line.split() for line in done.stdout.splitlines()]


def stored_numbers(data: DataDir, queue: QueueId) -> dict[int, int]:
    """{offset: number} of partition 0."""
    reader = open_reader(data, queue)
    found = {}
    for chunk in reader.read({}, reader.ends(), SCHEMA):
        for index, number in enumerate(chunk.batch.column("n").to_pylist()):
            found[chunk.offset + index] = number
    return found


def check(data: DataDir, told: list[list[str]]) -> None:
    """What was said to be stored is there, where it was said to be; all is there once, in order, whole."""
    words = {line[0] for line in told}
    for queue in (QUEUE, OLD, DROPPED):
        found = stored_numbers(data, queue)
        if queue == DROPPED and "drop" in words:
            continue
        if not (queue == OLD and "sweep" in words):
            for _, repo, number, partition, offset in (line for line in told if line[0] == "stored"):
                if repo == queue.repo:
                    assert partition == "0"
                    assert [found.get(int(offset) + i) for i in range(3)] == [int(number)] * 3
        numbers = list(found.values())
        assert numbers == sorted(numbers), "reordered"
        assert all(numbers.count(n) == 3 for n in numbers), "doubled or in part"


@pytest.fixture(scope="session")
def first_life(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[str]]]:
    """A data directory after one life, with half a frame at the end as a kill in the middle of a write leaves it."""
    data = DataDir(tmp_path_factory.mktemp("life"))
    code, told = live(data, 0)
    assert (code, told[-1]) == (0, ["end"])
    with segments(data)[-1].open("ab") as file:
        file.write(b"PNSF half a frame")
    return data.root, told


@pytest.mark.parametrize("point", LOG_POINTS + LATER)
def test_killed_at(tmp_path: Path, first_life: tuple[Path, list[list[str]]], point: str) -> None:
    template, told = first_life
    data = DataDir(tmp_path / "data")
    shutil.copytree(template, data.root)
    code, more = live(data, POSTS, point)
    assert code == -signal.SIGKILL

    sent_last = [int(line[2]) for line in more if line[0] == "send" and line[1] == QUEUE.repo]
    recover_all(data)
    check(data, told + more)
    writer = open_writer(data, PLAIN)
    for number in sent_last[-1:]:
        writer.append(QUEUE, batch([number] * 3), arrived_at_us=number, batch_id=str(number)).result()
    writer.close()
    check(data, told + more)
    assert set(stored_numbers(data, QUEUE).values()) == {*range(POSTS), *sent_last}
    assert [f for report in examine(data) for f in report.findings] == []

    compress_sealed(data)
    drop_queue(data, DROPPED)
    recover_all(data)
    check(data, [*told, *more, ["drop"]])
    assert not data.queue(DROPPED).exists()
