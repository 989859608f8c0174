"""One server to a data directory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.model.datadir import DataDir
from penstock.server.lock import DataDirBusy, DataDirLock, is_locked

HOLDER = """
import subprocess, sys
from pathlib import Path
from penstock.model.datadir import DataDir
from penstock.server.lock import DataDirLock
with DataDirLock(DataDir(Path(sys.argv[1]))) as lock:
    heir = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=0, pass_fds=[lock.fd])
    print(heir.pid, flush=True)
    heir.wait()
"""


def test_it_makes_a_private_directory_and_names_the_holder(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "new" / "data")
    with DataDirLock(data):
        assert data.lock.read_text() == f"{os.getpid()}\n"
        assert data.root.stat().st_mode & 0o777 == 0o700
        assert is_locked(data)
    assert not is_locked(data)


def test_a_second_one_is_refused_with_the_first_ones_process_id(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    with DataDirLock(data):
        with pytest.raises(DataDirBusy, match=f"in use by process {os.getpid()}"), DataDirLock(data):
            pytest.fail("two hold the lock")
        assert data.lock.read_text() == f"{os.getpid()}\n"
    with DataDirLock(data):
        assert is_locked(data)


def test_it_is_free_only_when_the_last_process_of_a_killed_server_is_gone(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdin=pipe, stdout=pipe) as holder:
        assert holder.stdin is not None and holder.stdout is not None
        heir = int(holder.stdout.readline())
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert is_locked(data), "an heir of the killed process is alive"
        os.kill(heir, signal.SIGKILL)
        with DataDirLock(data):
            assert data.lock.read_text() == f"{os.getpid()}\n"
