import threading
import time
from typing import Any

import pytest

from penstock.log.retention import HeldTooLong, Sweep
from penstock.log.settings import LogSettings
from penstock.stream import keeper
from penstock.stream.duty import Duty, DutyThread
from penstock.stream.flow_record import FlowRecord
from penstock.stream.journal import Journal, journal_path
from penstock.stream.keeper import Retention, floors
from stream.rig import Rig


def test_every_live_flow_holds_what_it_has_not_read(rig: Rig) -> None:
    repo = rig.repo()
    new = rig.export(repo, name="new", start={0: 4})
    read = rig.export(repo, name="read", bucket="b2")
    paused = rig.export(repo, name="paused", bucket="b3")
    gone = rig.export(repo, name="gone", bucket="b4")
    rig.pause(paused, True)
    journal = Journal(journal_path(rig.data, 1))
    journal.put(FlowRecord(flow=read.id, version=1, position={0: 9, 1: 2}))
    journal.put(FlowRecord(flow=gone.id, version=1, position={0: 1}))
    journal.close()
    rig.delete(gone)
    assert floors(rig.data, rig.catalog) == {repo.queue: {new.id: {0: 4}, read.id: {0: 9, 1: 2}, paused.id: {}}}


def test_a_flow_that_holds_too_much_has_one_round_to_catch_up(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = rig.repo()
    slow, other = rig.export(repo, name="slow"), rig.export(repo, name="other", bucket="b2")
    rig.data.log.mkdir()
    seen: list[set[int]] = []

    def sweep(data: Any, settings: Any, held: Any, clock: Any) -> Sweep:
        seen.append(set(held[repo.queue]))
        must_fail = [HeldTooLong(slow.id, repo.queue, 5)] if len(seen) == 1 else []
        return Sweep(segments=0, records=0, bytes=0, must_fail=must_fail, paused=False)

    monkeypatch.setattr(keeper, "sweep", sweep)
    retention = Retention(rig.data, rig.catalog, LogSettings())
    for _ in range(3):
        retention.run()
    assert seen == [{slow.id, other.id}, {other.id}, {slow.id, other.id}]


def test_duties_go_on_after_one_of_them_failed() -> None:
    def fail() -> None:
        raise RuntimeError("out of order")

    bad, good = Duty("bad", 0.001, fail), Duty("good", 0.001, lambda: None)
    thread = DutyThread([bad, good], monotonic=time.monotonic)
    thread.start()
    assert bad.wait_for_round()
    assert good.wait_for_round()
    thread.stop(30)


def test_duties_keep_their_interval() -> None:
    now, rounds = 0.0, 0
    turned = threading.Event()

    def count() -> None:
        nonlocal rounds
        rounds += 1
        turned.set()

    rare = Duty("rare", 100.0, count)
    often = Duty("often", 0.0, lambda: None)
    thread = DutyThread([rare, often], monotonic=lambda: now)
    thread.start()
    assert turned.wait(30)
    now = 99.0
    assert often.wait_for_round()
    assert rounds == 1
    turned.clear()
    now = 101.0
    assert turned.wait(30)
    thread.stop(30)
    assert rounds == 2
