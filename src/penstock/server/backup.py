"""`penstock backup`: a copy of a data directory as it was at one moment, while the server runs.

What makes it consistent is the order, and that two things stand still for the moment of the cut:

1. Sealed segments are linked (or copied) ahead: they never change.
2. The cut: no definition changes (the catalog's write lock is held) and no segment is compressed or dropped (the log's
   maintenance lock is held). The catalog is copied, then the flows' journals, then of every queue what its watermarks
   say. Posts and flows go on: the log is read after the journals, so no position lies beyond its end, and every record
   that was acknowledged before the cut is below a watermark.
3. The buckets' files that were there when the journals were read, but those that the journals do not know as written:
   the restored flows write those records again, under other names.
4. Everything is synced and summed up; the manifest is written.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

import msgspec

from penstock import __version__
from penstock.catalog import exports, repos
from penstock.catalog.database import Catalog
from penstock.catalog.format import check_format
from penstock.connect.file_mark import FlowMark, read_mark
from penstock.connect.local_bucket import TEMP_FOLDER
from penstock.log import layout, watermark
from penstock.log.slots import maintenance
from penstock.model.crashpoint import crashpoint
from penstock.model.datadir import DataDir
from penstock.model.durable import sync_folder, write_durable
from penstock.model.repo import QueueId, Repo
from penstock.server.manifest import NAME, BackupFile, BackupRefused, Manifest, checksum
from penstock.stream.journal import read_journals

_TRIES = 50


class Backup:
    """One backup of `data` into the folder `target`, which must be empty or new."""

    def __init__(self, data: DataDir, target: Path, *, buckets: bool = True) -> None:
        self._data = data
        self._to = DataDir(target)
        self._buckets = buckets
        self._written: dict[FlowMark, int] = {}
        """Of each flow, the sequence of the last file that its journal knows as written."""

    def make(self, cutting: Callable[[], None] = lambda: None) -> Manifest:
        """Raises BackupRefused, Unusable, OSError. `cutting` is called when the cut begins: what was acknowledged
        before is in the backup."""
        version = check_format(self._data)
        if self._to.root.resolve().is_relative_to(self._data.root.resolve()):
            raise BackupRefused(f"{self._to.root} is inside the data directory: give a folder elsewhere")
        require_empty(self._to.root)
        self._to.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with Catalog.open(self._data) as catalog:
            self._take_sealed(catalog.read(repos.list_all))
            cut_at = datetime.now(UTC)
            cutting()
            with maintenance(self._data.slots):
                read_at_ns = catalog.write(lambda _: self._cut(catalog)).result()
        crashpoint("backup.cut.taken")
        if self._buckets:
            self._take_buckets(read_at_ns)
        for file in (self._data.secret_key, self._data.admin_key, self._data.format, self._data.log / "clock"):
            self._copy(file)
        return self._finish(version, cut_at)

    def _take_sealed(self, found: list[Repo]) -> None:
        for repo in found:
            for partition, folder in _partitions(self._data, repo.queue):
                mark = watermark.read(folder)
                if mark is not None:
                    self._link_sealed(repo.queue, partition, mark.segment)

    def _cut(self, catalog: Catalog) -> int:
        """Runs while no definition changes; returns when (unix ns) the journals were read."""
        _create(self._to.catalog).close()  # for its owner only: it is filled where it is
        catalog.backup(self._to.catalog)
        read_at_ns = self._take_journals()
        records = read_journals(self._to)
        for export in catalog.read(exports.list_all):
            known = records.get(export.id)
            self._written[FlowMark.of(export.id, export.created_at_us)] = 0 if known is None else known.sequence
        live = [repo.queue for repo in catalog.read(repos.list_all)]
        for queue in live:
            for partition, folder in _partitions(self._data, queue):
                self._take_partition(queue, partition, folder)
        self._drop_dead(set(live))
        return read_at_ns

    def _take_journals(self) -> int:
        """Journals and ledgers; returns when (unix ns) they were read."""
        for path in self._flow_files():
            with suppress(FileNotFoundError):  # the last file that a ledger named has just gone
                self._write(path, path.read_bytes())
        return time.time_ns()

    def _flow_files(self) -> list[Path]:
        """The journals, then the ledgers: a file that only the journal knows is written, and entered, again. Not what
        lies there spooled on its way into a bucket."""
        return sorted(self._data.flows.glob("*.log"))

    def _take_partition(self, queue: QueueId, partition: int, folder: Path) -> None:
        """What was durable at this moment: the watermark, the active segment up to it, every segment before it."""
        for _ in range(_TRIES):
            mark = watermark.read(folder)
            if mark is None:
                return
            content = (folder / layout.WATERMARK).read_bytes()
            if watermark.parse(content, folder) != mark:
                continue
            self._write(folder / layout.WATERMARK, content)
            self._link_sealed(queue, partition, mark.segment)
            if mark.position:
                self._copy(layout.segment_path(folder, mark.segment), None if mark.ended else mark.position)
            return
        raise BackupRefused(f"{folder}: the watermark did not stand still for a moment; try again")

    def _link_sealed(self, queue: QueueId, partition: int, active: int) -> None:
        """Link the segments before `active`; of those linked earlier, let go of what is not there any more."""
        folder = self._data.queue(queue) / str(partition)
        copied = self._to.queue(queue) / str(partition)
        bases = [base for base in layout.segment_bases(folder) if base < active]
        for base in set(layout.segment_bases(copied)) - set(bases):
            layout.segment_path(copied, base).unlink()
        for base in bases:
            if not layout.segment_path(copied, base).exists():
                self._link(layout.segment_path(folder, base))

    def _drop_dead(self, live: set[QueueId]) -> None:
        for queue in list(layout.queues(self._to)):
            if queue not in live:
                shutil.rmtree(self._to.queue(queue))

    def _take_buckets(self, read_at_ns: int) -> None:
        for path, status in _files(self._data.buckets):
            if status.st_ctime_ns <= read_at_ns and self._is_known(path):
                self._link(path)

    def _is_known(self, path: Path) -> bool:
        """False for a file that a flow has published, but not committed before its journal was read."""
        mark = read_mark(path.name)
        return mark is None or mark[1] <= self._written.get(mark[0], mark[1])

    def _link(self, path: Path) -> None:
        """The same file under the backup, or a copy where the file system cannot link; nothing when it has just gone
        (retention)."""
        target = self._target(path)
        try:
            target.hardlink_to(path)
        except FileNotFoundError:
            return
        except OSError:
            self._copy(path)

    def _copy(self, path: Path, size: int | None = None) -> None:
        """A copy of the first `size` bytes (default: all); nothing when there is no such file."""
        try:
            source = path.open("rb", buffering=0)
        except FileNotFoundError:
            return
        with source, _create(self._target(path)) as target:
            left = os.fstat(source.fileno()).st_size if size is None else size
            while left:
                sent = os.sendfile(target.fileno(), source.fileno(), None, left)
                if not sent:
                    raise BackupRefused(f"{path} is shorter than its watermark says: run `penstock doctor`")
                left -= sent

    def _write(self, path: Path, content: bytes) -> None:
        with _create(self._target(path)) as file:
            file.write(content)

    def _target(self, path: Path) -> Path:
        target = self._to.root / path.relative_to(self._data.root)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return target

    def _finish(self, version: int, cut_at: datetime) -> Manifest:
        files: list[BackupFile] = []
        root = self._to.root
        for folder, _, names in os.walk(root, topdown=False):
            for name in sorted(names):
                path = Path(folder, name)
                _sync(path)
                files.append(msgspec.structs.replace(checksum(path), path=str(path.relative_to(root))))
            sync_folder(Path(folder))
        manifest = Manifest(
            format=version,
            penstock=__version__,
            cut_at=cut_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            buckets=self._buckets,
            files=sorted(files, key=lambda file: file.path),
        )
        crashpoint("backup.files.synced")
        write_durable(root / NAME, msgspec.json.format(msgspec.json.encode(manifest)) + b"\n", mode=0o600)
        return manifest


def _partitions(data: DataDir, queue: QueueId) -> Iterator[tuple[int, Path]]:
    for partition in layout.partitions(data.queue(queue)):
        yield partition, data.queue(queue) / str(partition)


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Every plain file below the folder but unfinished uploads; those that vanish meanwhile are left out."""
    for path in folder.rglob("*"):
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISREG(status.st_mode) and TEMP_FOLDER not in path.parts:
            yield path, status


def require_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BackupRefused(f"{folder} is not empty: give a new folder")


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _create(path: Path) -> FileIO:
    """A new file, for its owner only."""
    return FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
