"""The log beside the disk it stands on, in one run on one machine.

    python benchmarks/log.py [--folder DIR] [--quick]

Throughput: batches of 5,000 and of 100 rows, each synced before the next, appended and read back (every CRC checked),
beside the same bytes written raw with fdatasync and an Arrow IPC file (synced once a batch). Latency: one-record
appends by 8 producers over 1 queue and over 200 queues, as multiples of the disk's own fdatasync after a write of the
same size (one thread alone; 8 threads together), as the disk is and with 10 ms added to every sync. Recovery: hundreds
of queues.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from penstock.log import LogSettings, files, open_reader, open_writer, recover_all
from penstock.model.datadir import DataDir
from penstock.model.repo import QueueId

MB = 1e6
SETTINGS = LogSettings(disk_reserve_bytes=0)


def make_batch(rows: int, seed: int = 1) -> pa.RecordBatch:
    """Access-log-like records: numbers, a time and texts, about 250 bytes each."""
    random = np.random.default_rng(seed)
    paths = np.array([f"/shop/article/{i}/{'x' * (i % 60)}" for i in range(1000)])
    agents = np.array([f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/{i} {'y' * 60}" for i in range(50)])
    return pa.record_batch(
        {
            "id": random.integers(0, 1 << 40, rows),
            "at": pa.array(np.arange(rows) * 1000, pa.timestamp("us", tz="UTC")),
            "status": random.choice(np.array([200, 304, 404, 500]), rows),
            "bytes": random.integers(0, 1 << 20, rows),
            "seconds": random.random(rows),
            "client": pa.array([f"10.0.{i % 256}.{i % 251}" for i in range(rows)]),
            "path": pa.array(random.choice(paths, rows)),
            "agent": pa.array(random.choice(agents, rows)),
        }
    )


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def throughput(folder: Path, rows: int, count: int) -> None:
    batch = make_batch(rows)
    size = batch.nbytes * count
    body = batch.serialize()
    data = DataDir(folder / f"log-{rows}")
    queue = QueueId("bench", "ingest", rows)
    writer = open_writer(data, SETTINGS)
    writer.append(queue, batch, arrived_at_us=0).result()
    commits: list[float] = []
    for n in range(count):
        commits.append(timed(lambda n=n: writer.append(queue, batch, arrived_at_us=n).result()))
    append_s = sum(commits)
    writer.close()

    raw_path = folder / f"raw-{rows}"
    fd = os.open(raw_path, os.O_RDWR | os.O_CREAT)

    def raw_write() -> None:
        os.write(fd, body)
        os.fdatasync(fd)

    raw_s = sum(timed(raw_write) for _ in range(count))
    os.close(fd)

    ipc_path = folder / f"ipc-{rows}.arrow"
    with ipc_path.open("wb") as file, pa.ipc.new_file(file, batch.schema) as ipc:

        def ipc_write() -> None:
            ipc.write_batch(batch)
            file.flush()
            os.fdatasync(file.fileno())

        ipc_s = sum(timed(ipc_write) for _ in range(count))

    reader = open_reader(data, queue)
    ends = reader.ends()
    read_s = min(timed(lambda: sum(c.batch.num_rows for c in reader.read({}, ends, batch.schema))) for _ in range(3))

    def ipc_read() -> int:
        with pa.OSFile(str(ipc_path)) as source:
            opened = pa.ipc.open_file(source)
            return sum(opened.get_batch(i).num_rows for i in range(opened.num_record_batches))

    ipc_read_s = min(timed(ipc_read) for _ in range(3))
    print(
        f"{rows:>5}-row batches ({batch.nbytes / 1000:.0f} kB), sync each | append {size / append_s / MB:6.0f} MB/s"
        f" ({rows * count / append_s / 1000:.0f} krec/s), p50 {percentile(commits, 0.5) * 1000:.2f}"
        f" p99 {percentile(commits, 0.99) * 1000:.2f} ms"
        f" | raw write+fdatasync {size / raw_s / MB:6.0f} | IPC file {size / ipc_s / MB:6.0f} MB/s"
        f" | checked read {size / read_s / MB:6.0f} | IPC file read, unchecked {size / ipc_read_s / MB:6.0f} MB/s"
    )
    shutil.rmtree(folder)
    folder.mkdir()


def disk_sync(folder: Path, size: int, times: int) -> list[float]:
    """Seconds of one fdatasync after an append of `size` bytes, alone on the disk."""
    path = folder / "sync"
    fd = files.disk().create(path)
    took = []
    for n in range(times):
        files.disk().write(fd, [bytes(size)], n * size)
        took.append(timed(lambda: files.disk().sync(fd)))
    os.close(fd)
    path.unlink()
    return took


def in_parallel(workers: int, times: int, action: Callable[[int], object]) -> tuple[list[float], float]:
    """Seconds of each call of `action(n)` by `workers` threads, `times` each, n counting over all; seconds in all."""
    took: list[float] = []

    def work(which: int) -> None:
        mine = [timed(lambda n=n: action(n * workers + which)) for n in range(times)]
        took.extend(mine)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(workers)]
    total = timed(lambda: ([t.start() for t in threads], [t.join() for t in threads]))
    return took, total


def disk_sync_in_parallel(folder: Path, size: int, queues: int, workers: int, times: int) -> list[float]:
    """As `disk_sync`, by several threads over several files: what the disk gives when it is asked from many sides."""
    paths = [folder / f"sync-{n}" for n in range(max(queues, workers))]
    descriptors = [files.disk().create(p) for p in paths]

    def write_and_sync(n: int) -> None:
        fd = descriptors[n % len(descriptors)]
        files.disk().write(fd, [bytes(size)], n * size)
        files.disk().sync(fd)

    took, _ = in_parallel(workers, times, write_and_sync)
    for fd, path in zip(descriptors, paths, strict=True):
        os.close(fd)
        path.unlink()
    return took


def latency(folder: Path, queues: int, producers: int, appends: int) -> None:
    batch = make_batch(1)
    data = DataDir(folder / f"latency-{queues}")
    writer = open_writer(data, SETTINGS)
    names = [QueueId("bench", f"q{n}", 1) for n in range(queues)]
    for future in [writer.append(q, batch, arrived_at_us=0) for q in names]:
        future.result()
    disk = disk_sync(folder, 2048, 200)
    together = disk_sync_in_parallel(folder, 2048, queues, producers, appends // 2)
    took, total = in_parallel(
        producers, appends, lambda n: writer.append(names[n % queues], batch, arrived_at_us=0).result()
    )
    disk += disk_sync(folder, 2048, 200)
    together += disk_sync_in_parallel(folder, 2048, queues, producers, appends // 2)
    writer.close()
    p50, p99 = percentile(took, 0.5), percentile(took, 0.99)
    alone50, alone99 = percentile(disk, 0.5), percentile(disk, 0.99)
    many50, many99 = percentile(together, 0.5), percentile(together, 0.99)
    print(
        f"{queues:>4} queues, {producers} producers, one record each | p50 {p50 * 1000:.2f} p99 {p99 * 1000:.2f} ms,"
        f" {len(took) / total:.0f}/s"
        f" | fdatasync alone p50 {alone50 * 1000:.2f} p99 {alone99 * 1000:.2f} ms: {p50 / alone50:.1f} x,"
        f" {p99 / alone99:.1f} x"
        f" | write+fdatasync by {producers} threads p50 {many50 * 1000:.2f} p99 {many99 * 1000:.2f} ms:"
        f" {p50 / many50:.1f} x, {p99 / many99:.1f} x"
    )
    shutil.rmtree(data.root)


def restart(folder: Path, queues: int, partitions: int) -> None:
    """Recovery of a log of many queues after a kill, and after a machine restart that lost every watermark."""

    class Restarted(files.Disk):
        def boot_id(self) -> str:
            return "another boot"

    data = DataDir(folder / "restart")
    batch = make_batch(200)
    writers = [open_writer(data, SETTINGS) for _ in range(partitions)]
    for _ in range(10):
        for future in [
            w.append(QueueId("bench", f"q{n}", 1), batch, arrived_at_us=0) for w in writers for n in range(queues)
        ]:
            future.result()
    for writer in writers:
        writer.close()
    size = sum(p.stat().st_size for p in data.log.rglob("*.seg"))
    killed = timed(lambda: recover_all(data))
    for path in data.log.rglob("watermark"):
        path.unlink()
    with files.replace(Restarted()):
        lost = timed(lambda: recover_all(data))
    print(
        f"recovery of {queues} queues x {partitions} partitions, {size / MB:.0f} MB: {killed * 1000:.0f} ms after a"
        f" kill, {lost * 1000:.0f} ms after a power cut that took every watermark"
    )
    shutil.rmtree(data.root)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where to write; a new temporary folder otherwise")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="penstock-bench-", dir=given.folder))
    share = 10 if given.quick else 1
    try:
        throughput(folder, 5000, 200 // share)
        throughput(folder, 100, 5000 // share)
        for delay_ms in (0, 10):
            print(f"with {delay_ms} ms added to every sync" if delay_ms else "as the disk is")
            with files.replace(files.Disk(delay_ms / 1000)):
                for queues in (1, 200):
                    latency(folder, queues, 8, (1000 if not delay_ms else 100) // share)
        restart(folder, 300 // share, 4)
        alone = statistics.median(disk_sync(folder, 4096, 500))
        print(f"the disk does {1 / alone:.0f} fdatasync/s of 4 KB appends")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
