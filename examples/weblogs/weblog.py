"""Apache combined log lines as records."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime
from pathlib import Path

LINE = re.compile(
    r'(?P<client>\S+) \S+ (?P<user>\S+) \[(?P<time>[^\]]+)\] "(?P<method>\S+) (?P<path>\S+) ?(?P<protocol>[^"]*)" '
    r'(?P<status>\d{3}) (?P<bytes>\S+) "(?P<referrer>[^"]*)" "(?P<agent>.*?)"?$'
)
"""The closing quote is optional: one line of the real file was cut inside its last field."""

SCHEMA = [
    {"key": "line", "valtype": "long", "required": True},
    {"key": "time", "valtype": "date", "required": True},
    {"key": "client", "valtype": "ip", "required": True},
    {"key": "user", "valtype": "string"},
    {"key": "method", "valtype": "string"},
    {"key": "path", "valtype": "string", "required": True},
    {"key": "protocol", "valtype": "string"},
    {"key": "status", "valtype": "long", "required": True},
    {"key": "bytes", "valtype": "long"},
    {"key": "referrer", "valtype": "string"},
    {"key": "agent", "valtype": "string"},
]

Record = dict[str, str | int | datetime]


def read(file: Path) -> list[Record]:
    """Every line of a gzipped log as a record; `-` is left out. Raises ValueError naming a line that is no log line."""
    records: list[Record] = []
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            match = LINE.match(line.rstrip("\n"))
            if match is None:
                raise ValueError(f"{file}, line {number}: not an Apache combined log line: {line[:80]!r}")
            parts: Record = {k: v for k, v in match.groupdict().items() if v != "-"}
            stamp = datetime.strptime(str(parts["time"]), "%d/%b/%Y:%H:%M:%S %z").astimezone(UTC)
            parts |= {"line": number, "time": stamp, "status": int(str(parts["status"]))}
            if "bytes" in parts:
                parts["bytes"] = int(str(parts["bytes"]))
            records.append(parts)
    return records


def to_point(record: Record) -> str:
    """One record in the text format: `key=value` parts with a TAB between them."""
    return "\t".join(f"{k}={v.isoformat() if isinstance(v, datetime) else v}" for k, v in record.items())
