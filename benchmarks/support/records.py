"""The records that every ingest benchmark sends: 16 fields, about 700 bytes as a line of text, keys in random order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

SCHEMA = [
    {"key": key, "valtype": valtype, "required": required}
    for key, valtype, required in [
        ("time", "date", True),
        ("host", "string", True),
        ("client", "string", False),
        ("user", "string", False),
        ("method", "string", False),
        ("path", "string", False),
        ("query", "string", False),
        ("status", "long", True),
        ("bytes", "long", False),
        ("upstreamBytes", "long", False),
        ("duration", "float", False),
        ("cached", "boolean", False),
        ("referer", "string", False),
        ("agent", "string", False),
        ("trace", "string", False),
        ("message", "string", False),
    ]
]
"""The repo's schema, as a client sends it."""

POST_BYTES = 2_000_000
RECORD_BYTES = 700
_WORDS = [
    *("request", "upstream", "cache", "buffer", "accepted", "connection", "timeout", "retry", "header", "served"),
    *("index", "account", "order", "session", "checkout", "token", "queue", "worker", "shard", "replica", "region"),
    *("balance", "gateway", "handler", "response", "stream", "chunk", "deadline"),
]
_AGENTS = [
    f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.{major * 37}.61 Safari/537.36"
    for system in ("X11; Linux x86_64", "Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7")
    for major in range(98, 110)
]
_START = datetime(2026, 11, 1, tzinfo=UTC)


def records(seed: int) -> Iterator[dict[str, str]]:
    """Records without end, each as {key: value as text}, keys in an order of its own as out of a hash map."""
    rng = random.Random(seed)
    while True:
        at = _START + timedelta(microseconds=rng.randrange(86_400_000_000))
        words = rng.choices(_WORDS, k=5)
        record = {
            "time": at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "host": f"web-{rng.randrange(400):04d}.{words[0]}.example.com",
            "client": ".".join(str(rng.randrange(1, 255)) for _ in range(4)),
            "user": f"user-{rng.randrange(10**6):06d}",
            "method": rng.choice(("GET", "GET", "GET", "POST", "PUT")),
            "path": f"/{words[1]}/{words[2]}/{rng.randrange(10**5)}",
            "query": f"page={rng.randrange(50)}&sort={words[3]}&q={words[4]}",
            "status": rng.choice(("200", "200", "200", "304", "404", "502")),
            "bytes": str(rng.randrange(10**6)),
            "upstreamBytes": str(rng.randrange(10**9)),
            "duration": f"{rng.random() * 3:.6f}",
            "cached": rng.choice(("true", "false")),
            "referer": f"https://www.example.com/{words[3]}/{words[0]}?from={rng.randrange(1000)}",
            "agent": rng.choice(_AGENTS),
            "trace": f"{rng.getrandbits(128):032x}",
        }
        filled = len(text_line(record)) + len("\tmessage=\n")
        message = " ".join(rng.choices(_WORDS, k=40))
        record["message"] = message[: max(1, RECORD_BYTES - filled + rng.randrange(-40, 41))]
        keys = list(record)
        rng.shuffle(keys)
        yield {key: record[key] for key in keys}


def text_line(record: dict[str, str]) -> str:
    """One record in the text format, without its line end."""
    return "\t".join(f"{key}={value}" for key, value in record.items())


def posts(count: int, seed: int = 1) -> list[list[dict[str, str]]]:
    """`count` lists of records, each `POST_BYTES` long as text."""
    source = records(seed)
    made: list[list[dict[str, str]]] = []
    for _ in range(count):
        post: list[dict[str, str]] = []
        size = 0
        while size < POST_BYTES - RECORD_BYTES - 50:
            post.append(next(source))
            size += len(text_line(post[-1])) + 1
        made.append(post)
    return made


def text_body(post: list[dict[str, str]]) -> bytes:
    """A post as the body of one request, in the text format."""
    return "\n".join(map(text_line, post)).encode()
