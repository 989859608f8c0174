"""Where every process of the server but the supervisor starts: `python -P -m penstock.server.child PARENT FD`.

PARENT is the supervisor's process id, FD the pipe to it; the assignment comes on standard input.
"""

from __future__ import annotations

import sys

import structlog

from penstock.model.crashpoint import become
from penstock.server import logging
from penstock.server.control import Control, bind_to_parent
from penstock.server.messages import Failed, ProcessRole

KINDS = {ProcessRole.PREPARE: "supervisor", ProcessRole.API: "api", ProcessRole.FLOWS: "flows"}
"""What crash points call the processes: `prepare` does the supervisor's work."""


def main(arguments: list[str]) -> int:
    """Become what the assignment says; returns the exit status."""
    bind_to_parent(int(arguments[0]))
    control = Control(int(arguments[1]))
    assignment = control.assignment
    become(KINDS[assignment.role])
    settings = control.settings.server
    logging.configure(settings.log_level, settings.log_format, assignment.name)
    try:
        _run(control)
    except Exception as error:  # noqa: BLE001 (the process's last words, whatever it dies of)
        structlog.get_logger().error("process failed", exc_info=True)
        control.report(Failed(f"{assignment.name}: {error or type(error).__name__}"))
        return 1
    return 0


def _run(control: Control) -> None:
    # imported here: each process loads only what its role needs
    match control.assignment.role:
        case ProcessRole.PREPARE:
            from penstock.server.prepare import prepare

            prepare(control)
        case ProcessRole.API:
            from penstock.server.api_process import run_api

            run_api(control)
        case ProcessRole.FLOWS:
            from penstock.server.flow_process import run_flows

            run_flows(control)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
