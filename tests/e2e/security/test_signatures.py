"""Forged, altered, replayed and misused signatures and tokens (wire notes section 1)."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest

from e2e.clients import Key
from e2e.security.conftest import Fort, bad_token, done, refused

BODY = b"f1=signed"
MD5 = base64.b64encode(hashlib.md5(BODY).digest()).decode()
WINDOW_S = 15 * 60


def signed(fort: Fort, target: str, **changed: str) -> dict[str, str]:
    """Headers of a post that carries every part a signature covers."""
    headers = {
        "Date": formatdate(usegmt=True),
        "Content-Type": "text/plain",
        "Content-MD5": MD5,
        "X-Qiniu-Zone": "nb",
        **changed,
    }
    headers["Authorization"] = fort.owner.key.header("POST", target.partition("?")[0], headers.items())
    return headers


def test_a_request_with_every_part_signed_is_accepted(fort: Fort) -> None:
    target = f"/v2/repos/{fort.repo()}/data"
    done(fort.owner.send("POST", target, list(signed(fort, target).items()), BODY))


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("Date", "a minute later"),
        ("Date", ""),
        ("Content-Type", "application/json"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Type", ""),
        ("Content-MD5", base64.b64encode(b"0" * 16).decode()),
        ("Content-MD5", ""),
        ("X-Qiniu-Zone", "hb"),
        ("X-Qiniu-Zone", "nb\tnb"),
        ("X-Qiniu-Added", "1"),
    ],
)
def test_a_changed_part_is_refused(fort: Fort, part: str, value: str) -> None:
    target = f"/v2/repos/{fort.repo()}/data"
    if value == "a minute later":
        value = formatdate(time.time() + 60, usegmt=True)
    bad_token(fort.owner.send("POST", target, list({**signed(fort, target), part: value}.items()), BODY))


@pytest.mark.parametrize("part", ["Date", "Content-Type", "Content-MD5", "X-Qiniu-Zone", "Authorization"])
def test_a_dropped_part_is_refused(fort: Fort, part: str) -> None:
    target = f"/v2/repos/{fort.repo()}/data"
    headers = signed(fort, target)
    del headers[part]
    bad_token(fort.owner.send("POST", target, list(headers.items()), BODY))


@pytest.mark.parametrize("part", ["Date", "Content-Type", "Content-MD5", "X-Qiniu-Zone", "Authorization"])
def test_a_doubled_part_is_refused(fort: Fort, part: str) -> None:
    """Two values of a signed header leave open which one the signature covers."""
    target = f"/v2/repos/{fort.repo()}/data"
    headers = signed(fort, target)
    doubled = [*headers.items(), (part, "application/json" if part == "Content-Type" else headers[part] + "x")]
    bad_token(fort.raw().send("POST", target, doubled, BODY))
    bad_token(fort.raw().send("POST", target, doubled[::-1], BODY))


def test_another_path_or_method_is_refused(fort: Fort) -> None:
    one, other = fort.repo(), fort.repo()
    headers = list(signed(fort, f"/v2/repos/{one}/data").items())
    bad_token(fort.owner.send("POST", f"/v2/repos/{other}/data", headers, BODY))
    bad_token(fort.owner.send("PUT", f"/v2/repos/{one}/data", headers, BODY))
    bad_token(fort.owner.send("GET", f"/v2/repos/{one}/data", headers, BODY))
    bad_token(fort.owner.send("POST", f"/v2/repos/{one}//data", headers, BODY))
    bad_token(fort.owner.send("POST", f"/v2/repos/{one}/data/", headers, BODY))


def test_another_query_is_accepted(fort: Fort) -> None:
    target = f"/v2/repos/{fort.repo()}/data"
    done(fort.owner.send("POST", f"{target}?tags=", list(signed(fort, target).items()), BODY))


def test_another_body_under_a_signed_md5_is_refused_and_not_stored(fort: Fort) -> None:
    target = f"/v2/repos/{fort.repo()}/data"
    reply = fort.owner.send("POST", target, list(signed(fort, target).items()), b"f1=forged")
    assert reply.status == 400, (reply.status, reply.body)
    assert done(fort.owner.call("GET", target)).json()["records"] == []


@pytest.mark.parametrize(
    "forge",
    [
        lambda text: text.replace("Pandora ", "Qiniu "),
        lambda text: text.replace("Pandora ", "pandora"),
        lambda text: text.removeprefix("Pandora "),
        lambda text: "Pandora ",
        lambda text: "Pandora :",
        lambda text: "Pandora ak_owner",
        lambda text: "Pandora ak_owner:",
        lambda text: text + ":",
        lambda text: text[:-4] + ("A" if text[-4] != "A" else "B") + text[-3:],
        lambda text: text + "x",
        lambda text: text.replace("ak_owner", "ak_stranger"),
        lambda text: text.replace("ak_owner", "ak_nobody"),
        lambda text: text.replace("ak_owner", ""),
        lambda text: text.replace("ak_owner", "ak_owner' OR '1'='1"),
        lambda text: text.replace("ak_owner", "\u00e9"),
        lambda text: "Pandora ak_owner:" + "=" * 28,
        lambda text: "Pandora " + "a" * 30_000,
        lambda text: "Basic YWtfb3duZXI6b3duZXI=",
        lambda text: "Bearer " + text,
    ],
)
def test_a_forged_authorization_is_refused(fort: Fort, forge: Callable[[str], str]) -> None:
    target = f"/v2/repos/{fort.repo()}/data"
    headers = signed(fort, target)
    headers["Authorization"] = forge(headers["Authorization"])
    bad_token(fort.raw().send("POST", target, list(headers.items()), BODY))


def test_a_signature_by_a_wrong_secret_is_refused(fort: Fort) -> None:
    bad_token(fort.owner.call("GET", "/v2/repos", key=Key(fort.owner.key.access, "wrong")))
    bad_token(fort.owner.call("GET", "/v2/repos", key=Key(fort.owner.key.access, "")))
    bad_token(fort.owner.call("GET", "/v2/repos", key=Key(fort.owner.key.access, fort.stranger.key.secret)))


@pytest.mark.parametrize("seconds", [-WINDOW_S - 5, WINDOW_S + 5, -86400, 86400 * 365])
def test_a_replay_outside_the_window_is_refused(fort: Fort, seconds: float) -> None:
    bad_token(fort.owner.call("GET", "/v2/repos", date=time.time() + seconds))


@pytest.mark.parametrize("seconds", [-WINDOW_S + 15, WINDOW_S - 15])
def test_a_clock_within_the_window_is_accepted(fort: Fort, seconds: float) -> None:
    done(fort.owner.call("GET", "/v2/repos", date=time.time() + seconds))


@pytest.mark.parametrize(
    "date", ["now", "0", "1795177564", "Fri, 99 Nov 2026 11:26:04 GMT", "9" * 5000, "Fri, 20 Nov", "\x00", "é"]
)
def test_a_date_that_is_none_is_refused(fort: Fort, date: str) -> None:
    reply = fort.raw().call("GET", "/v2/repos", headers={"Date": date.encode("utf-8").decode("latin-1")})
    assert reply.status in (400, 401), (reply.status, reply.body)


# tokens


def test_a_token_is_accepted_without_a_date(fort: Fort) -> None:
    target = f"/v2/repos/{fort.repo()}/data"
    token = fort.owner.key.token("POST", target, {"contentType": "text/plain"})
    headers = [("Authorization", token), ("Content-Type", "text/plain")]
    done(fort.owner.send("POST", target, headers, BODY))
    done(fort.owner.send("POST", f"{target}?tags=", headers, BODY))


@pytest.mark.parametrize(
    "parts",
    [
        {"resource": "/v2/repos/other/data"},
        {"resource": "/v2/repos"},
        {"resource": ""},
        {"resource": 7},
        {"method": "GET"},
        {"method": "post"},
        {"method": ""},
        {"contentType": "application/json"},
        {"contentType": ""},
        {"contentMD5": MD5},
        {"headers": "\nx-qiniu-zone:nb"},
        {"expires": 1},
        {"expires": 0},
        {"expires": -1},
        {"expires": "9999999999"},
        {"expires": 1e300},
        {"expires": None},
        {"expires": True},
        {"expires": [9999999999]},
    ],
)
def test_a_token_for_something_else_is_refused(fort: Fort, parts: dict[str, Any]) -> None:
    target = f"/v2/repos/{fort.repo()}/data"
    token = fort.owner.key.token("POST", target, {"contentType": "text/plain", **parts})
    bad_token(fort.owner.send("POST", target, [("Authorization", token), ("Content-Type", "text/plain")], BODY))


def test_a_token_covers_no_other_call(fort: Fort) -> None:
    one, other = (f"/v2/repos/{fort.repo()}/data" for _ in range(2))
    token = fort.owner.key.token("POST", one, {"contentType": "text/plain"})
    headers = [("Authorization", token), ("Content-Type", "text/plain")]
    bad_token(fort.owner.send("POST", other, headers, BODY))
    bad_token(fort.owner.send("GET", one, headers))
    bad_token(fort.owner.send("POST", one, [("Authorization", token), ("Content-Type", "application/json")], b"[]"))
    bad_token(fort.owner.send("POST", one, [("Authorization", token)], BODY))
    bad_token(fort.owner.send("POST", one, [*headers, ("X-Qiniu-Zone", "nb")], BODY))


@pytest.mark.parametrize("missing", ["resource", "expires", "method"])
def test_a_token_without_its_limits_is_refused(fort: Fort, missing: str) -> None:
    target = f"/v2/repos/{fort.repo()}/data"
    desc = {"resource": target, "expires": int(time.time()) + 60, "method": "POST", "contentType": "text/plain"}
    del desc[missing]
    bad_token(_post_with_description(fort, target, json.dumps(desc).encode()))


@pytest.mark.parametrize(
    "desc", [b"", b"{", b"[]", b"null", b"7", b'"x"', b"\xff\xfe", b"[" * 20_000, b'{"resource":' * 5_000]
)
def test_a_description_that_is_no_object_is_refused(fort: Fort, desc: bytes) -> None:
    bad_token(_post_with_description(fort, f"/v2/repos/{fort.repo()}/data", desc))


def test_a_changed_description_is_refused(fort: Fort) -> None:
    target = f"/v2/repos/{fort.repo()}/data"
    sign, old = fort.owner.key.token("POST", target, {"expires": 1, "contentType": "text/plain"}).rsplit(":", 1)
    desc = json.loads(base64.urlsafe_b64decode(old)) | {"expires": int(time.time()) + 3600}
    forged = base64.urlsafe_b64encode(json.dumps(desc).encode()).decode()
    headers = [("Content-Type", "text/plain")]
    bad_token(fort.owner.send("POST", target, [("Authorization", f"{sign}:{forged}"), *headers], BODY))
    bad_token(fort.owner.send("POST", target, [("Authorization", f"{sign}:!!!"), *headers], BODY))


def test_a_refusal_never_says_which_part_was_wrong(fort: Fort) -> None:
    """An unknown key, a wrong secret and an expired token all get the same words."""
    target = "/v2/repos"
    replies = [
        fort.owner.call("GET", target, key=Key("ak_nobody", "x")),
        fort.owner.call("GET", target, key=Key(fort.owner.key.access, "x")),
        fort.owner.send("GET", target, [("Authorization", fort.owner.key.token("GET", target, {"expires": 1}))]),
    ]
    assert {reply.body for reply in replies} == {b'{"error":"bad token"}'}


def test_who_is_not_known_learns_nothing_about_what_is_there(fort: Fort) -> None:
    there, stranger = fort.repo(), Key("ak_nobody", "x")
    for target in (f"/v2/repos/{there}", "/v2/repos/nothing", "/v2/nowhere", "/v2/repos/../.."):
        bad_token(fort.raw().call("GET", target, key=stranger))
    refused(fort.owner.call("GET", "/v2/nowhere"), 404, "E9001")


def _post_with_description(fort: Fort, target: str, desc: bytes) -> Any:
    encoded = base64.urlsafe_b64encode(desc).decode()
    key = fort.owner.key
    headers = [("Authorization", f"Pandora {key.access}:{key.mac(encoded)}:{encoded}"), ("Content-Type", "text/plain")]
    return fort.raw().send("POST", target, headers, BODY)
