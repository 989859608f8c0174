from pathlib import Path

import pytest

from penstock.log.files import Disk, replace
from penstock.model.datadir import DataDir
from penstock.stream.ledger import Ledger, LedgerFile, Place, ledger_flows, ledger_path

HERE = Place("o", "kodo", {"bucket": "here"})
THERE = Place("o", "kodo", {"bucket": "there"})


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path)


def expired(ledger: Ledger, now_us: int) -> list[tuple[str, str]]:
    gone: list[tuple[str, str]] = []
    ledger.expire(now_us, lambda place, file: gone.append((place.spec["bucket"], file.target)))
    return gone


def test_files_go_when_their_day_has_come_from_where_they_were_written(data: DataDir) -> None:
    ledger = Ledger(data, 7)
    for place, target, day in [(HERE, "a", 10), (HERE, "b", 20), (THERE, "c", 5), (HERE, "d", 10)]:
        ledger.add(place, LedgerFile(target, day))
    assert expired(ledger, 4) == []
    assert expired(ledger, 10) == [("here", "a"), ("there", "c"), ("here", "d")]
    ledger.close()
    again = Ledger(data, 7)
    assert expired(again, 19) == []
    assert expired(again, 20) == [("here", "b")]
    again.close()


def test_a_ledger_without_files_is_no_file(data: DataDir) -> None:
    ledger = Ledger(data, 7)
    assert expired(ledger, 1) == []
    assert not data.flows.exists()
    ledger.add(HERE, LedgerFile("a", 1))
    assert ledger_flows(data) == [7]
    assert expired(ledger, 1) == [("here", "a")]
    assert ledger_flows(data) == []
    ledger.add(HERE, LedgerFile("b", 2))
    assert ledger_flows(data) == [7]
    ledger.close()
    assert expired(Ledger(data, 7), 2) == [("here", "b")]


def test_what_cannot_be_removed_stays_and_what_was_removed_does_not(data: DataDir) -> None:
    ledger = Ledger(data, 7)
    for target in "abc":
        ledger.add(HERE, LedgerFile(target, 1))

    def remove(place: Place, file: LedgerFile) -> None:
        if file.target == "b":
            raise OSError("out of order")

    with pytest.raises(OSError, match="out of order"):
        ledger.expire(1, remove)
    ledger.close()
    assert expired(Ledger(data, 7), 1) == [("here", "b"), ("here", "c")]


def test_a_torn_last_entry_loses_only_itself(data: DataDir) -> None:
    ledger = Ledger(data, 7)
    for target in "ab":
        ledger.add(HERE, LedgerFile(target, 1))
    ledger.close()
    path = ledger_path(data, 7)
    path.write_bytes(path.read_bytes()[:-1])
    ledger = Ledger(data, 7)
    ledger.add(HERE, LedgerFile("b", 1))  # the write is repeated after a crash
    assert expired(ledger, 1) == [("here", "a"), ("here", "b")]


def test_a_rewrite_that_fails_does_not_mix_up_places(data: DataDir) -> None:
    class Full(Disk):
        def create(self, path: Path, mode: int = 0o666) -> int:
            raise OSError("full")

    ledger = Ledger(data, 7)
    ledger.add(HERE, LedgerFile("a", 20))
    ledger.add(THERE, LedgerFile("b", 1))
    with replace(Full()), pytest.raises(OSError, match="full"):
        expired(ledger, 1)
    ledger.add(HERE, LedgerFile("c", 20))
    ledger.close()
    assert expired(Ledger(data, 7), 20) == [("here", "a"), ("there", "b"), ("here", "c")]
