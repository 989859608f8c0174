"""Decoding of posts, MB/s of body per core, every check on, beside what Python offers without them.

    python benchmarks/decode.py [--seconds 1.0]

Bodies of 2 MB. "flat": the 16 scalar fields of the ingest benchmarks, about 700 bytes a record, keys in random order.
"mixed": as many fields, among them an address, an array, a map and a JSON text. Process CPU time; each line is the
median over rounds that go through several bodies. Exit status 1 when a promise is missed.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pyarrow as pa
from support.records import SCHEMA as FLAT
from support.records import posts, text_body
from support.table import print_table, verdict

from penstock.model.limits import Limits
from penstock.model.schema import Schema, parse_schema
from penstock.records.decoder import decoder_for

BODIES = 4
TEXT_PROMISE = 220.0
JSON_PROMISE = 180.0

MIXED = [
    *(entry for entry in FLAT if entry["key"] not in ("client", "user", "query", "trace")),
    {"key": "client", "valtype": "ip"},
    {"key": "labels", "valtype": "array", "elemtype": "string"},
    {
        "key": "geo",
        "valtype": "map",
        "schema": [{"key": "city", "valtype": "string"}, {"key": "lat", "valtype": "float"}],
    },
    {"key": "extra", "valtype": "jsonstring"},
]

Record = dict[str, str]


def mixed(record: Record, rng: random.Random) -> Record:
    """A flat record with the nested fields in place of some plain ones."""
    nested = {key: text for key, text in record.items() if key not in ("user", "query", "trace")}
    nested["labels"] = json.dumps(rng.sample(["blue", "green", "canary", "stable"], 2), separators=(",", ":"))
    nested["geo"] = json.dumps({"city": "杭州", "lat": round(rng.random() * 90, 4)}, ensure_ascii=False)
    nested["extra"] = json.dumps({"user": record["user"], "query": record["query"]}, separators=(",", ":"))
    keys = list(nested)
    rng.shuffle(keys)
    return {key: nested[key] for key in keys}


def as_json(record: Record, schema: Schema) -> dict[str, Any]:
    """The record as a client would send it in JSON."""
    plain = {"string", "date", "ip"}
    types = {field.key: str(field.valtype) for field in schema.fields}
    return {key: text if types[key] in plain else json.loads(text) for key, text in record.items()}


def split_loop(body: bytes) -> list[dict[bytes, bytes]]:
    """What a plain Python server does first: no types, no checks."""
    return [dict(part.split(b"=", 1) for part in line.split(b"\t")) for line in body.split(b"\n")]  # type: ignore[misc]


def speed(decode: Callable[[bytes], object], bodies: Sequence[bytes], seconds: float) -> float:
    """MB per second of CPU time."""
    size = sum(map(len, bodies)) / 1e6
    rates: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(rates) < 3:
        start = time.process_time()
        for body in bodies:
            decode(body)
        rates.append(size / (time.process_time() - start))
    return statistics.median(rates)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each line is measured")
    seconds = parser.parse_args().seconds
    rng = random.Random(7)
    kinds = {"flat": (FLAT, posts(BODIES)), "mixed": (MIXED, [[mixed(r, rng) for r in post] for post in posts(BODIES)])}
    rows: list[tuple[str, str]] = []
    met = True
    for kind, (raw_schema, made) in kinds.items():
        schema = parse_schema(raw_schema, Limits())
        decoders = decoder_for(schema, unescape=False)
        objects = [[as_json(record, schema) for record in post] for post in made]
        texts = [text_body(post) for post in made]
        arrays = [msgspec.json.encode(post) for post in objects]
        lines = [b"\n".join(map(msgspec.json.encode, post)) for post in objects]
        count = sum(map(len, made))
        length = sum(map(len, texts)) / count
        print(f"{kind}: {count} records, {length:.0f} bytes each as text, {len(schema.fields)} fields")
        # The three routes must agree before they are timed.
        batch = decoders.text(texts[0])
        assert isinstance(batch, pa.RecordBatch) and batch.num_rows == len(made[0])
        if kind == "flat":
            assert decoders.json(arrays[0]).equals(batch) and decoders.json(lines[0]).equals(batch)
        for name, decode, bodies, promise in (
            ("text, any key order", decoders.text, texts, TEXT_PROMISE),
            ("JSON array", decoders.json, arrays, JSON_PROMISE),
            ("JSON lines", decoders.json, lines, JSON_PROMISE),
        ):
            rate = speed(decode, bodies, seconds)
            note = ""
            if kind == "flat":
                met &= rate >= promise
                note = f"  (at least {promise:.0f}: {verdict(rate >= promise)})"
            rows.append((f"{kind}: {name}", f"{rate:.0f}{note}"))
        for name, baseline, bodies in (
            ("text, Python split, no checks", split_loop, texts),
            ("JSON, msgspec to dicts, no checks", msgspec.json.decode, arrays),
            ("JSON, stdlib to dicts, no checks", json.loads, arrays),
        ):
            rows.append((f"{kind}: {name}", f"{speed(baseline, bodies, seconds / 2):.0f}"))
    print_table("MB/s per core", ("route", "MB/s"), rows)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
