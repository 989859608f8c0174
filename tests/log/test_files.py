"""The one place for durable files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from penstock.log import files
from penstock.log.files import Disk, make_folders, remove_tree, write_durable


class Recorder(Disk):
    """Remembers what was done, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def sync(self, fd: int) -> None:
        self.done.append("sync")
        super().sync(fd)

    def rename(self, old: Path, new: Path) -> None:
        self.done.append(f"rename to {new.name}")
        super().rename(old, new)

    def sync_folder(self, path: Path) -> None:
        self.done.append(f"sync folder {path.name}")
        super().sync_folder(path)


def test_a_durable_file_is_synced_before_it_gets_its_name_and_the_name_after(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a"
    with files.replace(Recorder()) as recorder:
        make_folders(path.parent)
        write_durable(path, b"one")
        write_durable(path, b"two", mode=0o600)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]
    one_file = ["sync", "rename to a", "sync folder folder"]
    assert recorder.done == [f"sync folder {tmp_path.name}", *one_file, *one_file]  # type: ignore[attr-defined]


def test_more_buffers_than_one_system_call_takes(tmp_path: Path) -> None:
    fd = Disk().create(tmp_path / "a")
    pieces = [bytes([n % 256]) * (n % 7) for n in range(3000)]
    end = Disk().write(fd, pieces, 5)
    Disk().close(fd)
    assert (tmp_path / "a").read_bytes() == bytes(5) + b"".join(pieces)
    assert end == 5 + sum(map(len, pieces))


def test_a_tree_is_removed_with_its_links_but_not_what_they_point_to(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    (kept / "inner").mkdir(parents=True)
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "file").touch()
    (tree / "link").symlink_to(kept)
    remove_tree(tree)
    remove_tree(tree)
    assert (kept / "inner").is_dir() and not tree.exists()


@pytest.mark.parametrize("module", ["penstock.log.files", "penstock.log.interface", "penstock.log"])
def test_it_can_be_had_without_arrow(module: str) -> None:
    code = f"import sys, {module}; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_writer_brings_no_engines_along() -> None:
    code = "import sys, penstock.log.writer as w; sys.exit(any(m in sys.modules for m in ('duckdb', 'deltalake')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
