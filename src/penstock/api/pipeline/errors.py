"""The pipeline face's error table: `Kind` to HTTP status and E-code (seed 003, error codes; wire notes section 4).

The body is exactly `{"error": "E18xxx: text"}` with the media type `application/json` and no charset: the vendor's Go
client reads the code from the first six characters and gives up on any other type.
"""

from __future__ import annotations

import msgspec

from penstock.model.errors import BadRecords, Kind, Overloaded, Problem

TABLE: dict[Kind, tuple[int, str]] = {
    Kind.LENGTH_MISSING: (411, "E18003"),
    Kind.LENGTH_INVALID: (400, "E18004"),
    Kind.BODY_TOO_LARGE: (413, "E18005"),
    Kind.BODY_EMPTY: (400, "E18006"),
    Kind.BODY_MALFORMED: (400, "E18007"),
    Kind.PARAMETER_INVALID: (400, "E18007"),
    Kind.GZIP_UNREADABLE: (400, "E18125"),
    Kind.TAGS_UNREADABLE: (400, "E18138"),
    Kind.ROUTE_MISSING: (404, "E9001"),
    Kind.METHOD_NOT_ALLOWED: (405, "E9001"),
    Kind.UNAUTHENTICATED: (401, ""),
    Kind.OWNER_UNKNOWN: (404, "E18664"),
    Kind.ACCESS_DENIED: (403, "E18665"),
    Kind.REPO_EXISTS: (409, "E18101"),
    Kind.REPO_MISSING: (404, "E18102"),
    Kind.REPO_NAME: (400, "E18103"),
    Kind.SCHEMA_EMPTY: (400, "E18105"),
    Kind.FIELD_NAME: (400, "E18106"),
    Kind.FIELD_TYPE: (400, "E18107"),
    Kind.REPO_QUOTA: (400, "E18108"),
    Kind.SCHEMA_INVALID: (400, "E18109"),
    Kind.VALUE_INVALID: (400, "E18110"),
    Kind.FIELD_UNKNOWN: (404, "E18111"),
    Kind.REPO_IN_USE: (400, "E18112"),
    Kind.REQUIRED_MISSING: (400, "E18123"),
    Kind.SCHEMA_INCOMPATIBLE: (400, "E18128"),
    Kind.SCHEMA_TOO_MANY_FIELDS: (400, "E18134"),
    Kind.REPO_DESCRIPTION: (400, "E18136"),
    Kind.FIELD_DESCRIPTION: (400, "E18137"),
    Kind.REPO_DERIVED: (400, "E18206"),
    Kind.REGION_MISMATCH: (400, "E18212"),
    Kind.REPO_NOT_POSTABLE: (400, "E18223"),
    Kind.EXPORT_EXISTS: (409, "E18301"),
    Kind.EXPORT_MISSING: (404, "E18302"),
    Kind.EXPORT_NAME: (400, "E18305"),
    Kind.EXPORT_INVALID: (400, "E18305"),
    Kind.EXPORT_TYPE: (400, "E18322"),
    Kind.EXPORT_DESTINATION_NAME: (400, "E18311"),
    Kind.EXPORT_SOURCE_MISSING: (400, "E18312"),
    Kind.EXPORT_SOURCE_EMPTY: (400, "E18313"),
    Kind.BUCKET_MISSING: (400, "E18323"),
    Kind.EXPORT_PREFIX: (400, "E18305"),
    Kind.EXPORT_DELIMITER: (400, "E18330"),
    Kind.EXPORT_ROTATE_SIZE: (400, "E18331"),
    Kind.EXPORT_DESTINATION_EMPTY: (400, "E18334"),
    Kind.OVERLOADED: (503, "E9000"),
    Kind.DISK_FULL: (503, "E9000"),
    Kind.INTERNAL: (500, "E9000"),
}


def wire(problem: Problem) -> tuple[int, dict[str, str], bytes]:
    """Status, further headers and body of a refusal. Refused records are listed a second time as data, under `records`,
    for tools; clients read `error` alone."""
    status, code = TABLE[problem.kind]
    body: dict[str, object] = {"error": f"{code}: {problem.message}" if code else problem.message}
    headers: dict[str, str] = {}
    if isinstance(problem, BadRecords):
        body["total"] = problem.total
        body["records"] = [
            {"index": r.index, "field": r.field, "value": r.value, "reason": r.reason} for r in problem.records
        ]
    if isinstance(problem, Overloaded):
        headers["Retry-After"] = str(problem.retry_after)
    return status, headers, msgspec.json.encode(body)
