"""Stream exports: `/v2/repos/<r>/exports` (seed 003; wire notes 2.5), and what people ask of one: status, pause."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from penstock.api.pipeline.bodies import CreateExport, UpdateExport, read_json
from penstock.api.pipeline.repos import Exist
from penstock.api.routes import Call, Reply, json_reply
from penstock.catalog import exports
from penstock.connect.registry import mask_spec, sink_type
from penstock.model.errors import Kind, Problem
from penstock.model.flow import Export, FlowStatus, Positions, Whence
from penstock.model.names import require_name
from penstock.model.repo import Repo
from penstock.stream.status import FlowLag, lag, status_of


class ExportReply(msgspec.Struct):
    """One export, its spec as stored with defaults filled in; secrets are masked."""

    name: str
    type: str
    spec: dict[str, Any]
    whence: str
    workflow: str


class ExportList(msgspec.Struct):
    exports: list[ExportReply]


class StatusReply(msgspec.Struct, rename="camel"):
    """What an export is doing. `position` and `end` are {partition: next offset}; times RFC3339, empty for never."""

    name: str
    type: str
    state: str
    delivery: str
    position: Positions
    end: Positions
    lag_records: int
    lag_seconds: float
    records_per_second: float
    records_in: int
    records_out: int
    records_dead: int
    records_omitted: int
    files: int
    last_error: str
    last_error_time: str
    last_write_time: str


async def create(call: Call) -> Reply:
    """Create an export. `whence` is fixed to offsets now."""
    name = require_name(call.path("export"), Kind.EXPORT_NAME, "export")
    sent = await read_json(call, CreateExport)
    services = call.services
    repo = services.definitions.repo(call.owner, call.path("repo"))
    sink = sink_type(sent.type)
    whence = sent.whence or ""
    export = Export(
        id=0,
        queue=repo.queue,
        name=name,
        type=sent.type,
        spec=sink.parse_spec(sent.spec, repo, services.limits, stored=None),
        whence=whence,
        start=await _in_thread(call, _start, repo, _whence(whence)),
        workflow=repo.workflow,
    )

    def write(conn: Connection) -> None:
        sink.claim_target(export.spec, services.sink_context(call.owner), conn)
        exports.create(conn, export)

    await call.change("export.create", f"repo/{repo.name}/export/{name}", write)
    return Reply()


async def update(call: Call) -> Reply:
    """Change an export's spec; `type` and `whence` stay as they were. A spec that changes nothing is fine."""
    sent = await read_json(call, UpdateExport)
    if sent.type or sent.whence:
        raise Problem(
            Kind.EXPORT_INVALID,
            "type and whence of an export cannot be changed: send spec alone, or delete the export and create it anew",
        )
    services = call.services
    repo = services.definitions.repo(call.owner, call.path("repo"))
    name = call.path("export")

    def apply(old: Export) -> Export:
        spec = sink_type(old.type).parse_spec(sent.spec, repo, services.limits, stored=old.spec)
        return msgspec.structs.replace(old, spec=spec)

    def write(conn: Connection) -> None:
        changed = exports.update(conn, call.owner, repo.name, name, apply)
        sink_type(changed.type).claim_target(changed.spec, services.sink_context(call.owner), conn)

    await call.change("export.update", f"repo/{repo.name}/export/{name}", write)
    return Reply()


async def get(call: Call) -> Reply:
    """Show one export."""
    return json_reply(_reply(_stored(call)))


async def list_all(call: Call) -> Reply:
    """List the exports of a message queue, by name."""
    repo = call.path("repo")
    found = call.services.catalog.read(lambda c: exports.list_of(c, call.owner, repo))
    return json_reply(ExportList([_reply(export) for export in found]))


async def exists(call: Call) -> Reply:
    """Tell whether an export exists."""
    repo, name = call.path("repo"), call.path("export")
    found = call.services.catalog.read(lambda c: exports.find(c, call.owner, repo, name))
    return json_reply(Exist(found is not None))


async def delete(call: Call) -> Reply:
    """Delete an export. The files that it wrote stay."""
    repo, name = call.path("repo"), call.path("export")
    await call.change(
        "export.delete", f"repo/{repo}/export/{name}", lambda c: exports.delete(c, call.owner, repo, name)
    )
    return Reply()


async def pause(call: Call) -> Reply:
    """Stop carrying records; the queue keeps what the export has not read."""
    return await _set_paused(call, paused=True)


async def resume(call: Call) -> Reply:
    """Go on from where the export stood."""
    return await _set_paused(call, paused=False)


async def status(call: Call) -> Reply:
    """State, position, lag, rate, counts and the last error of one export."""
    export = _stored(call)
    current, behind = await _in_thread(call, _observe, export)
    return json_reply(
        StatusReply(
            name=export.name,
            type=export.type,
            state=str(current.state),
            delivery=sink_type(export.type).delivery,
            position=current.position,
            end=behind.end,
            lag_records=behind.records,
            lag_seconds=behind.seconds,
            records_per_second=current.records_per_second,
            records_in=current.records_out + current.records_dead + current.records_omitted,
            records_out=current.records_out,
            records_dead=current.records_dead,
            records_omitted=current.records_omitted,
            files=current.files,
            last_error=current.last_error,
            last_error_time=_time(current.last_error_at_us),
            last_write_time=_time(current.last_write_at_us),
        )
    )


def _observe(call: Call, export: Export) -> tuple[FlowStatus, FlowLag]:
    current = status_of(call.services.data, export)
    reader = call.services.open_reader(export.queue)
    try:
        return current, lag(reader, current.position)
    finally:
        reader.close()


def _start(call: Call, repo: Repo, whence: Whence) -> Positions:
    reader = call.services.open_reader(repo.queue)
    try:
        return reader.ends() if whence is Whence.NEWEST else reader.starts()
    finally:
        reader.close()


def _whence(text: str) -> Whence:
    try:
        return Whence(text or Whence.OLDEST)
    except ValueError:
        raise Problem(
            Kind.EXPORT_INVALID, f"whence {text[:40]!r} is not one of {', '.join(Whence)} (empty is oldest)"
        ) from None


def _stored(call: Call) -> Export:
    repo, name = call.path("repo"), call.path("export")
    return call.services.catalog.read(lambda c: exports.get(c, call.owner, repo, name))


async def _set_paused(call: Call, *, paused: bool) -> Reply:
    repo, name = call.path("repo"), call.path("export")
    await call.change(
        "export.pause" if paused else "export.resume",
        f"repo/{repo}/export/{name}",
        lambda c: exports.set_paused(c, call.owner, repo, name, paused),
    )
    return Reply()


def _reply(export: Export) -> ExportReply:
    return ExportReply(
        name=export.name,
        type=export.type,
        spec=mask_spec(export.type, export.spec),
        whence=export.whence,
        workflow=export.workflow,
    )


def _time(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat().replace("+00:00", "Z") if at_us else ""


async def _in_thread(call: Call, function: Any, *arguments: Any) -> Any:
    """What reads files runs off the event loop."""
    return await asyncio.get_running_loop().run_in_executor(call.services.executor, function, call, *arguments)
