"""The life of a log in one process, told on standard output line by line: what the crash-point test runs and kills.

python log_life.py DATA_DIR FIRST_NUMBER
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from log.support import QUEUE, batch
from penstock.log import LogSettings, drop_queue, open_writer, recover_all
from penstock.log.compress import compress_sealed
from penstock.log.retention import retention_clock, sweep
from penstock.model.datadir import DataDir
from penstock.model.repo import QueueId

OLD = QueueId("acme", "old", 2)
DROPPED = QueueId("acme", "dropped", 3)
POSTS = 15
TINY = LogSettings(segment_bytes=2500, disk_reserve_bytes=0)
DROP_ALL = LogSettings(retention_share=0.0, retention_age_s=1e9)


def tell(*words: object) -> None:
    print(*words, flush=True)


def main() -> None:
    data, first = DataDir(Path(sys.argv[1])), int(sys.argv[2])
    recover_all(data)
    writer = open_writer(data, TINY)
    for number in range(first, first + POSTS):
        for queue in (QUEUE, OLD, DROPPED):
            tell("send", queue.repo, number)
            done = writer.append(queue, batch([number] * 3), arrived_at_us=number, batch_id=str(number)).result()
            tell("stored", queue.repo, number, done.partition, done.offset)
    tell("compress")
    compress_sealed(data)
    tell("sweep")
    sweep(data, DROP_ALL, {QUEUE: {1: {}}, DROPPED: {1: {}}}, retention_clock(data, DROP_ALL))
    tell("drop")
    drop_queue(data, DROPPED)
    writer.close()
    tell("end")


if __name__ == "__main__":
    main()
