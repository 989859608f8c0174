"""withIP and withTimestamp: the server fills them."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from penstock.model.repo import RepoOptions
from penstock.model.schema import Field, Schema, ValType
from penstock.records.decoder import decoder_for
from penstock.records.stamp import stamp

OPTIONS = RepoOptions(with_ip="sender", with_timestamp="arrived")
AT_US = 1_795_000_000_123_456
AT = datetime.fromtimestamp(1_795_000_000, UTC).replace(microsecond=123_456)


def decoded(body: bytes, options: RepoOptions) -> pa.RecordBatch:
    schema = Schema((Field("s", ValType.STRING),))
    for field in options.server_fields():
        schema = schema.with_field(field)
    return decoder_for(schema, unescape=False).text(body)


def test_every_record_gets_address_and_time() -> None:
    batch = decoded(b"s=a\ns=b", OPTIONS)
    stamped = stamp(batch, OPTIONS, "10.0.0.7", AT_US)
    assert stamped.schema.equals(batch.schema, check_metadata=True)
    assert stamped.to_pylist() == [{"s": s, "sender": "10.0.0.7", "arrived": AT} for s in "ab"]


def test_the_servers_value_wins() -> None:
    batch = decoded(b"s=a\tsender=1.1.1.1\tarrived=2017-01-02T03:04:05Z", OPTIONS)
    assert stamp(batch, OPTIONS, "::1", AT_US).to_pylist() == [{"s": "a", "sender": "::1", "arrived": AT}]


def test_options_that_are_off_change_nothing() -> None:
    batch = decoded(b"s=a", RepoOptions())
    assert stamp(batch, RepoOptions(), "::1", AT_US) is batch
    assert stamp(batch, OPTIONS, "::1", AT_US) is batch


def test_one_option_alone() -> None:
    options = RepoOptions(with_timestamp="arrived")
    assert stamp(decoded(b"s=a", options), options, "::1", AT_US).to_pylist() == [{"s": "a", "arrived": AT}]
