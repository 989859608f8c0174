"""What the server itself adds to each record: the sender's address and the time of arrival (withIP, withTimestamp)."""

from __future__ import annotations

import pyarrow as pa

from penstock.model.repo import RepoOptions


def stamp(batch: pa.RecordBatch, options: RepoOptions, ip: str, arrived_at_us: int) -> pa.RecordBatch:
    """The batch with the columns named by the options filled: withIP with the sender's address, withTimestamp with the
    arrival (UTC microseconds). The server's value wins over one that the client sent. A name that is empty, or not a
    column, is skipped."""
    stamps = {options.with_ip: pa.scalar(ip, pa.string())} if options.with_ip else {}
    if options.with_timestamp:
        stamps[options.with_timestamp] = pa.scalar(arrived_at_us, pa.timestamp("us", tz="UTC"))
    for name, value in stamps.items():
        at = batch.schema.get_field_index(name)
        if at >= 0:
            batch = batch.set_column(at, batch.schema.field(at), pa.repeat(value, batch.num_rows))
    return batch
