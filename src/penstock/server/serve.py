"""`penstock serve`, first half: hand the settings to the supervisor and become it."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import msgspec

from penstock.server.settings import Settings


def serve(settings: Settings) -> NoReturn:
    """Replaces this process, which has loaded every room to know its settings, by the supervisor, which stays light. It
    gets the settings in an anonymous file: the command line and the environment are for everyone to see."""
    fd = os.memfd_create("penstock-settings", 0)
    with os.fdopen(fd, "wb", closefd=False) as file:
        file.write(msgspec.json.encode(settings))
    os.lseek(fd, 0, os.SEEK_SET)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", "penstock.server.supervise", str(fd)])  # noqa: S606
