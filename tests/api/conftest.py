"""The API app in this process, over a real catalog and log, for what no real server can be brought to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pyarrow as pa
import pytest

from penstock.api.app import build
from penstock.api.services import Services
from penstock.api.settings import ApiSettings
from penstock.auth.keyring import KeyPair, KeyRing, ensure_admin
from penstock.auth.pandora import PandoraVerifier
from penstock.auth.pandora_sign import sign
from penstock.auth.secrets import SecretBox
from penstock.catalog.database import Catalog
from penstock.connect.buckets import Buckets
from penstock.connect.settings import BucketSettings
from penstock.log import open_reader, open_writer
from penstock.log.interface import Appended, LogWriter
from penstock.model.datadir import DataDir
from penstock.model.limits import Limits
from penstock.model.repo import QueueId


@dataclass
class BreakableLog:
    """The log writer, or what `breaks` gives in its place."""

    inner: LogWriter
    breaks: Callable[[], Exception] | None = None

    def append(
        self,
        queue: QueueId,
        batch: pa.RecordBatch,
        *,
        arrived_at_us: int,
        batch_id: str | None = None,
        request_id: str = "",
    ) -> Future[Appended]:
        if self.breaks is not None:
            failed: Future[Appended] = Future()
            failed.set_exception(self.breaks())
            return failed
        return self.inner.append(queue, batch, arrived_at_us=arrived_at_us, batch_id=batch_id, request_id=request_id)

    def close(self) -> None:
        self.inner.close()


@dataclass
class Api:
    """Signed calls on the app."""

    services: Services
    log: BreakableLog
    key: KeyPair
    errors: list[str] = field(default_factory=list)

    def call(
        self,
        method: str,
        path: str,
        json: object = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        return asyncio.run(self._call(method, path, json, content, headers or {}))

    async def _call(
        self, method: str, path: str, json: object, content: bytes | None, headers: dict[str, str]
    ) -> httpx.Response:
        kind = {"Content-Type": "application/json"} if json is not None else {}
        kind |= headers
        signed = sign(self.key.access_key, self.key.secret_key, method, path.partition("?")[0], kind, now=time.time())
        transport = httpx.ASGITransport(build(self.services))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, json=json, content=content, headers={**kind, **signed})


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    data = DataDir(tmp_path)
    with Catalog.open(data, migrate=True) as catalog, ThreadPoolExecutor(2) as executor:
        ring = KeyRing(catalog, SecretBox.of(data))
        key = ensure_admin(ring, catalog, data)
        assert key is not None
        log = BreakableLog(open_writer(data))
        services = Services(
            data=data,
            catalog=catalog,
            verifier=PandoraVerifier(ring.lookup),
            log=log,
            open_reader=partial(open_reader, data),
            limits=Limits(),
            settings=ApiSettings(inflight_bytes=3 * 1024 * 1024, wait_s=0.01),
            render_metrics=lambda: b"",
            executor=executor,
            buckets=Buckets(data, BucketSettings()),
            timezone=ZoneInfo("Asia/Shanghai"),
            disk_reserve_bytes=0,
        )
        yield Api(services, log, key)
        log.close()
