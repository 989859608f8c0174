"""The ledger of one flow: the files it wrote that are to be deleted one day (数据储存时限).

A file's day is fixed when it is written, and outlives changes of the export and its deletion. Nothing is ever deleted
but what a ledger names. A flow that keeps its files for ever has no ledger.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from penstock.log.files import disk
from penstock.model.datadir import DataDir
from penstock.stream.framed_log import FramedLog

MAGIC = b"PSTKLED1"
_FILES = "ledger-*.log"


class Place(msgspec.Struct, frozen=True, tag_field="entry", tag="place"):
    """Where the files named after it lie: the owner, the export's type and spec (without secrets)."""

    owner: str
    type: str
    spec: dict[str, Any]


class LedgerFile(msgspec.Struct, frozen=True, tag_field="entry", tag="file"):
    """One file: its name at its place, and when to delete it (UTC microseconds)."""

    target: str
    expires_at_us: int


_decode = msgspec.msgpack.Decoder(Place | LedgerFile).decode
_encode = msgspec.msgpack.Encoder().encode


class Ledger:
    """Safe to use from many threads of the one process that runs the flow. Raises OSError, DamagedFile."""

    def __init__(self, data: DataDir, flow: int) -> None:
        self._path = ledger_path(data, flow)
        self._lock = threading.Lock()
        self._log: FramedLog | None = None
        self._files: list[tuple[Place, LedgerFile]] = []

    def add(self, place: Place, file: LedgerFile) -> None:
        """Durable when it returns. A repeat of a write may add its file again; that does no harm."""
        with self._lock:
            log = self._open()
            if not self._files or self._files[-1][0] != place:
                log.append(_encode(place))
            log.append(_encode(file))
            self._files.append((place, file))

    def expire(self, now_us: int, remove: Callable[[Place, LedgerFile], None]) -> int:
        """Call `remove` for every file whose day has come, oldest first, and strike it out; returns how many. What
        `remove` raises (OSError, Problem) ends the round; the files removed until then are struck out."""
        with self._lock:
            if self._log is None and not self._path.exists():
                return 0
            log = self._open()
            removed = 0
            kept: list[tuple[Place, LedgerFile]] = []
            try:
                for i, (place, file) in enumerate(self._files):
                    if file.expires_at_us > now_us:
                        kept.append((place, file))
                        continue
                    try:
                        remove(place, file)
                    except BaseException:
                        kept += self._files[i:]
                        raise
                    removed += 1
            finally:
                if removed:
                    self._rewrite(log, kept)
            return removed

    def close(self) -> None:
        with self._lock:
            if self._log is not None:
                self._log.close()
                self._log = None

    def _open(self) -> FramedLog:
        if self._log is None:
            self._log = FramedLog(self._path, MAGIC)
            self._files = _replay(self._log.entries)
            self._log.entries = []
        return self._log

    def _rewrite(self, log: FramedLog, kept: list[tuple[Place, LedgerFile]]) -> None:
        if not kept:
            log.close()
            self._log, self._files = None, []
            disk().unlink(self._path)
            disk().sync_folder(self._path.parent)
            return
        payloads: list[bytes] = []
        last: Place | None = None
        for place, file in kept:
            if place != last:
                payloads.append(_encode(place))
            payloads.append(_encode(file))
            last = place
        log.rewrite(payloads)
        self._files = kept


def ledger_path(data: DataDir, flow: int) -> Path:
    return data.flows / _FILES.replace("*", str(flow))


def ledger_flows(data: DataDir) -> list[int]:
    """The flows that have a ledger."""
    return sorted(int(path.stem.partition("-")[2]) for path in data.flows.glob(_FILES))


def _replay(payloads: list[bytes]) -> list[tuple[Place, LedgerFile]]:
    files: list[tuple[Place, LedgerFile]] = []
    place: Place | None = None
    for payload in payloads:
        entry = _decode(payload)
        if isinstance(entry, Place):
            place = entry
        else:
            assert place is not None, "a ledger names a place before the first file"
            files.append((place, entry))
    return files
