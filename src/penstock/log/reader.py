"""The segment log's reader: one queue, all its partitions, in any process."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.log.layout import partitions
from penstock.log.merge import MergingReader
from penstock.log.partition import SegmentPartition
from penstock.model.datadir import DataDir
from penstock.model.repo import QueueId


class SegmentReader(MergingReader):
    """LogReader over segment files: finds new partitions by itself. A queue that nobody wrote to has no partitions."""

    def __init__(self, data: DataDir, queue: QueueId) -> None:
        super().__init__(queue)
        self._folder = data.queue(queue)
        self._partitions: dict[int, SegmentPartition] = {}

    def _look(self) -> Mapping[int, SegmentPartition]:
        seen = {}
        for number in partitions(self._folder):
            partition = self._partitions.get(number)
            if partition is None:
                partition = self._partitions[number] = SegmentPartition(self.queue, self._folder / str(number), number)
            if partition.refresh():
                seen[number] = partition
        return seen

    def close(self) -> None:
        for partition in self._partitions.values():
            partition.close()
        self._partitions.clear()


def open_reader(data: DataDir, queue: QueueId) -> SegmentReader:
    """A reader of one queue, which need not have been written to."""
    return SegmentReader(data, queue)
