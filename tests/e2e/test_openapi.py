"""The OpenAPI document against the running server: schemathesis makes calls from it; none may fail the server, and
every reply must be one that the document describes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests
import schemathesis
from e2e.support.server import running_server
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from e2e.clients import Client, Key, connected

KEY = Key("test_ak", "test_sk")
SEED = 20261120
CALLS = 40
"""Calls per operation of the document."""
PARTS = {"repo": ["src", "src", "missing"], "export": ["sink", "missing"]}
"""Path parts that stand for something, or for nothing; generated ones come beside them."""


class Signed(requests.auth.AuthBase):
    """Signs a call the way clients do, over its path without the query."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        assert request.method and request.url
        request.headers["Date"] = formatdate(usegmt=True)
        headers = [(n, v.decode("latin-1") if isinstance(v, bytes) else v) for n, v in request.headers.items()]
        request.headers["Authorization"] = KEY.header(request.method, unquote(urlsplit(request.url).path), headers)
        return request


@dataclass
class Documented:
    """A running server with a repo and an export, and its document."""

    url: str
    client: Client
    document: dict[str, Any]

    def lay_ground(self) -> None:
        """(Re)make what the calls may have deleted."""
        field = {"key": "f1", "valtype": "string"}
        self.client.call("POST", "/v2/repos/src", {"region": "nb", "schema": [field]})
        spec = {"bucket": "bucket", "fields": {"f1": "#f1"}}
        self.client.call("POST", "/v2/repos/src/exports/sink", {"type": "kodo", "spec": spec})


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
    for operation in operations:
        answered: Counter[int] = Counter()
        try:
            _call_often(documented, operation, answered)
        except Exception as failure:
            failures.append(f"{operation.label}: {failure}")
        assert sum(answered.values()) >= CALLS // 2, f"{operation.label} was hardly called: {answered}"
        if not failures:
            assert answered[401] == 0, f"{operation.label}: calls were not signed rightly: {answered}"
    assert not failures, "\n\n".join(failures)


def _call_often(documented: Documented, operation: Any, answered: Counter[int]) -> None:
    """One operation with many generated calls; raises on the first (shrunk) reply that is not as it should be."""

    @seed(SEED)
    @settings(
        max_examples=CALLS,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), parts=st.fixed_dictionaries({k: _part(v) for k, v in PARTS.items()}))
    def one_call(case: Any, parts: dict[str, str | None]) -> None:
        documented.lay_ground()
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


def _part(known: list[str]) -> st.SearchStrategy[str | None]:
    return st.sampled_from([*known, None])


def test_the_document_is_served_without_a_key_and_names_every_error_shape(documented: Documented) -> None:
    reply = requests.get(f"{documented.url}/docs/openapi.json", timeout=20)
    assert reply.status_code == 200
    assert reply.headers["X-Reqid"]
    for path, methods in reply.json()["paths"].items():
        for method, operation in methods.items():
            assert set(operation["responses"]) == {"200", "default"}, f"{method} {path}"
