"""An S3-compatible store in this process, for exports whose bucket is not a folder."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

_KEY = "test-access"
_SECRET = "test-secret"
_REGION = "us-east-1"


@dataclass(frozen=True)
class Store:
    """A running store with one bucket, of which each run has a part: what begins with its prefix."""

    endpoint: str
    bucket: str

    def mapping(self, prefix: str) -> dict[str, Any]:
        """What `buckets.map` says of that part."""
        return {
            "bucket": self.bucket,
            "prefix": prefix,
            "endpoint": self.endpoint,
            "region": _REGION,
            "access_key": _KEY,
            "secret_key": _SECRET,
            "allow_http": True,
        }

    def download(self, prefix: str, folder: Path) -> None:
        """Every object of that part as a file of the name that follows the prefix."""
        client = _client(self.endpoint)
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                path = folder / entry["Key"].removeprefix(prefix)
                path.parent.mkdir(parents=True, exist_ok=True)
                client.download_file(self.bucket, entry["Key"], str(path))


@contextmanager
def object_store(bucket: str) -> Iterator[Store]:
    """A store with one empty bucket, on a free port of 127.0.0.1."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # not a line for each request
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        _client(endpoint).create_bucket(Bucket=bucket)
        yield Store(endpoint, bucket)
    finally:
        server.stop()


def _client(endpoint: str) -> Any:
    return boto3.client(
        "s3", endpoint_url=endpoint, region_name=_REGION, aws_access_key_id=_KEY, aws_secret_access_key=_SECRET
    )
