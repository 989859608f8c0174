"""The judge itself: it finds nothing wrong with what is right, and everything that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from crash.canon import Row, digest, from_json, line
from crash.checker import Expected, Findings, check_export, check_log, check_names
from crash.content import SCHEMA, make_record
from crash.exported_files import csv_rows
from crash.history import Attempt, Batch, Outcome

Partition = list[tuple[int, Row]]
ACKNOWLEDGED, REFUSED, UNKNOWN = Outcome.ACKNOWLEDGED, Outcome.REFUSED, Outcome.UNKNOWN


def rows_of(client: str, first: int, count: int) -> list[Row]:
    random = Random(f"{client}/{first}")
    return [from_json(make_record(random, client, first + i, controls=True), SCHEMA) for i in range(count)]


def batch(first: int, *outcomes: Outcome, client: str = "c", connection: int = 1) -> tuple[Batch, list[Row]]:
    rows = rows_of(client, first, 3)
    digests = {"whole": [digest(line(row)) for row in rows]}
    attempts = [Attempt(connection + i, outcome) for i, outcome in enumerate(outcomes)]
    return Batch(client, "r", first, 3, digests, attempts=attempts), rows


def laid(*bodies: list[Row]) -> Partition:
    return list(enumerate(row for body in bodies for row in body))


A, A_ROWS = batch(0, ACKNOWLEDGED)
B, B_ROWS = batch(3, ACKNOWLEDGED)
LOST, LOST_ROWS = batch(6, UNKNOWN)
RETRIED, RETRIED_ROWS = batch(9, UNKNOWN, ACKNOWLEDGED, connection=2)
NO, NO_ROWS = batch(12, REFUSED)
BATCHES = [A, B, LOST, RETRIED, NO]


def judge_log(partitions: dict[int, Partition], batches: list[Batch] = BATCHES) -> set[str]:
    found = Findings()
    check_log(Expected(batches), partitions, found)
    return set(found.counts)


@pytest.mark.parametrize(
    "partitions",
    [
        {0: laid(A_ROWS, B_ROWS, RETRIED_ROWS)},
        {0: laid(A_ROWS, B_ROWS, LOST_ROWS, RETRIED_ROWS)},
        {0: laid(RETRIED_ROWS, A_ROWS, B_ROWS)},
        {0: laid(RETRIED_ROWS), 1: laid(A_ROWS, B_ROWS)},
    ],
)
def test_a_log_that_keeps_its_promises_passes(partitions: dict[int, Partition]) -> None:
    assert judge_log(partitions) == set()


@pytest.mark.parametrize(
    ("partitions", "verdict"),
    [
        ({0: laid(A_ROWS, RETRIED_ROWS)}, "log: acknowledged and lost"),
        ({0: laid(A_ROWS, B_ROWS)}, "log: acknowledged and lost"),
        ({0: laid(A_ROWS, B_ROWS[:2], RETRIED_ROWS)}, "log: acknowledged and lost"),
        ({0: laid(A_ROWS, B_ROWS, RETRIED_ROWS, RETRIED_ROWS)}, "log: record twice"),
        ({0: laid(A_ROWS, B_ROWS, RETRIED_ROWS), 1: laid(A_ROWS)}, "log: record twice"),
        ({0: laid(A_ROWS, B_ROWS, RETRIED_ROWS, LOST_ROWS[1:])}, "log: body torn"),
        ({0: laid(A_ROWS, B_ROWS, RETRIED_ROWS, NO_ROWS)}, "log: refused and stored"),
        ({0: laid(A_ROWS, B_ROWS, RETRIED_ROWS, rows_of("ghost", 0, 1))}, "log: record that was never sent"),
        ({0: laid(B_ROWS, A_ROWS, RETRIED_ROWS)}, "log: order broken"),
        ({0: laid(A_ROWS, RETRIED_ROWS), 1: laid(B_ROWS)}, "log: order broken"),
        ({0: laid(A_ROWS, B_ROWS, RETRIED_ROWS[::-1])}, "log: body scattered"),
        ({0: laid(A_ROWS, B_ROWS, RETRIED_ROWS[:1], LOST_ROWS, RETRIED_ROWS[1:])}, "log: body scattered"),
    ],
)
def test_a_log_that_breaks_one_is_found_out(partitions: dict[int, Partition], verdict: str) -> None:
    assert judge_log(partitions) == {verdict}


@pytest.mark.parametrize("change", [lambda r: {**r, "line": "x"}, lambda r: {**r, "size": float(r["sequence"])}])
def test_a_value_that_changed_is_found_out(change: Callable[[Row], Row]) -> None:
    assert "log: record that was changed" in judge_log({0: laid([change(A_ROWS[0])], A_ROWS[1:])}, [A])


def test_a_body_that_no_server_may_store_is_found_out() -> None:
    bad = Batch("c", "r", 0, 3, {}, attempts=[Attempt(1, UNKNOWN)])
    assert judge_log({0: laid(A_ROWS)}, [bad]) == {"log: record of a body that must be refused"}


Files = list[tuple[str, list[Row]]]


def judge_files(files: Files) -> set[str]:
    found = Findings()
    expected = Expected([A, B, LOST])
    places = check_log(expected, {0: laid(A_ROWS, B_ROWS)}, found)
    keyed = ((name, (((row["client"], row["sequence"]), row) for row in rows)) for name, rows in files)
    check_export("e", expected, places, keyed, "whole", found)
    return set(found.counts)


def test_files_that_hold_the_log_once_pass() -> None:
    assert judge_files([("1", A_ROWS[:2]), ("2", A_ROWS[2:] + B_ROWS)]) == set()


@pytest.mark.parametrize(
    ("files", "verdict"),
    [
        ([("1", A_ROWS)], "e: record lost"),
        ([("1", A_ROWS), ("2", B_ROWS), ("3", A_ROWS)], "e: record twice"),
        ([("1", A_ROWS + B_ROWS + B_ROWS[:1])], "e: record twice"),
        ([("1", B_ROWS), ("2", A_ROWS)], "e: out of order"),
        ([("1", A_ROWS + B_ROWS + LOST_ROWS)], "e: record that the log does not have"),
        ([("1", A_ROWS + B_ROWS + rows_of("ghost", 0, 1))], "e: record that was never sent"),
    ],
)
def test_files_that_do_not_are_found_out(files: Files, verdict: str) -> None:
    assert judge_files(files) == {verdict}


def test_names_are_found_out() -> None:
    found = Findings()
    check_names("e", [("1-a", 1), ("1-a", 2), ("1-a", 2), ("2-a", 1)], found)
    assert set(found.counts) == {"e: two files of one sequence", "e: files of several flows"}


def test_findings_show_the_first_cases_and_count_all() -> None:
    found = Findings()
    for n in range(5):
        found.add("record lost", f"case {n}")
    assert str(found) == "5 x record lost:\n    case 0\n    case 1\n    case 2\n"


def test_csv_tells_nothing_from_an_empty_string() -> None:
    assert list(csv_rows('a,,""\n"b\n""c""",",",1\n', ",")) == [["a", None, ""], ['b\n"c"', ",", "1"]]


def test_an_acknowledgement_outweighs_later_refusals_and_a_lost_answer_a_refusal() -> None:
    assert batch(0, ACKNOWLEDGED, REFUSED)[0].outcome is ACKNOWLEDGED
    assert batch(0, UNKNOWN, REFUSED)[0].outcome is UNKNOWN
    assert batch(0)[0].outcome is REFUSED  # never sent
