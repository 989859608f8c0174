"""A disk that loses power: what was not synced may be gone, torn or there out of order.

`PowerDisk` does everything to real files, so that readers see what a running machine would show them, and remembers
beside it what is durable: of each file the bytes as of its last sync and the writes since; of each folder the names as
of its last sync and the changes since. `survivors` lays out one of the disks that could be found after a power cut: of
the un-synced writes any set of 512-byte sectors, of the un-synced names any set of changes.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from penstock.log.files import Disk

SECTOR = 512


class PowerCut(BaseException):
    """The machine is off. Not an Exception: no handler may think it is an error to recover from."""


@dataclass(eq=False)
class FileNode:
    """A file: its durable bytes, and what was done since, in order: (position, bytes) or a new size."""

    durable: bytes = b""
    pending: list[tuple[int, bytes] | int] = field(default_factory=list)
    live: bytearray = field(default_factory=bytearray)


@dataclass(eq=False)
class FolderNode:
    """A folder: its durable and present names, and the changes since: names to put (or, with None, to remove)."""

    durable: dict[str, Node] = field(default_factory=dict)
    live: dict[str, Node] = field(default_factory=dict)
    pending: list[dict[str, Node | None]] = field(default_factory=list)

    def change(self, change: dict[str, Node | None]) -> None:
        self.pending.append(change)
        _apply(self.live, change)


Node = FileNode | FolderNode


def _apply(names: dict[str, Node], change: dict[str, Node | None]) -> None:
    for name, node in change.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


class PowerDisk(Disk):
    """The disk below `root`, which exists and is durable. The power goes at the `cut_at`th change (1 is the first)."""

    def __init__(self, root: Path, boot: str, cut_at: int) -> None:
        super().__init__()
        self._root = root
        self._boot = boot
        self._left = cut_at
        self._lock = threading.RLock()
        self._files: dict[int, FileNode] = {}
        self._tree = _load(root)
        self.is_off = False

    def boot_id(self) -> str:
        return self._boot

    def create(self, path: Path, mode: int = 0o666) -> int:
        with self._lock:
            self._step()
            folder = self._folder(path.parent)
            node = folder.live.get(path.name)
            fd = super().create(path, mode)
            if isinstance(node, FileNode):
                node.pending.append(0)
                node.live.clear()
            else:
                node = FileNode()
                folder.change({path.name: node})
            self._files[fd] = node
            return fd

    def open(self, path: Path) -> int:
        with self._lock:
            node = self._folder(path.parent).live.get(path.name)
            fd = super().open(path)
            assert isinstance(node, FileNode)
            self._files[fd] = node
            return fd

    def write(self, fd: int, buffers: Sequence[bytes | memoryview], position: int) -> int:
        with self._lock:
            data = b"".join(bytes(b) for b in buffers)
            node = self._files[fd]
            going = self._is_last()
            node.pending.append((position, data))
            if going:
                self._off()
            _write(node.live, position, data)
            return super().write(fd, [data], position)

    def truncate(self, fd: int, size: int) -> None:
        with self._lock:
            self._step()
            self._files[fd].pending.append(size)
            _resize(self._files[fd].live, size)
            super().truncate(fd, size)

    def sync(self, fd: int) -> None:
        with self._lock:
            self._step()
            node = self._files[fd]
            node.durable, node.pending = bytes(node.live), []

    def close(self, fd: int) -> None:
        with self._lock:
            self._files.pop(fd, None)
            super().close(fd)

    def make_folder(self, path: Path) -> None:
        with self._lock:
            self._step()
            super().make_folder(path)
            if path.name not in self._folder(path.parent).live:
                self._folder(path.parent).change({path.name: FolderNode()})

    def rename(self, old: Path, new: Path) -> None:
        with self._lock:
            self._step()
            assert old.parent == new.parent
            folder = self._folder(old.parent)
            super().rename(old, new)
            folder.change({new.name: folder.live[old.name], old.name: None})

    def unlink(self, path: Path) -> None:
        with self._lock:
            self._step()
            super().unlink(path)
            if path.name in self._folder(path.parent).live:
                self._folder(path.parent).change({path.name: None})

    def remove_folder(self, path: Path) -> None:
        with self._lock:
            self._step()
            super().remove_folder(path)
            self._folder(path.parent).change({path.name: None})

    def sync_folder(self, path: Path) -> None:
        with self._lock:
            self._step()
            folder = self._folder(path)
            folder.durable, folder.pending = dict(folder.live), []

    def power_off(self) -> None:
        """Now, if not before."""
        with self._lock:
            self.is_off = True

    def survivors(self, into: Path, chance: random.Random) -> None:
        """One of the disks that may be found when the power is back, as real files below `into`."""
        assert self.is_off
        _survive(self._tree, into, chance)

    def _step(self) -> None:
        if self._is_last():
            self._off()

    def _is_last(self) -> bool:
        if self.is_off:
            raise PowerCut
        self._left -= 1
        return self._left == 0

    def _off(self) -> None:
        self.is_off = True
        raise PowerCut

    def _folder(self, path: Path) -> FolderNode:
        node: Node = self._tree
        for name in path.relative_to(self._root).parts:
            assert isinstance(node, FolderNode)
            if name not in node.live:
                raise FileNotFoundError(path)
            node = node.live[name]
        assert isinstance(node, FolderNode)
        return node


def _load(path: Path) -> FolderNode:
    names: dict[str, Node] = {}
    for entry in os.scandir(path):
        if entry.is_dir():
            names[entry.name] = _load(Path(entry.path))
        else:
            data = Path(entry.path).read_bytes()
            names[entry.name] = FileNode(data, [], bytearray(data))
    return FolderNode(dict(names), names)


def _survive(folder: FolderNode, into: Path, chance: random.Random) -> None:
    into.mkdir(exist_ok=True)
    names = dict(folder.durable)
    fate = chance.random()
    for change in folder.pending:
        if fate < 0.3 or (fate < 0.7 and chance.random() < 0.5):
            _apply(names, change)
    for name, node in names.items():
        if isinstance(node, FolderNode):
            _survive(node, into / name, chance)
        else:
            (into / name).write_bytes(_surviving_bytes(node, chance))


def _surviving_bytes(node: FileNode, chance: random.Random) -> bytes:
    data = bytearray(node.durable)
    fate = chance.random()
    for operation in node.pending:
        if fate < 0.25 or (fate < 0.4 and chance.random() < 0.5):
            continue
        if isinstance(operation, int):
            _resize(data, operation)
        elif fate > 0.75:
            _write(data, *operation)
        else:
            _write_some_sectors(data, *operation, chance)
    return bytes(data)


def _write_some_sectors(data: bytearray, position: int, written: bytes, chance: random.Random) -> None:
    end = position + len(written)
    if chance.random() < 0.5:
        _resize(data, max(len(data), end))  # the size is known, the bytes are zeros
    at = position
    while at < end:
        stop = min(end, (at // SECTOR + 1) * SECTOR)
        if chance.random() < 0.6:
            _write(data, at, written[at - position : stop - position])
        at = stop


def _write(data: bytearray, position: int, written: bytes) -> None:
    _resize(data, max(len(data), position + len(written)))
    data[position : position + len(written)] = written


def _resize(data: bytearray, size: int) -> None:
    if size < len(data):
        del data[size:]
    else:
        data.extend(bytes(size - len(data)))
