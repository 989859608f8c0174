"""Starts `child.py`: other processes on the same catalog."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from penstock.model.datadir import DataDir

PROGRAM = Path(__file__).with_name("child.py")


class Child:
    """One more process with the catalog open. Leaves with the `with` block."""

    def __init__(self, data: DataDir, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(data.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        assert self.receive() == ["ready"]

    def send(self, command: str, *arguments: object) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps([command, *arguments]) + "\n")
        self.process.stdin.flush()

    def receive(self) -> Any:
        """The next answer; None when the process has died instead."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def ask(self, command: str, *arguments: object) -> Any:
        self.send(command, *arguments)
        answer = self.receive()
        assert answer is not None, "the child died"
        assert answer[0] == "ok", answer
        return answer[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()
