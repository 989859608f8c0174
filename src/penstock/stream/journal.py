"""The flow journal: every state change of a worker's flows, durable before the flow goes on.

One file per flow worker slot. An entry is one group of changes that shared a sync; of each flow the latest change
counts. When the file has grown to several times what it says, it is rewritten with the present states alone.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import msgspec
import structlog

from penstock.model.datadir import DataDir
from penstock.stream.flow_record import Dropped, FlowRecord
from penstock.stream.framed_log import FramedLog, read_entries

MAGIC = b"PSTKJNL1"
_FILES = "journal-*.log"
COMPACT_BYTES = 4 * 1024 * 1024

log = structlog.stdlib.get_logger()

Entry = FlowRecord | Dropped
_decode = msgspec.msgpack.Decoder(list[Entry]).decode
_encode = msgspec.msgpack.Encoder().encode


class _Group:
    """Changes that wait for one sync."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.done = threading.Event()
        self.error: OSError | None = None


class Journal:
    """One slot's journal; only the holder of the slot may open it. Safe to use from many threads: changes that come
    while a sync is under way share the next one. Raises OSError, DamagedFile."""

    def __init__(self, path: Path, compact_bytes: int = COMPACT_BYTES) -> None:
        self._log = FramedLog(path, MAGIC)
        self._records = _replay(self._log.entries)
        self._log.entries = []
        self._compact_bytes = compact_bytes
        self._compact_at = max(compact_bytes, 4 * self._log.size)
        self._joining = threading.Lock()
        self._writing = threading.Lock()
        self._group = _Group()

    @property
    def records(self) -> Mapping[int, FlowRecord]:
        """The durable states, by flow id."""
        return self._records

    def put(self, record: FlowRecord) -> None:
        """Durable when it returns; when it raises, the state before it counts."""
        self._change(record)

    def drop(self, flow: int) -> None:
        """Forget a flow, durably."""
        if flow in self._records:
            self._change(Dropped(flow))

    def close(self) -> None:
        with self._writing:
            self._log.close()

    def _change(self, entry: Entry) -> None:
        with self._joining:
            group = self._group
            group.entries.append(entry)
            leads = len(group.entries) == 1
        if leads:
            self._lead(group)
        else:
            group.done.wait()
        if group.error is not None:
            raise OSError(f"the flow journal cannot be written: {group.error}") from group.error

    def _lead(self, group: _Group) -> None:
        """The first of a group writes for all; others join until the sync before this one is over."""
        with self._writing:
            with self._joining:
                self._group = _Group()
            try:
                self._log.append(_encode(group.entries))
                for entry in group.entries:
                    _apply(self._records, entry)
            except OSError as error:
                group.error = error
            finally:
                group.done.set()
            self._compact_if_grown()

    def _compact_if_grown(self) -> None:
        if self._log.size <= self._compact_at:
            return
        try:
            self._log.rewrite(_encode([record]) for record in self._records.values())
            self._compact_at = max(self._compact_bytes, 4 * self._log.size)
        except OSError as error:  # the grown file still holds everything
            log.warning("flow journal not compacted", path=str(self._log.path), error=str(error))
            self._compact_at = self._log.size + self._compact_bytes


def journal_path(data: DataDir, slot: int) -> Path:
    return data.flows / _FILES.replace("*", str(slot))


def read_journals(data: DataDir) -> dict[int, FlowRecord]:
    """The latest state of every flow over the journals of all slots, as far as it is on disk. Flows change their slot
    when the number of workers changes; the state with the highest version is the one that counts."""
    latest: dict[int, FlowRecord] = {}
    for path in sorted(data.flows.glob(_FILES)):
        for record in _replay(read_entries(path, MAGIC)).values():
            known = latest.get(record.flow)
            if known is None or known.version < record.version:
                latest[record.flow] = record
    return latest


def _replay(payloads: list[bytes]) -> dict[int, FlowRecord]:
    records: dict[int, FlowRecord] = {}
    for payload in payloads:
        for entry in _decode(payload):
            _apply(records, entry)
    return records


def _apply(records: dict[int, FlowRecord], entry: Entry) -> None:
    if isinstance(entry, Dropped):
        records.pop(entry.flow, None)
    else:
        records[entry.flow] = entry
