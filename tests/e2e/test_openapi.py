"""The OpenAPI document against the running server: schemathesis makes calls from it; none may fail the server, and
every reply must be one that the document describes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from e2e.clients import Client, Key, connected
from e2e.support.server import running_server

KEY = Key("test_ak", "test_sk")
SEED = 20261120
CALLS = 50
"""Calls per operation of the document and mode: as documented, and not."""
PARTS = {"repo": ["src", "spare", "missing"], "export": ["sink", "missing"]}
"""Path parts that stand for something, or for nothing; generated ones come beside them."""
SCHEMA = [{"key": "f1", "valtype": "string"}]
SPEC = {"bucket": "bucket", "fields": {"f1": "#f1"}}
GOOD = {"region": "nb", "schema": SCHEMA, "type": "kodo", "spec": SPEC}
"""Values that make generated bodies pass the first checks, put into some of them."""


class Signed(requests.auth.AuthBase):
    """Signs a call the way clients do, over its path as it goes out."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        assert request.method and request.url
        request.headers["Date"] = formatdate(usegmt=True)
        headers = [(n, v.decode("latin-1") if isinstance(v, bytes) else v) for n, v in request.headers.items()]
        request.headers["Authorization"] = KEY.header(request.method, urlsplit(request.url).path, headers)
        return request


@dataclass
class Documented:
    """A running server with a repo and an export, and its document."""

    url: str
    client: Client
    document: dict[str, Any]

    def lay_ground(self) -> None:
        """(Re)make what the calls may have deleted, and delete what they may have made."""
        self.client.call("DELETE", "/v2/repos/missing")
        self.client.call("DELETE", "/v2/repos/src/exports/missing")
        for repo in ("src", "spare"):
            self.client.call("POST", f"/v2/repos/{repo}", {"region": "nb", "schema": SCHEMA})
        self.client.call("POST", "/v2/repos/src/exports/sink", {"type": "kodo", "spec": SPEC})


@pytest.fixture(scope="module")
def documented() -> Iterator[Documented]:
    with (
        running_server(keys=[(KEY.access, KEY.secret)]) as server,
        connected(server.host, server.port, KEY) as client,
    ):
        yield Documented(f"http://{server.host}:{server.port}", client, client.call("GET", "/docs/openapi.json").json())


def test_no_call_fails_the_server_and_replies_are_as_documented(documented: Documented) -> None:
    schema = schemathesis.openapi.from_dict(documented.document)
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) >= 18
    failures: list[str] = []
    calls = 0
    for operation in operations:
        answered: Counter[int] = Counter()
        for mode in GenerationMode:
            try:
                _call_often(documented, operation, mode, answered)
            except Exception as failure:
                failures.append(f"{operation.label} ({mode.value}): {failure}")
        assert answered[200], f"{operation.label} never succeeded: {answered}"
        assert not answered[401], f"{operation.label}: calls were not signed rightly: {answered}"
        calls += answered.total()
    assert not failures, "\n\n".join(failures)
    assert calls > len(operations) * CALLS


def _call_often(documented: Documented, operation: Any, mode: GenerationMode, answered: Counter[int]) -> None:
    """One operation with many generated calls; raises on the first (shrunk) reply that is not as it should be."""

    mended = st.fixed_dictionaries({"keys": st.sets(st.sampled_from(sorted(GOOD))), "alone": st.booleans()})

    @seed(SEED)
    @settings(
        max_examples=CALLS,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy(generation_mode=mode),
        parts=st.fixed_dictionaries({name: st.sampled_from([*known, None]) for name, known in PARTS.items()}),
        mend=st.one_of(st.just({"keys": set(GOOD), "alone": True}), mended),
    )
    def one_call(case: Any, parts: dict[str, str | None], mend: dict[str, Any]) -> None:
        documented.lay_ground()
        if isinstance(case.body, dict):
            kept = {} if mend["alone"] else case.body
            case.body = kept | {key: GOOD[key] for key in mend["keys"] if key in case.body}
        elif mend["alone"] and case.media_type == "text/plain":
            case.body, case.query = "f1=good", {}
        for name, value in parts.items():
            if value is not None and name in (case.path_parameters or {}):
                case.path_parameters[name] = value
        response = case.call(base_url=documented.url, auth=Signed(), timeout=20)
        answered[response.status_code] += 1
        assert response.status_code < 500, f"{response.status_code}: {response.text[:500]}"
        case.validate_response(
            response,
            checks=[
                content_type_conformance,
                response_headers_conformance,
                response_schema_conformance,
                status_code_conformance,
            ],
        )

    one_call()


def test_every_page_and_every_path_that_is_none_has_a_request_id(documented: Documented) -> None:
    for path in ("/", "/healthz", "/readyz", "/metrics", "/docs", "/docs/openapi.json", "/v5/repos/x", "/v2x", "/%ff"):
        reply = requests.get(f"{documented.url}{path}", timeout=20, allow_redirects=False)
        assert reply.status_code < 500
        assert reply.headers["X-Reqid"], path
    missing = requests.delete(f"{documented.url}/v5/repos/x", timeout=20)
    assert (missing.status_code, missing.headers["Content-Type"]) == (404, "application/json")
    assert missing.json()["error"].startswith("E9001: ")


def test_the_document_names_the_refusal_of_every_call(documented: Documented) -> None:
    for path, methods in documented.document["paths"].items():
        for method, operation in methods.items():
            assert set(operation["responses"]) == {"200", "default"}, f"{method} {path}"
