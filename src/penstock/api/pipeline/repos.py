"""Message queues: `/v2/repos` (seed 003; wire notes 2.1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection

from penstock.api.pipeline.bodies import CreateRepo, UpdateRepo, read_json
from penstock.api.routes import Call, Reply, json_reply
from penstock.catalog import owners, repos
from penstock.model.errors import Kind, Problem
from penstock.model.limits import Limits
from penstock.model.names import NAME_RULE, is_name, require_name
from penstock.model.repo import Repo, RepoOptions
from penstock.model.schema import Field, Schema, grow, parse_schema, require_field_count


class RepoReply(msgspec.Struct, omit_defaults=False):
    """One message queue (根据名称查询消息队列)."""

    region: str
    schema: list[dict[str, Any]]
    group: str
    options: RepoOptions
    derivedFrom: str  # noqa: N815 - the wire's spelling
    fromDag: bool  # noqa: N815
    workflow: str
    ruleNames: list[str]  # noqa: N815
    description: str | None


class RepoLine(msgspec.Struct):
    """One line of the list (查看所有消息队列)."""

    name: str
    region: str
    group: str
    derivedFrom: str  # noqa: N815
    fromDag: bool  # noqa: N815
    workflow: str
    ruleNames: list[str]  # noqa: N815
    description: str | None
    perms: list[str]


class RepoList(msgspec.Struct):
    repos: list[RepoLine]


class Exist(msgspec.Struct):
    exist: bool


async def create(call: Call) -> Reply:
    """Create a message queue."""
    name = require_name(call.path("repo"), Kind.REPO_NAME, "repo")
    sent = await read_json(call, CreateRepo)
    services = call.services
    if sent.region not in services.settings.regions:
        raise Problem(
            Kind.REGION_MISMATCH,
            f"region {sent.region[:40]!r} is not served here; use {', '.join(services.settings.regions)}",
        )
    options = _options(sent.options) or RepoOptions()
    repo = Repo(
        owner=call.owner,
        name=name,
        incarnation=0,
        region=sent.region,
        schema=require_field_count(
            _with_server_fields(parse_schema(sent.schema, services.limits), options), services.limits
        ),
        options=options,
        group=_reference(sent.group, "group"),
        workflow=_reference(sent.workflow, "workflow"),
        rule_names=_rule_names(sent.ruleNames, services.limits) or (),
        description=_description(sent.description, services.limits),
    )
    quota = services.limits.repos_per_owner
    await call.change("repo.create", f"repo/{name}", lambda c: repos.create(c, repo, quota))
    return Reply()


async def update(call: Call) -> Reply:
    """Change a message queue: its schema may only grow; what is absent or null is kept."""
    sent = await read_json(call, UpdateRepo)
    limits = call.services.limits
    schema = parse_schema(sent.schema, limits)
    options = _options(sent.options)
    rule_names = _rule_names(sent.ruleNames, limits)
    description = _description(sent.description, limits)

    def apply(old: Repo) -> Repo:
        kept = options or old.options
        filled = dict.fromkeys((*old.filled_before, *(f.key for f in old.options.server_fields())))
        full = _with_server_fields(_with_fields_of(schema, old.schema, filled), kept)
        return msgspec.structs.replace(
            old,
            schema=require_field_count(grow(old.schema, full), limits),
            options=kept,
            filled_before=tuple(filled),
            rule_names=old.rule_names if rule_names is None else rule_names,
            description=old.description if description is None else description,
        )

    name = call.path("repo")
    await call.change("repo.update", f"repo/{name}", lambda c: repos.update(c, call.owner, name, apply))
    return Reply()


async def get(call: Call) -> Reply:
    """Show one message queue."""
    repo = call.services.definitions.repo(call.owner, call.path("repo"))
    return json_reply(
        RepoReply(
            region=repo.region,
            schema=[_entry(f) for f in repo.schema.fields],
            group=repo.group,
            options=repo.options,
            derivedFrom=repo.derived_from,
            fromDag=bool(repo.workflow),
            workflow=repo.workflow,
            ruleNames=list(repo.rule_names),
            description=repo.description,
        )
    )


async def list_all(call: Call) -> Reply:
    """List the message queues of an owner, by name; with `sourceType=authorized` those that other owners have granted,
    with the role granted under `perms`."""
    if call.request.query_params.get("sourceType") == "authorized":
        lines = call.services.catalog.read(lambda c: _authorized(c, call.principal.home))
    else:
        lines = [_line(repo) for repo in call.services.catalog.read(lambda c: repos.list_of(c, call.owner))]
    return json_reply(RepoList(lines))


async def exists(call: Call) -> Reply:
    """Tell whether a message queue exists."""
    try:
        call.services.definitions.repo(call.owner, call.path("repo"))
    except Problem as problem:
        if problem.kind is not Kind.REPO_MISSING:
            raise
        return json_reply(Exist(False))
    return json_reply(Exist(True))


async def delete(call: Call) -> Reply:
    """Delete a message queue and its records; refused while exports or transforms hang on it."""
    name = call.path("repo")
    await call.change("repo.delete", f"repo/{name}", lambda c: repos.delete(c, call.owner, name))
    return Reply()


def _entry(field: Field) -> dict[str, Any]:
    entry: dict[str, Any] = {"key": field.key, "valtype": str(field.valtype), "required": field.required}
    if field.elemtype:
        entry["elemtype"] = str(field.elemtype)
    if field.schema:
        entry["schema"] = [_entry(f) for f in field.schema]
    if field.description is not None:
        entry["description"] = field.description
    return entry


def _authorized(conn: Connection, grantee: str) -> list[RepoLine]:
    return [
        _line(repo, str(grant.role))
        for grant in owners.grants_to(conn, grantee)
        for repo in repos.list_of(conn, grant.owner)
    ]


def _line(repo: Repo, *perms: str) -> RepoLine:
    return RepoLine(
        name=repo.name,
        region=repo.region,
        group=repo.group,
        derivedFrom=repo.derived_from,
        fromDag=bool(repo.workflow),
        workflow=repo.workflow,
        ruleNames=list(repo.rule_names),
        description=repo.description,
        perms=list(perms),
    )


def _options(raw: object) -> RepoOptions | None:
    if raw is None:
        return None
    try:
        options = msgspec.convert(
            {k: v for k, v in raw.items() if v is not None} if isinstance(raw, dict) else raw, RepoOptions
        )
    except msgspec.ValidationError as error:
        raise Problem(Kind.BODY_MALFORMED, f"options: {error}") from None
    for key, name in (("withIP", options.with_ip), ("withTimestamp", options.with_timestamp)):
        if name and not is_name(name):
            raise Problem(
                Kind.FIELD_NAME, f"options.{key} {name[:140]!r} is not a legal name: it must match {NAME_RULE}"
            )
    if options.with_ip and options.with_ip == options.with_timestamp:
        raise Problem(Kind.SCHEMA_INVALID, f"options.withIP and options.withTimestamp both name {options.with_ip!r}")
    return options


def _with_fields_of(schema: Schema, old: Schema, keys: Iterable[str]) -> Schema:
    """The schema with the fields of those names that it lacks and `old` has."""
    for field in filter(None, map(old.get, keys)):
        schema = schema.with_field(field)
    return schema


def _with_server_fields(schema: Schema, options: RepoOptions) -> Schema:
    for field in options.server_fields():
        declared = schema.get(field.key)
        if declared is not None and declared.valtype is not field.valtype:
            raise Problem(
                Kind.SCHEMA_INVALID,
                f"field {field.key!r} is filled by the server as {field.valtype} and cannot be {declared.valtype}",
            )
        schema = schema.with_field(field)
    return schema


def _reference(name: str | None, noun: str) -> str:
    if not name:
        return ""
    return require_name(name, Kind.BODY_MALFORMED, noun)


def _rule_names(names: list[str] | None, limits: Limits) -> tuple[str, ...] | None:
    if names is None:
        return None
    if len(names) > limits.rules_per_repo:
        raise Problem(
            Kind.BODY_MALFORMED, f"ruleNames has {len(names)} entries; at most {limits.rules_per_repo} are allowed"
        )
    return tuple(require_name(n, Kind.BODY_MALFORMED, "parse rule") for n in names)


def _description(text: str | None, limits: Limits) -> str | None:
    if text is not None and len(text) > limits.description_chars:
        raise Problem(
            Kind.REPO_DESCRIPTION,
            f"description has {len(text)} characters; at most {limits.description_chars} are allowed",
        )
    return text
