"""Signing as clients do: the published vectors, made by the vendor's own SDKs. (That it verifies: test_pandora.py.)"""

from __future__ import annotations

import base64
import json

import pytest

from penstock.auth.pandora_sign import TokenDescription, make_token, qiniu_headers, sign, text_to_sign

DATE = "Tue, 06 Jun 2017 08:00:00 GMT"
NOW = 1496736000
JAR = {"Content-MD5": "gLL29S04bTCxYd2kCqsEIQ==", "Content-Type": "application/java-archive"}
QINIU = {"Content-Type": "text/plain", "X-Qiniu-Zone": "nb", "X-Qiniu-Aaa": "1", "X-Resource-Owner": "9"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "expected"),
    [
        ("GET", "/v2/repos/src", {}, "L64IrqpTLF4LumtwVppSieihLpQ="),
        ("POST", "/v2/plugins/com.qiniu.NginxLogParser", JAR, "Je8_dHAS3XtrbONqM0pvc8XTLdI="),
        ("POST", "/v2/repos/src/data", QINIU, "XJMdlGEorknu5alyDWSRw6cjhkU="),
    ],
)
def test_header_signatures(method: str, path: str, headers: dict[str, str], expected: str) -> None:
    signed = {"Date": DATE, "Authorization": f"Pandora test_ak:{expected}"}
    assert sign("test_ak", "test_sk", method, path, headers, now=NOW + 0.9) == signed
    assert sign("test_ak", "test_sk", method, path, headers | {"Date": DATE}, now=0) == signed


def test_the_token() -> None:
    """The published one: its JSON has another order of keys, so the text is compared by what it says."""
    description = TokenDescription(
        resource="/v2/repos/src/data", expires=1893456000, content_type="text/plain", method="POST"
    )
    scheme, signed, encoded = make_token("test_ak", "test_sk", description).split(":")
    assert (scheme, len(signed)) == ("Pandora test_ak", 28)
    assert json.loads(base64.urlsafe_b64decode(encoded)) == {
        "resource": "/v2/repos/src/data",
        "expires": 1893456000,
        "contentMD5": "",
        "contentType": "text/plain",
        "headers": "",
        "method": "POST",
    }


def test_what_is_signed() -> None:
    headers = {name.lower(): value for name, value in QINIU.items()} | {"date": DATE}
    assert text_to_sign("POST", "/v2/repos/src/data", headers) == (
        b"POST\n\ntext/plain\nTue, 06 Jun 2017 08:00:00 GMT\n\nx-qiniu-aaa:1\nx-qiniu-zone:nb/v2/repos/src/data"
    )
    assert text_to_sign("GET", "/v2/repos/中", {}) == "GET\n\n\n\n/v2/repos/中".encode()


def test_only_longer_names_are_qiniu_headers() -> None:
    assert qiniu_headers({"x-qiniu-": "1", "x-qiniu": "2", "x-pandora-a": "3", "x-qiniu-a": "4"}) == "\nx-qiniu-a:4"
