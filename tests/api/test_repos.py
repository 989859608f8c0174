"""Definitions of message queues: what a client may leave out, and how they grow under the options."""

from __future__ import annotations

from typing import Any

import pytest

from api.conftest import Api

N = {"key": "n", "valtype": "long"}
S = {"key": "s", "valtype": "string"}


def longs(count: int) -> list[dict[str, Any]]:
    return [{"key": f"f{i}", "valtype": "long"} for i in range(count)]


def code(api: Api, method: str, body: object) -> str:
    reply = api.call(method, "/v2/repos/r", json=body)
    return "" if reply.status_code == 200 else str(reply.json()["error"][:6])


def keys(api: Api) -> list[str]:
    return [field["key"] for field in api.call("GET", "/v2/repos/r").json()["schema"]]


@pytest.mark.parametrize("body", [{}, {"schema": None}, {"schema": []}])
def test_a_schema_that_is_not_there_is_empty(api: Api, body: dict[str, Any]) -> None:
    assert code(api, "POST", {"region": "nb", **body}) == "E18105"
    assert code(api, "POST", {"region": "nb", "schema": [N]}) == ""
    assert code(api, "PUT", body) == "E18105"


def test_fields_that_the_server_fills_count_too(api: Api) -> None:
    options = {"withIP": "ip", "withTimestamp": "ts"}
    assert code(api, "POST", {"region": "nb", "schema": longs(499), "options": options}) == "E18134"
    assert code(api, "POST", {"region": "nb", "schema": longs(498), "options": options}) == ""
    assert code(api, "PUT", {"schema": longs(499)}) == "E18134"
    shown = api.call("GET", "/v2/repos/r").json()
    assert len(shown["schema"]) == 500
    assert code(api, "PUT", {"schema": shown["schema"], "options": shown["options"]}) == ""


def test_a_change_of_options_can_be_sent_twice(api: Api) -> None:
    assert code(api, "POST", {"region": "nb", "schema": [N], "options": {"withIP": "ip"}}) == ""
    for _ in range(2):
        assert code(api, "PUT", {"schema": [N], "options": {"withTimestamp": "ts"}}) == ""
        assert keys(api) == ["n", "ip", "ts"]
    for _ in range(2):
        assert code(api, "PUT", {"schema": [N, S], "options": {}}) == ""
        assert keys(api) == ["n", "ip", "ts", "s"]
    assert code(api, "PUT", {"schema": [S]}) == "E18128"


def test_a_field_that_the_server_filled_keeps_its_type(api: Api) -> None:
    assert code(api, "POST", {"region": "nb", "schema": [N], "options": {"withIP": "ip"}}) == ""
    assert code(api, "PUT", {"schema": [N, {"key": "ip", "valtype": "long"}], "options": {}}) == "E18128"


def test_a_whence_that_is_null_is_one_that_is_not_there(api: Api) -> None:
    assert code(api, "POST", {"region": "nb", "schema": [N]}) == ""
    export = "/v2/repos/r/exports/e"
    body = {"type": "kodo", "spec": {"bucket": "files"}, "whence": None}
    assert api.call("POST", export, json=body).status_code == 200
    assert api.call("GET", export).json()["whence"] == ""
