"""Records in and samples out: `/v2/repos/<r>/data`, `/v2/streams/<r>/data`, `/v2/stream/<r>/data` (wire notes 2.2)."""

from __future__ import annotations

import asyncio
import errno
import time
from typing import TYPE_CHECKING

import msgspec

from penstock.api import metrics
from penstock.api.body import GZIP_SLACK, content_length, read_body
from penstock.api.routes import Call, Reply, json_reply
from penstock.log.interface import Appended, QueueClosed
from penstock.model.errors import BadRecords, Kind, Overloaded, Problem
from penstock.model.repo import Repo
from penstock.records.decoder import decoder_for
from penstock.records.gunzip import gunzip
from penstock.records.stamp import stamp
from penstock.records.tags import parse_tags

if TYPE_CHECKING:
    import pyarrow as pa

INLINE_BYTES = 64 * 1024
"""Bodies up to this size are decoded on the event loop: a hand-over to a thread costs more than it frees."""
BATCH_ID = "x-penstock-batch-id"
BATCH_ID_CHARS = 128


class Accepted(msgspec.Struct, omit_defaults=True):
    """How many records were stored; `repeated` when their batch id was known and nothing was written again."""

    accepted: int
    repeated: bool = False


class RawReply(msgspec.Struct):
    """What clients of the raw call look at."""

    code: int = 200
    message: str = ""


async def post_points(call: Call) -> Reply:
    """Points as text (any media type), or JSON when the media type is application/json. All are stored or none."""
    appended = await _post(call, as_json=_media_type(call) == "application/json")
    return json_reply(Accepted(appended.count, appended.repeated))


async def post_lines(call: Call) -> Reply:
    """Text lines. Without parse rules they are read as the text format."""
    await _post(call, as_json=False)
    return Reply()


async def post_raw(call: Call) -> Reply:
    """Raw text; clients of this call look at `code` in the reply."""
    await _post(call, as_json=False)
    return json_reply(RawReply())


async def sample(call: Call) -> Reply:
    """The newest records, newest first: at most `limits.sample_records`."""
    limit = call.services.limits.sample_records
    text = call.request.query_params.get("count", str(limit))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:10]) <= limit):
        raise Problem(Kind.PARAMETER_INVALID, f"count must be a number from 1 to {limit}, not {text[:40]!r}")
    repo = call.services.definitions.repo(call.owner, call.path("repo"))
    loop = asyncio.get_running_loop()
    return Reply(await loop.run_in_executor(call.services.executor, _newest, call, repo, int(text)))


def _newest(call: Call, repo: Repo, count: int) -> bytes:
    from penstock.records.encode_json import json_lines

    reader = call.services.open_reader(repo.queue)
    try:
        batch = reader.newest(count, repo.schema.arrow())
    finally:
        reader.close()
    return b'{"records":[' + b",".join(bytes(json_lines(batch)).splitlines()) + b"]}"


async def _post(call: Call, *, as_json: bool) -> Appended:
    services = call.services
    repo = services.definitions.repo(call.owner, call.path("repo"))
    if repo.derived_from:
        raise Problem(
            Kind.REPO_NOT_POSTABLE, f"repo {repo.name} is filled by transform {repo.derived_from}: it takes no posts"
        )
    _refuse_rules(call)
    batch_id = _batch_id(call)
    tags = parse_tags(call.request.query_params.get("tags", ""))
    encoding = call.request.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        raise Problem(Kind.BODY_MALFORMED, f"Content-Encoding {encoding[:40]!r} is not known: send gzip or none")
    limit = services.limits.body_bytes
    length = content_length(call.request, required=True)
    assert length is not None
    held = limit if encoding == "gzip" else min(length, limit)
    async with services.budget.hold(held):
        body = await read_body(
            call.request, limit + (GZIP_SLACK if encoding == "gzip" else 0), services.settings.body_timeout_s
        )
        arrived_at_us = time.time_ns() // 1000
        work = (call, repo, body, encoding, as_json, tags, arrived_at_us)
        if len(body) <= INLINE_BYTES and encoding != "gzip":
            size, batch = _decode(*work)
        else:
            size, batch = await asyncio.get_running_loop().run_in_executor(services.executor, _decode, *work)
        del body, work
        appended = await _append(call, repo, batch, arrived_at_us, batch_id)
        services.definitions.require_open(repo.queue)
    metrics.records_accepted.labels(repo.owner, repo.name).inc(appended.count)
    metrics.bytes_accepted.labels(repo.owner, repo.name).inc(size)
    return appended


def _decode(
    call: Call, repo: Repo, body: bytes, encoding: str, as_json: bool, tags: dict[str, str], arrived_at_us: int
) -> tuple[int, pa.RecordBatch]:
    raw = gunzip(body, call.services.limits.body_bytes) if encoding == "gzip" else body
    if not raw:
        raise Problem(Kind.BODY_EMPTY, "the body is empty: send at least one record")
    decoders = decoder_for(repo.post_schema, unescape=repo.options.unescape_line)
    try:
        batch = decoders.json(raw, tags=tags) if as_json else decoders.text(raw, tags=tags)
    except BadRecords as bad:
        metrics.records_refused.labels(repo.owner, repo.name).inc(bad.total)
        raise
    client = call.request.client
    return len(raw), stamp(batch, repo.options, client.host if client else "", arrived_at_us)


async def _append(call: Call, repo: Repo, batch: pa.RecordBatch, arrived_at_us: int, batch_id: str | None) -> Appended:
    """Store the batch; returns when it is durable."""
    try:
        return await asyncio.wrap_future(
            call.services.log.append(
                repo.queue, batch, arrived_at_us=arrived_at_us, batch_id=batch_id, request_id=call.reqid
            )
        )
    except QueueClosed:
        raise Problem(Kind.REPO_MISSING, f"repo {repo.name} was deleted while this request was under way") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # the disk reserve says so too
            raise Overloaded(
                "the disk is nearly full: nothing was stored; send again when there is room",
                retry_after=30,
                kind=Kind.DISK_FULL,
            ) from error
        raise


def _media_type(call: Call) -> str:
    return call.request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _batch_id(call: Call) -> str | None:
    text = call.request.headers.get(BATCH_ID)
    if text is not None and not (text.isascii() and text.isprintable() and 0 < len(text) <= BATCH_ID_CHARS):
        raise Problem(
            Kind.PARAMETER_INVALID, f"X-Penstock-Batch-Id must be 1 to {BATCH_ID_CHARS} printable ASCII characters"
        )
    return text


def _refuse_rules(call: Call) -> None:
    rules = [r for r in call.request.query_params.get("rules", "").split(",") if r]
    limit = call.services.limits.rules_per_repo
    if len(rules) > limit:
        raise Problem(Kind.PARAMETER_INVALID, f"{len(rules)} parse rules are named; at most {limit} are taken")
    if rules:
        raise Problem(
            Kind.PARAMETER_INVALID,
            f"no such parse rule: {', '.join(r[:40] for r in rules)}; without rules the body is read as text format",
        )
