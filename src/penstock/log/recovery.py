"""The one recovery path: find where a partition's log ends, cut what was never acknowledged, report what is damaged.

While the machine has not restarted, the watermark is exact: what lies beyond was never acknowledged and goes, and
nothing is read. After a restart it may be old: the frames beyond it are walked, whole ones are kept (some were
acknowledged), the first bad one ends the log. Unless it was synced: the watermark beyond it, or a later frame that says
so, tells. Then it is damage, not an unfinished write; the segment is left as it is, for a person, and the log goes on
in a new one. Sealed segments are not read.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from penstock.log import watermark
from penstock.log.drop import finish_drops
from penstock.log.files import disk
from penstock.log.frame import BadFrame
from penstock.log.interface import CorruptLog
from penstock.log.layout import partitions as partitions_of
from penstock.log.layout import queues, segment_bases, segment_path, stray_files
from penstock.log.segment import SegmentFile
from penstock.log.slots import raise_epoch
from penstock.log.watermark import Watermark, WatermarkFile
from penstock.model.crashpoint import crashpoint
from penstock.model.datadir import DataDir
from penstock.model.repo import QueueId


class Recovered(msgspec.Struct, frozen=True):
    """A partition as recovery left it: its watermark, the bytes that were cut, the damage that was found."""

    mark: Watermark
    cut_bytes: int = 0
    damage: CorruptLog | None = None


class RecoveryReport(msgspec.Struct, frozen=True):
    """What `recover_all` did: partitions looked at, bytes of unfinished writes cut, damage by queue and partition."""

    partitions: int
    cut_bytes: int
    damaged: list[tuple[QueueId, int, CorruptLog]]


def recover_all(data: DataDir) -> RecoveryReport:
    """Recover every partition, before any writer starts; the caller holds the data directory's lock. Reads only what
    lies beyond the watermarks. Damage is reported, not raised: the rest of the log is fine. Raises NewerFormat."""
    count = cut = 0
    epochs: dict[int, int] = {}
    damaged = []
    finish_drops(data)
    for queue in queues(data):
        folder = data.queue(queue)
        for partition in partitions_of(folder):
            done = recover(folder / str(partition))
            count += 1
            cut += done.cut_bytes
            epochs[partition] = max(epochs.get(partition, 0), done.mark.epoch)
            if done.damage is not None:
                damaged.append((queue, partition, done.damage))
    for partition, epoch in epochs.items():
        raise_epoch(data.slots, partition, epoch)
    return RecoveryReport(count, cut, damaged)


def recover_partitions(data: DataDir, number: int) -> None:
    """Recover one slot's partition of every queue, for the writer that took the slot. At once, not at the first append:
    a frame that its last holder did not get to acknowledge may meanwhile be stored through another process, and must
    not come back. Raises NewerFormat, OSError."""
    for queue in queues(data):
        folder = data.queue(queue) / str(number)
        if folder.is_dir():
            try:
                recover(folder)
            except FileNotFoundError:
                if folder.is_dir():  # else the queue was dropped meanwhile
                    raise


def recover(folder: Path) -> Recovered:
    """Recover one partition that no writer has open, and publish where it ends. Raises NewerFormat, OSError."""
    for stray in stray_files(folder):
        disk().unlink(stray)
    known = _known(folder)
    if known is not None and known.exact():
        done = _cut_unpublished(folder, known)
    else:
        done = _walk(folder, known)
    if done.mark != known:
        _publish(folder, done.mark)
    return done


def _known(folder: Path) -> Watermark | None:
    try:
        return watermark.read(folder)
    except CorruptLog:
        return None  # a power cut may tear it; the walk costs time and loses nothing


def _cut_unpublished(folder: Path, mark: Watermark) -> Recovered:
    bases = segment_bases(folder)
    cut = 0
    while bases and (bases[-1] > mark.segment or (bases[-1] == mark.segment and not mark.position)):
        cut += _remove_segment(folder, bases.pop())
    if not mark.position:
        return Recovered(mark, cut)
    path = segment_path(folder, mark.segment)
    if not bases or bases[-1] != mark.segment:
        return Recovered(_ended(mark), cut, _lost(path, mark, 0, "the segment is missing"))
    size = path.stat().st_size
    if size < mark.position:
        return Recovered(_ended(mark), cut, _lost(path, mark, size, "the file is too short"))
    if size > mark.position and not mark.ended:
        _truncate(path, mark.position)
        cut += size - mark.position
    return Recovered(mark, cut)


def _walk(folder: Path, known: Watermark | None) -> Recovered:
    bases = segment_bases(folder)
    cut = 0
    while bases and (known is None or bases[-1] >= known.segment):
        path = segment_path(folder, bases[-1])
        try:
            file = SegmentFile(path)
        except BadFrame as bad:
            done = _without_head(folder, bases[-1], known, str(bad))
            if done is not None:
                return done
            cut += _remove_segment(folder, bases.pop())
            continue
        done = _walk_segment(file, known)
        file.close()
        return msgspec.structs.replace(done, cut_bytes=done.cut_bytes + cut)
    if known is not None and known.position:
        path = segment_path(folder, known.segment)
        return Recovered(_ended(known), cut, _lost(path, known, 0, "the segment is missing"))
    return Recovered(known or Watermark(0, 0, 0, 0), cut)


def _walk_segment(file: SegmentFile, known: Watermark | None) -> Recovered:
    base, size = file.head.base_offset, file.size()
    trusted = known if known is not None and known.segment == base and known.position else None
    if trusted is not None and (trusted.ended or trusted.position > size):
        damage = None if trusted.ended else _lost(file.path, trusted, size, "the file is too short")
        return Recovered(_ended(trusted), 0, damage)
    if trusted is not None and not file.head.compressed:
        position, offset, epoch = trusted.position, trusted.next_offset, trusted.epoch
    else:
        position, offset, epoch = file.first_frame, base, 0
    walked_from, reason = position, ""
    while position < size:
        try:
            header = file.header(position, size)
            if (header.base_offset, header.schema_id) != (offset, file.head.schema_id) or header.epoch < epoch:
                raise BadFrame("the frame does not follow the one before it")
            file.rest(position, header, size)
        except BadFrame as bad:
            reason = str(bad)
            break
        position, offset, epoch = position + header.size, header.end_offset, header.epoch
    epoch = max(epoch, known.epoch if known is not None else 0)
    mark = Watermark(base, position, offset, epoch, ended=file.head.compressed)
    if file.head.compressed and position < size:  # it was synced whole before it got its name
        known_end = known.next_offset if known is not None else offset
        damage = CorruptLog(str(file.path), position, size, reason)
        return Recovered(Watermark(base, size, max(offset, known_end), epoch, ended=True), 0, damage)
    if known is not None and known.segment == base and offset < known.next_offset:
        return Recovered(_ended(known), 0, CorruptLog(str(file.path), position, size, reason or "records are missing"))
    if position == size:
        if position > walked_from:
            _sync(file.path)
        return Recovered(mark)
    found = _synced_later(file, position, size, offset, reason)
    if found is not None:
        return Recovered(Watermark(base, size, found[1], max(epoch, found[2]), ended=True), 0, found[0])
    _truncate(file.path, position)
    return Recovered(mark, size - position)


def _synced_later(
    file: SegmentFile, position: int, size: int, offset: int, reason: str
) -> tuple[CorruptLog, int, int] | None:
    """Whether some frame beyond the bad one at `position` says that it had been synced: then the damage, the end offset
    and the highest epoch of the frames beyond."""
    first_whole = None
    epoch = 0
    proven = False
    at = file.next_magic(position + 1, size)
    while at < size:
        try:
            header = file.header(at, size)
            file.rest(at, header, size)
        except BadFrame:
            at = file.next_magic(at + 1, size)
            continue
        first_whole = at if first_whole is None else first_whole
        proven = proven or header.synced_to > position
        offset, epoch = max(offset, header.end_offset), max(epoch, header.epoch)
        at += header.size
    if not proven or first_whole is None:
        return None
    return CorruptLog(str(file.path), position, first_whole, reason), offset, epoch


def _without_head(folder: Path, base: int, known: Watermark | None, reason: str) -> Recovered | None:
    """A segment whose head is bad is damaged if anything in it was synced; else None: it was never finished."""
    path = segment_path(folder, base)
    if known is not None and known.segment == base and known.position:
        return Recovered(_ended(known), 0, CorruptLog(str(path), 0, known.position, reason))
    file = SegmentFile(path, headless=True)
    size = file.size()
    found = _synced_later(file, 0, size, base, reason)
    file.close()
    if found is None:
        return None
    return Recovered(Watermark(base, size, found[1], found[2], ended=True), 0, found[0])


def _ended(mark: Watermark) -> Watermark:
    return msgspec.structs.replace(mark, ended=True)


def _lost(path: Path, mark: Watermark, size: int, reason: str) -> CorruptLog | None:
    """The damage when a segment ends at `size` though it was published up to `mark`; None if no record is concerned."""
    return CorruptLog(str(path), size, mark.position, reason) if mark.next_offset > mark.segment else None


def _publish(folder: Path, mark: Watermark) -> None:
    try:
        file = WatermarkFile(folder)
    except (FileNotFoundError, CorruptLog):
        watermark.create(folder, mark)
        return
    try:
        file.publish(mark)
    finally:
        file.close()


def _truncate(path: Path, size: int) -> None:
    fd = disk().open(path)
    try:
        disk().truncate(fd, size)
        disk().sync(fd)
    finally:
        disk().close(fd)
    crashpoint("log.recovery.cut")


def _sync(path: Path) -> None:
    fd = disk().open(path)
    try:
        disk().sync(fd)
    finally:
        disk().close(fd)


def _remove_segment(folder: Path, base: int) -> int:
    path = segment_path(folder, base)
    size = path.stat().st_size
    disk().unlink(path)
    disk().sync_folder(folder)
    return size
