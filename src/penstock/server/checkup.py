"""`penstock doctor`: reads everything in a data directory, changes nothing, and says what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from penstock.auth.keyring import KeyRing
from penstock.auth.secrets import SecretBox, SecretsUnreadable
from penstock.catalog import exports, repos
from penstock.catalog.database import Catalog
from penstock.catalog.format import Unusable, check_format
from penstock.log.doctor import PartitionReport
from penstock.log.doctor import examine as examine_log
from penstock.model.datadir import DataDir
from penstock.model.flow import Export, Positions
from penstock.model.repo import QueueId
from penstock.stream.flow_record import FlowRecord
from penstock.stream.framed_log import DamagedFile, read_entries
from penstock.stream.journal import read_journals
from penstock.stream.ledger import MAGIC as LEDGER
from penstock.stream.ledger import ledger_flows, ledger_path


class Complaint(msgspec.Struct, frozen=True):
    """One thing that is wrong: in which part, where, and what."""

    part: str
    where: str
    problem: str


class Checkup(msgspec.Struct):
    """What was looked at (counts by name) and what is wrong with it."""

    looked_at: dict[str, int] = {}
    complaints: list[Complaint] = []

    def complain(self, part: str, where: object, problem: object) -> None:
        self.complaints.append(Complaint(part, str(where), str(problem)))

    def count(self, name: str, number: int = 1) -> None:
        self.looked_at[name] = self.looked_at.get(name, 0) + number


def examine(data: DataDir) -> Checkup:
    """Everything, every log body included. Sees a running server's directory as of now; what is being written meanwhile
    is not taken for damage."""
    found = Checkup()
    try:
        check_format(data)
    except Unusable as error:
        found.complain("format", data.format, error)
        return found
    defined = _catalog(data, found)
    records = _flows(data, found)  # before the log: positions only grow
    ends = _log(data, found)
    _positions(defined, records, ends, found)
    return found


def _catalog(data: DataDir, found: Checkup) -> list[Export]:
    """The flows that are defined, if that can be read."""
    defined: list[Export] = []
    with _complaining(found, "catalog", data.catalog), Catalog.open(data) as catalog:
        lines = catalog.read(lambda conn: conn.execute(text("PRAGMA integrity_check")).scalars().all())
        for line in lines:
            if line != "ok":
                found.complain("catalog", data.catalog, line)
        for row in catalog.read(lambda conn: conn.execute(text("PRAGMA foreign_key_check")).all()):
            found.complain("catalog", data.catalog, f"table {row[0]}, row {row[1]}: refers to a row that is missing")
        _keys(data, catalog, found)
        defined = catalog.read(exports.list_all)
        found.count("repos", len(catalog.read(repos.list_all)))
        found.count("exports", len(defined))
    return defined


def _keys(data: DataDir, catalog: Catalog, found: Checkup) -> None:
    if not data.secret_key.exists():
        found.complain("keys", data.secret_key, "is missing: no stored secret can be read without it")
        return
    with _complaining(found, "keys", data.secret_key):
        box = SecretBox.of(data)
        for key in KeyRing(catalog, box).list_of():
            found.count("keys")
            with _complaining(found, "keys", key.access_key):
                box.open(key.sealed_secret, key.access_key)


def _flows(data: DataDir, found: Checkup) -> dict[int, FlowRecord]:
    for flow in ledger_flows(data):
        with _complaining(found, "flows", ledger_path(data, flow)):
            read_entries(ledger_path(data, flow), LEDGER)
            found.count("ledgers")
    records: dict[int, FlowRecord] = {}
    with _complaining(found, "flows", data.flows):
        records = read_journals(data)
        found.count("journaled flows", len(records))
    return records


def _log(data: DataDir, found: Checkup) -> dict[QueueId, dict[int, PartitionReport]]:
    reports: dict[QueueId, dict[int, PartitionReport]] = {}
    for report in examine_log(data):
        reports.setdefault(report.queue, {})[report.partition] = report
        found.count("partitions")
        found.count("segments", report.segments)
        found.count("frames", report.frames)
        found.count("records", report.records)
        for finding in report.findings:
            where = f"{finding.path}, bytes {finding.first}-{finding.last}"
            found.complain("log", where, finding.reason)
    return reports


def _positions(
    flows: list[Export],
    records: Mapping[int, FlowRecord],
    reports: Mapping[QueueId, Mapping[int, PartitionReport]],
    found: Checkup,
) -> None:
    """A flow must stand within its queue's log: beyond the end records were lost, before the start they were dropped
    unread."""
    for export in flows:
        position: Positions = records[export.id].position if export.id in records else export.start
        for partition, offset in position.items():
            report = reports.get(export.queue, {}).get(partition)
            start, end = (report.start, report.end) if report else (0, 0)
            if not start <= offset <= end:
                found.complain(
                    "flows",
                    f"export {export.name} of {export.queue}, partition {partition}",
                    f"stands at {offset}, but the log holds [{start}, {end})",
                )


@contextmanager
def _complaining(found: Checkup, part: str, where: object) -> Iterator[None]:
    """What cannot be read is a complaint, and the rest is looked at all the same."""
    try:
        yield
    except (Unusable, SecretsUnreadable, DamagedFile, DBAPIError, OSError, msgspec.DecodeError) as error:
        found.complain(part, where, getattr(error, "orig", None) or error)
