import threading
from typing import Any

import msgspec
import pytest

from penstock.catalog import exports, repos
from penstock.log.settings import LogSettings
from penstock.model.flow import FlowState
from penstock.stream.flow_slot import NoFreeSlot
from penstock.stream.journal import read_journals
from penstock.stream.status import lag
from stream.rig import FAST, Rig, until


def test_what_waited_for_the_interval_is_written_once(rig: Rig) -> None:
    repo = rig.repo()
    rig.post(repo, 0, 10)
    with rig.running():
        export = rig.export(repo, keyPrefix="logs")
        rig.post(repo, 10, 5)
        rig.pass_time(59)
        until(lambda: rig.data.run.glob("*"), any)
        assert rig.files() == {}
        rig.pass_time(2)
        status = rig.wait_written(export, 15)
        assert (status.state, status.position, status.files) == (FlowState.RUNNING, {0: 15}, 1)
        assert status.delivery == "exactly once"
    mark = f"{export.id}-{export.created_at_us // 1_000_000:x}-000001"
    assert list(rig.files()) == [f"logs-2017-01-12-15-31-01_{mark}.json"]
    assert rig.written() == list(range(15))


def test_nothing_new_writes_no_file(rig: Rig) -> None:
    repo = rig.repo()
    rig.post(repo, 0, 1)
    rig.pass_time(100)
    export = rig.export(repo)
    with rig.running():
        rig.wait_written(export, 1)
        rig.pass_time(10_000)
        rig.post(repo, 1, 1)
        rig.pass_time(100)
        assert rig.wait_written(export, 2).files == 2
    assert len(rig.files()) == 2


def test_a_restart_goes_on_where_it_stood(rig: Rig) -> None:
    repo = rig.repo()
    export = rig.export(repo)
    for round_ in range(3):
        rig.post(repo, 10 * round_, 10)
        rig.pass_time(61)
        with rig.running():
            assert rig.wait_written(export, 10 * (round_ + 1)).files == round_ + 1
    assert rig.written() == list(range(30))


def test_positions_are_found_when_the_number_of_workers_changes(rig: Rig) -> None:
    made = [(repo, rig.export(repo, bucket=f"bucket{i}")) for i in range(4) for repo in [rig.repo(f"r{i}")]]
    total = 0
    for workers in (1, 3, 2, 1):
        total += 5
        for repo, _ in made:
            rig.post(repo, total - 5, 5)
        rig.pass_time(61)
        rig.settings = msgspec.structs.replace(FAST, workers=workers)
        contexts = [rig.running() for _ in range(workers)]
        for context in contexts:
            context.__enter__()
        for _, export in made:
            rig.wait_written(export, total)
        for context in reversed(contexts):
            context.__exit__(None, None, None)
    for i in range(4):
        assert rig.written(f"bucket{i}") == list(range(20))


def test_a_worker_too_many_is_refused(rig: Rig) -> None:
    with rig.running(), pytest.raises(NoFreeSlot), rig.running():
        raise AssertionError("not reached")


def test_size_cuts_before_the_interval(rig: Rig) -> None:
    repo = rig.repo()
    export = rig.export(repo, rotateStrategy="size", rotateSize=4000)
    with rig.running():
        for i in range(40):
            rig.post(repo, i * 10, 10, "text" * 10)
        status = rig.wait_written(export, 200)
        assert status.files >= 2
    files = list(rig.files().values())
    assert all(len(text) < 8000 for text in files)
    assert sum(len(text) for text in files) / len(files) > 2000
    n = rig.written()
    assert n == list(range(len(n)))


def test_a_backlog_becomes_files_of_about_the_rotation_size(rig: Rig) -> None:
    repo = rig.repo()
    for i in range(300):
        rig.post(repo, i * 100, 100, "text" * 20)
    rig.pass_time(86_400 * 2)
    export = rig.export(repo, rotateStrategy="both", rotateSize=300_000)
    with rig.running():
        rig.wait_written(export, 30_000)
    sizes = [len(text) for text in rig.files().values()]
    assert all(200_000 < size < 345_000 for size in sizes[:-1])
    assert rig.written() == list(range(30_000))


def test_half_the_retention_ends_a_file_whatever_the_rotation_says(rig: Rig) -> None:
    repo = rig.repo()
    rig.post(repo, 0, 1)
    export = rig.export(repo, rotateStrategy="size")
    with rig.running():
        rig.pass_time(86_400 - 1)
        until(lambda: rig.data.run.glob("*"), any)
        assert rig.files() == {}
        rig.pass_time(2)
        rig.wait_written(export, 1)


def test_the_wait_is_bounded_by_what_the_queues_keep(rig: Rig) -> None:
    repo = rig.repo()
    rig.post(repo, 0, 1)
    rig.pass_time(1801)
    export = rig.export(repo, rotateStrategy="size")
    with rig.running(rig.worker(log_settings=LogSettings(retention_age_s=3600))):
        rig.wait_written(export, 1)


def test_a_clock_set_back_does_not_hold_records_for_ever(rig: Rig) -> None:
    repo = rig.repo()
    rig.pass_time(86_400)
    rig.post(repo, 0, 1)
    rig.pass_time(-86_400)
    export = rig.export(repo, rotateInterval=1)
    with rig.running():
        rig.wait_written(export, 1)


def test_pause_and_resume(rig: Rig) -> None:
    repo = rig.repo()
    export = rig.export(repo)
    with rig.running():
        rig.pause(export, True)
        rig.wait_state(export, FlowState.PAUSED)
        rig.post(repo, 0, 3)
        rig.pass_time(61)
        second = rig.export(repo, name="ex2", bucket="other")
        rig.wait_written(second, 3)
        assert rig.files() == {}
        rig.pause(export, False)
        rig.wait_written(export, 3)
    assert rig.written() == [0, 1, 2]


def test_a_changed_spec_holds_for_the_next_file(rig: Rig) -> None:
    repo = rig.repo()
    rig.post(repo, 0, 1)
    rig.pass_time(61)
    export = rig.export(repo)
    with rig.running():
        rig.wait_written(export, 1)
        rig.put(export, format="csv", delimiter=";", fields={"b": "#s", "a": "n"})
        rig.post(repo, 1, 1)
        rig.pass_time(61)
        rig.wait_written(export, 2)
    assert [text for name, text in rig.files().items() if name.endswith(".csv")] == [b"x1;1\n"]


def test_fields_added_later_go_out_too(rig: Rig) -> None:
    repo = rig.repo(schema=[{"key": "n", "valtype": "long"}])
    export = rig.export(repo)
    wide = rig.repo("wide")
    with rig.running():
        rig.writer.append(repo.queue, _batch(repo, n=1), arrived_at_us=rig.now_us()).result()
        rig.pass_time(61)
        rig.wait_written(export, 1)
        grown = rig.change(
            lambda conn: repos.update(conn, "o", "src", lambda old: msgspec.structs.replace(old, schema=wide.schema))
        )
        rig.writer.append(repo.queue, _batch(grown, n=2, s="new"), arrived_at_us=rig.now_us()).result()
        rig.pass_time(61)
        rig.wait_written(export, 2)
    assert sorted(rig.files().values()) == [b'{"n":1}\n', b'{"n":2,"s":"new"}\n']


def test_a_broken_bucket_is_retried_and_others_go_on(rig: Rig) -> None:
    repo = rig.repo()
    rig.post(repo, 0, 1)
    rig.pass_time(61)
    rig.data.buckets.mkdir()
    (rig.data.buckets / "broken").write_text("a file where the folder should be")
    bad = rig.export(repo, name="bad", bucket="broken")
    good = rig.export(repo, name="good")
    with rig.running():
        rig.wait_written(good, 1)
        status = rig.wait_state(bad, FlowState.RETRYING)
        assert "broken" in status.last_error
        assert status.last_error_at_us == rig.now_us()
        assert status.position == {}
        (rig.data.buckets / "broken").unlink()
        status = rig.wait_written(bad, 1)
        assert (status.state, status.last_error) == (FlowState.RUNNING, "")
    assert rig.written("broken") == rig.written("bkt") == [0]


def test_lost_records_fail_the_export_until_somebody_resumes_it(rig: Rig) -> None:
    repo = rig.repo()
    export = rig.export(repo)
    with rig.running():
        rig.post(repo, 0, 5)
        rig.pass_time(61)
        rig.wait_written(export, 5)
        rig.pause(export, True)
        rig.wait_state(export, FlowState.PAUSED)
        for i in range(5, 20):
            rig.post(repo, i, 1)
        rig.log.retain(repo.queue, 0, 12)
        rig.pass_time(61)
        rig.pause(export, False)
        status = rig.wait_state(export, FlowState.FAILED)
        assert "offset 5 is not within [12, 20]" in status.last_error
        rig.pause(export, True)
        rig.wait_state(export, FlowState.PAUSED)
        rig.pause(export, False)
        status = rig.wait_written(export, 13)
        assert (status.records_omitted, status.position) == (7, {0: 20})
    assert sorted(rig.written()) == [0, 1, 2, 3, 4, *range(12, 20)]


def test_newest_starts_where_it_was_fixed_and_new_partitions_are_read_whole(rig: Rig) -> None:
    repo = rig.repo()
    rig.post(repo, 0, 5)
    export = rig.export(repo, start={0: 5})
    rig.writer = rig.log.writer()
    rig.post(repo, 5, 5)
    rig.pass_time(61)
    with rig.running():
        assert rig.wait_written(export, 5).position == {0: 5, 1: 5}
    assert rig.written() == [5, 6, 7, 8, 9]


def test_an_export_deleted_and_made_again_is_another_one(rig: Rig) -> None:
    repo = rig.repo()
    rig.post(repo, 0, 3)
    rig.pass_time(61)
    with rig.running():
        first = rig.export(repo)
        rig.wait_written(first, 3)
        rig.delete(first)
        second = rig.export(repo)
        rig.wait_written(second, 3)
        until(lambda: rig.catalog.read(exports.dropped), lambda left: left == [])
        until(lambda: read_journals(rig.data), lambda flows: set(flows) == {second.id})
    assert len(rig.files()) == 2
    assert rig.written() == [0, 1, 2, 0, 1, 2]


def test_a_repo_deleted_and_made_again_is_another_one(rig: Rig) -> None:
    repo = rig.repo()
    rig.post(repo, 0, 3)
    rig.pass_time(61)
    with rig.running() as worker:
        export = rig.export(repo)
        rig.wait_written(export, 3)
        rig.delete(export)
        rig.change(lambda conn: repos.delete(conn, "o", "src"))
        again = rig.repo()
        rig.post(again, 100, 2)
        rig.pass_time(61)
        second = rig.export(again)
        rig.wait_written(second, 2)
        assert next(d for d in worker.duties if d.name == "drop queues").wait_for_round()
        assert rig.catalog.read(repos.dropped) == []
    assert sorted(rig.written()) == [0, 1, 2, 100, 101]


def test_two_exports_into_one_bucket_do_not_collide(rig: Rig) -> None:
    repo = rig.repo()
    rig.post(repo, 0, 2)
    rig.pass_time(61)
    made = [rig.export(repo, name=f"ex{i}", keyPrefix="p/$(year)") for i in range(3)]
    with rig.running():
        for export in made:
            rig.wait_written(export, 2)
    assert len(rig.files()) == 3
    assert sorted(rig.written()) == [0, 0, 0, 1, 1, 1]


def test_stopping_abandons_the_write_and_the_next_start_does_it_again(rig: Rig) -> None:
    repo = rig.repo()
    for i in range(50):
        rig.post(repo, i * 10, 10)
    rig.pass_time(61)
    export = rig.export(repo)
    reading, go_on = threading.Event(), threading.Event()
    plain = rig.readers

    def slow(queue: Any) -> Any:
        reader = plain(queue)
        read = reader.read

        def chunks(*arguments: Any) -> Any:
            for chunk in read(*arguments):
                reading.set()
                assert go_on.wait(30)
                yield chunk

        reader.read = chunks
        return reader

    rig.readers = slow
    stopper = threading.Thread(target=lambda: (reading.wait(30), go_on.set()))
    with rig.running():
        assert reading.wait(30)
        # the worker is told to stop while the write is held; only then does it go on
        stopper = threading.Timer(0.2, go_on.set)
        stopper.start()
    stopper.join()
    assert rig.files() == {}
    assert read_journals(rig.data)[export.id].cut is not None
    rig.readers = plain
    rig.pass_time(3600)
    with rig.running():
        rig.wait_written(export, 500)
    assert rig.written() == list(range(500))
    assert "15-31-01" in next(iter(rig.files()))  # the name of the first try


def test_a_spec_changed_between_cut_and_commit_changes_the_next_file_only(rig: Rig) -> None:
    repo = rig.repo()
    rig.post(repo, 0, 3)
    rig.pass_time(61)
    rig.data.buckets.mkdir()
    (rig.data.buckets / "bkt").write_text("in the way")
    export = rig.export(repo, keyPrefix="first")
    with rig.running():
        rig.wait_state(export, FlowState.RETRYING)
        rig.put(export, keyPrefix="second", format="csv", delimiter=",")
        (rig.data.buckets / "bkt").unlink()
        rig.wait_written(export, 3)
        rig.post(repo, 3, 1)
        rig.pass_time(61)
        rig.wait_written(export, 4)
    files = rig.files()
    assert [name.partition("-")[0] for name in files] == ["first", "second"]
    assert list(files.values()) == [b'{"n":0,"s":"x0"}\n{"n":1,"s":"x1"}\n{"n":2,"s":"x2"}\n', b"3,x3\n"]


def test_expired_files_go_and_only_those_that_were_written(rig: Rig) -> None:
    repo = rig.repo()
    rig.post(repo, 0, 1)
    rig.pass_time(61)
    export = rig.export(repo, retention=3, keyPrefix="d/")
    with rig.running() as worker:
        expiry = next(d for d in worker.duties if d.name == "expire files")
        rig.wait_written(export, 1)
        stranger = rig.data.buckets / "bkt" / "d" / "2010-01-01-00-00-00_1-1-000001.json"
        stranger.write_text("{}")
        rig.pass_time(3 * 86_400 - 10)
        assert expiry.wait_for_round()
        assert len(rig.files()) == 2
        rig.delete(export)  # outlives the export
        rig.pass_time(20)
        assert expiry.wait_for_round()
    assert list(rig.files().values()) == [b"{}"]
    assert list(rig.data.flows.glob("ledger-*")) == []


def test_the_status_before_any_worker_took_the_export_up(rig: Rig) -> None:
    repo = rig.repo()
    rig.post(repo, 0, 7)
    export = rig.export(repo, start={0: 2})
    status = rig.status(export)
    assert (status.state, status.position, status.records_out) == (FlowState.RUNNING, {0: 2}, 0)
    behind = lag(rig.log.reader(repo.queue), status.position, rig.now_us() + 2_500_000)
    assert (behind.end, behind.records, behind.seconds) == ({0: 7}, 5, 2.5)
    assert lag(rig.log.reader(repo.queue), {0: 7}).seconds == 0.0


def test_the_lag_of_a_flow_whose_records_were_dropped(rig: Rig) -> None:
    repo = rig.repo()
    for _ in range(3):
        rig.post(repo, 0, 2)
    rig.log.retain(repo.queue, 0, 4)
    behind = lag(rig.log.reader(repo.queue), {0: 1}, rig.now_us() + 1_500_000)
    assert (behind.end, behind.records, behind.seconds) == ({0: 6}, 5, 1.5)


def _batch(repo: Any, **row: Any) -> Any:
    import pyarrow as pa

    return pa.RecordBatch.from_pylist([row], schema=repo.schema.arrow())
