"""The recorded requests and what is expected of them (tests/data/captures/README.md)."""

from __future__ import annotations

import base64
import csv
import json
import time
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

from e2e.clients import Headers, Key

FOLDER = Path(__file__).parent.parent / "data" / "captures"


@dataclass(frozen=True)
class Recorded:
    """One recorded request and its line of expected.tsv. `code` is "" where none is expected."""

    client: str
    number: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    status: int
    code: str
    scope: str
    prelude: str
    reason: str

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def __str__(self) -> str:
        return f"{self.client} {self.number} {self.method} {self.target}"

    def signed_anew(self, key: Key) -> Headers:
        """The recorded headers, with today's Date and the signature, or token, that goes with it."""
        headers = [(n, v) for n, v in self.headers if n.lower() not in ("host", "date", "authorization")]
        headers.append(("Date", formatdate(usegmt=True)))
        old = dict(self.headers)["Authorization"]
        parts = old.removeprefix("Pandora ").split(":")
        if len(parts) == 3:
            desc = json.loads(base64.urlsafe_b64decode(parts[2]))
            desc["expires"] = int(time.time()) + 3600
            encoded = base64.urlsafe_b64encode(json.dumps(desc, separators=(",", ":")).encode()).decode()
            headers.append(("Authorization", f"Pandora {key.access}:{key.mac(encoded)}:{encoded}"))
        else:
            headers.append(("Authorization", key.header(self.method, self.path, headers)))
        return headers


def recorded(client: str) -> list[Recorded]:
    """All requests of a client in the order in which it sent them."""
    folder = FOLDER / client
    with (folder / "expected.tsv").open(newline="", encoding="utf-8") as lines:
        expected = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    files = sorted(folder.glob("*.http"))
    assert [f.name[:3] for f in files] == [e["number"] for e in expected], f"{client}: a line a request"
    return [_recorded(client, file, row) for file, row in zip(files, expected, strict=True)]


def _recorded(client: str, file: Path, row: dict[str, str]) -> Recorded:
    head, _, body = file.read_bytes().partition(b"\r\n\r\n")
    request, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = request.split(" ")
    pairs = [line.partition(":") for line in lines]
    return Recorded(
        client=client,
        number=row["number"],
        method=method,
        target=target,
        headers=tuple((name, value.strip()) for name, _, value in pairs),
        body=body,
        status=int(row["status"]),
        code=row["code"].removeprefix("-"),
        scope=row["scope"],
        prelude=row["prelude"].removeprefix("-"),
        reason=row["reason"],
    )
