import errno
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crash.power import PowerCut, PowerDisk
from penstock.log.files import Disk, replace
from penstock.stream.framed_log import DamagedFile, FramedLog, read_entries

MAGIC = b"TESTLOG1"
PAYLOADS = [b"one", b"", b"x" * 200, b"four"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "test.log"


def filled(path: Path, payloads: list[bytes] = PAYLOADS) -> bytes:
    log = FramedLog(path, MAGIC)
    for payload in payloads:
        log.append(payload)
    log.close()
    return path.read_bytes()


def test_entries_are_found_again(path: Path) -> None:
    filled(path)
    log = FramedLog(path, MAGIC)
    assert log.entries == read_entries(path, MAGIC) == PAYLOADS
    log.append(b"five")
    log.close()
    assert read_entries(path, MAGIC) == [*PAYLOADS, b"five"]


def test_a_torn_last_entry_is_cut_off_at_every_byte(path: Path) -> None:
    content = filled(path)
    before = len(content) - len(PAYLOADS[-1]) - 12
    for size in range(before, len(content)):
        path.write_bytes(content[:size])
        assert read_entries(path, MAGIC) == PAYLOADS[:-1]
        log = FramedLog(path, MAGIC)
        assert log.entries == PAYLOADS[:-1]
        log.append(b"again")
        log.close()
        assert read_entries(path, MAGIC) == [*PAYLOADS[:-1], b"again"]


def test_any_damaged_byte_is_noticed(path: Path) -> None:
    content = filled(path)
    last = len(content) - len(PAYLOADS[-1]) - 12
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x40]) + content[at + 1 :])
        if at < last:
            with pytest.raises(DamagedFile, match=str(path)):
                FramedLog(path, MAGIC)
        else:
            assert read_entries(path, MAGIC) == PAYLOADS[:-1]


def test_a_file_of_another_kind_is_refused(path: Path) -> None:
    filled(path)
    with pytest.raises(DamagedFile, match="OTHERLOG"):
        FramedLog(path, b"OTHERLOG")


def test_a_missing_file_has_no_entries(path: Path) -> None:
    assert read_entries(path, MAGIC) == []
    assert not path.parent.exists()


def test_a_rewrite_replaces_everything(path: Path) -> None:
    filled(path)
    log = FramedLog(path, MAGIC)
    log.rewrite([b"a", b"b"])
    log.append(b"c")
    log.close()
    assert read_entries(path, MAGIC) == [b"a", b"b", b"c"]


def test_what_was_read_is_on_disk(tmp_path: Path) -> None:
    """Queues drop what flows have read: a state that a power cut could take back must not be acted upon."""
    entry = filled(tmp_path / "one.log", [b"entry"])[len(MAGIC) :]
    (tmp_path / "before").mkdir()
    path = tmp_path / "before" / "x.log"
    disk = PowerDisk(tmp_path / "before", "boot", 1000)
    with replace(disk):
        log = FramedLog(path, MAGIC)
        disk.write(log._fd, [entry], log.size)  # the writer stopped before its sync
        assert read_entries(path, MAGIC) == [b"entry"]
        disk.power_off()
    for seed in range(8):
        after = tmp_path / str(seed)
        after.mkdir()
        disk.survivors(after, random.Random(seed))
        assert read_entries(after / "x.log", MAGIC) == [b"entry"]


class FullDisk(Disk):
    """Writes half of what it is given, then has no more room, while `full` is true."""

    full = True

    def write(self, fd: int, buffers: Sequence[bytes | memoryview], position: int) -> int:
        if not self.full:
            return super().write(fd, buffers, position)
        data = b"".join(bytes(b) for b in buffers)
        super().write(fd, [data[: len(data) // 2]], position)
        raise OSError(errno.ENOSPC, "no space left on device")


def test_a_failed_append_leaves_no_trace(path: Path) -> None:
    filled(path)
    log = FramedLog(path, MAGIC)
    with replace(FullDisk()) as layer:
        for _ in range(2):
            with pytest.raises(OSError, match="no space"):
                log.append(b"a longer entry that does not fit")
        assert read_entries(path, MAGIC) == PAYLOADS
        assert isinstance(layer, FullDisk)
        layer.full = False
        log.append(b"s")
    log.close()
    assert read_entries(path, MAGIC) == [*PAYLOADS, b"s"]


@given(
    st.lists(st.binary(max_size=1500), max_size=6),
    st.integers(1, 40),
    st.integers(0, 6),
    st.randoms(use_true_random=False),
)
def test_a_power_cut_loses_at_most_what_was_not_acknowledged(
    tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes], cut_at: int, rewrite_at: int, chance: random.Random
) -> None:
    root = tmp_path_factory.mktemp("power")
    (root / "before").mkdir()
    disk = PowerDisk(root / "before", "boot", cut_at)
    acknowledged: list[bytes] = []
    asked: list[bytes] = []
    with replace(disk):
        try:
            log = FramedLog(root / "before" / "x.log", MAGIC)
            for i, payload in enumerate(payloads):
                asked = [*acknowledged, payload]
                log.append(payload)
                acknowledged = asked
                if i == rewrite_at:
                    log.rewrite(acknowledged)
        except PowerCut:
            pass
        disk.power_off()
    (root / "after").mkdir()
    disk.survivors(root / "after", chance)
    assert read_entries(root / "after" / "x.log", MAGIC) in (acknowledged, asked)
