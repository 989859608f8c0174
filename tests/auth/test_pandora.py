"""Pandora authentication: the published vectors, real clients' requests, and everything that must not pass."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from penstock.auth import pandora
from penstock.auth.keyring import Key, KeyRing
from penstock.auth.pandora import WINDOW_SECONDS, PandoraVerifier, SignedRequest
from penstock.auth.pandora_sign import sign
from penstock.auth.principal import Principal
from penstock.model.access import Role
from penstock.model.errors import Kind, Problem

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
NOW = 1496736000  # Tue, 06 Jun 2017 08:00:00 GMT
DATE = "Tue, 06 Jun 2017 08:00:00 GMT"
SECRETS = {"test_ak": "test_sk", "fake_ak": "fake_sk", "other_ak": "other_sk"}


def lookup(access_key: str) -> Key | None:
    if access_key not in SECRETS:
        return None
    return Key(Principal(access_key, "o", Role.EDITOR, "o"), SECRETS[access_key].encode())


def verify(request: SignedRequest, now: float = NOW) -> Principal:
    return PandoraVerifier(lookup, lambda: now).verify(request)


def refused(request: SignedRequest, now: float = NOW) -> None:
    with pytest.raises(Problem) as caught:
        verify(request, now)
    assert (caught.value.kind, caught.value.message) == (Kind.UNAUTHENTICATED, "bad token")
    assert caught.value.__cause__ is None


def request(method: str, path: str, **headers: str) -> SignedRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return SignedRequest(method, path, path, {"date": DATE} | named)


def changed(old: SignedRequest, **headers: str | None) -> SignedRequest:
    merged = {**old.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return replace(old, headers={name: value for name, value in merged.items() if value is not None})


POST = {"content_type": "text/plain", "x_qiniu_zone": "nb", "x_qiniu_aaa": "1", "x_resource_owner": "9"}
TOKEN = (
    "Pandora test_ak:zhSSOWhDB5qAhGnyNR5wsgxuzfs=:eyJyZXNvdXJjZSI6Ii92Mi9yZXBvcy9zcmMvZGF0YSIsImV4cGlyZXMiOjE4OTM0NTY"
    "wMDAsImNvbnRlbnRNRDUiOiIiLCJjb250ZW50VHlwZSI6InRleHQvcGxhaW4iLCJoZWFkZXJzIjoiIiwibWV0aG9kIjoiUE9TVCJ9"
)
JAR = {"content_md5": "gLL29S04bTCxYd2kCqsEIQ==", "content_type": "application/java-archive"}
VECTORS = {
    "plain": request("GET", "/v2/repos/src", authorization="Pandora test_ak:L64IrqpTLF4LumtwVppSieihLpQ="),
    "md5": request(
        "POST",
        "/v2/plugins/com.qiniu.NginxLogParser",
        authorization="Pandora test_ak:Je8_dHAS3XtrbONqM0pvc8XTLdI=",
        **JAR,
    ),
    "headers": request(
        "POST", "/v2/repos/src/data", authorization="Pandora test_ak:XJMdlGEorknu5alyDWSRw6cjhkU=", **POST
    ),
    "token": SignedRequest(
        "POST", "/v2/repos/src/data", "/v2/repos/src/data", {"content-type": "text/plain", "authorization": TOKEN}
    ),
}
RUBY = request(
    "GET",
    "/",
    date="Tue, 20 Jun 2017 23:06:40 GMT",
    authorization="Pandora fake_ak:0kb0YRduDmqCbyFAa1zQIy2DMSc=",
)


class TestVectors:
    @pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
    def test_they_verify(self, vector: SignedRequest) -> None:
        assert verify(vector).name == "test_ak"

    def test_the_ruby_clients_own(self) -> None:
        assert verify(RUBY, now=1498000000).name == "fake_ak"


@dataclass(frozen=True)
class Captured:
    file: Path

    def request(self) -> SignedRequest:
        first, *lines = self.file.read_bytes().partition(b"\r\n\r\n")[0].split(b"\r\n")
        method, target, _ = first.split(b" ")
        headers = [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
        raw = target.partition(b"?")[0]
        return SignedRequest.of(method.decode(), unquote(raw.decode()), raw, headers)


def captured() -> list[Captured]:
    return [Captured(file) for client in ("go-sdk", "logkit") for file in sorted((CAPTURES / client).glob("*.http"))]


class TestRecordedRequests:
    def test_all_of_them_are_here(self) -> None:
        proofs = [c.request().headers["authorization"].count(":") for c in captured()]
        assert (proofs.count(1), proofs.count(2), len(proofs)) == (181, 1, 182)

    @pytest.mark.parametrize("capture", captured(), ids=lambda c: f"{c.file.parent.name}-{c.file.stem}")
    def test_each_verifies_at_its_time_and_not_a_day_later(self, capture: Captured) -> None:
        recorded = capture.request()
        then = parsedate_to_datetime(recorded.headers["date"]).timestamp()
        assert verify(recorded, then).name == "test_ak"
        refused(recorded, then + 86400)
        refused(replace(recorded, path=recorded.path + "x", raw_path=recorded.raw_path + "x"), then)


class TestTampering:
    """Each signed part, changed alone."""

    SIGNED = VECTORS["headers"]

    @pytest.mark.parametrize("method", ["GET", "PUT", "post", "", "POST\n"])
    def test_the_method(self, method: str) -> None:
        for vector in (self.SIGNED, VECTORS["token"]):
            refused(replace(vector, method=method))

    @pytest.mark.parametrize(
        "path", ["/", "", "/v2/repos/src/dat", "/v2/repos/src/data/", "/v2/repos/SRC/data", "/v2/repos//src/data"]
    )
    def test_the_path(self, path: str) -> None:
        for vector in (self.SIGNED, VECTORS["token"]):
            refused(replace(vector, path=path, raw_path=path))

    @pytest.mark.parametrize("content_type", [None, "", "application/json", "text/plain; charset=utf-8", "Text/plain"])
    def test_the_content_type(self, content_type: str | None) -> None:
        for vector in (self.SIGNED, VECTORS["token"]):
            refused(changed(vector, content_type=content_type))

    @pytest.mark.parametrize("md5", [None, "", "AAAAAAAAAAAAAAAAAAAAAA==", "gLL29S04bTCxYd2kCqsEIQ="])
    def test_the_content_md5(self, md5: str | None) -> None:
        refused(changed(VECTORS["md5"], content_md5=md5))

    def test_a_content_md5_that_was_not_signed(self) -> None:
        for vector in (self.SIGNED, VECTORS["token"]):
            refused(changed(vector, content_md5="gLL29S04bTCxYd2kCqsEIQ=="))

    @pytest.mark.parametrize("date", [None, "", "Tue, 06 Jun 2017 08:00:01 GMT"])
    def test_the_date(self, date: str | None) -> None:
        refused(changed(self.SIGNED, date=date))

    @pytest.mark.parametrize(
        "headers",
        [
            {"x_qiniu_zone": "z0"},
            {"x_qiniu_zone": None},
            {"x_qiniu_more": "1"},
            {"x_qiniu_aaa": "nb", "x_qiniu_zone": "1"},
            {"x_qiniu_aaa": "1\nx-qiniu-zone:nb", "x_qiniu_zone": None, "x_qiniu_b": "1"},
        ],
    )
    def test_the_qiniu_headers(self, headers: dict[str, str | None]) -> None:
        refused(changed(self.SIGNED, **headers))

    def test_a_qiniu_header_beside_a_token_that_has_none(self) -> None:
        refused(changed(VECTORS["token"], x_qiniu_zone="nb"))

    @pytest.mark.parametrize("other", ["other_ak", "fake_ak", "nobody", ""])
    def test_the_access_key(self, other: str) -> None:
        for vector in VECTORS.values():
            refused(changed(vector, authorization=vector.headers["authorization"].replace("test_ak", other)))

    def test_what_is_not_signed_may_change(self) -> None:
        assert verify(changed(self.SIGNED, x_resource_owner="8", host="x", user_agent="y", x_appid="1"))
        assert verify(changed(self.SIGNED, x_qiniu_="too short to count"))


class TestClock:
    @pytest.mark.parametrize("skew", [0, 1, -1, WINDOW_SECONDS, -WINDOW_SECONDS])
    def test_within_the_window(self, skew: float) -> None:
        assert verify(VECTORS["plain"], NOW + skew)

    @pytest.mark.parametrize("skew", [WINDOW_SECONDS + 0.001, -WINDOW_SECONDS - 0.001, 86400, -1e12])
    def test_a_replay_outside_the_window(self, skew: float) -> None:
        refused(VECTORS["plain"], NOW + skew)

    @pytest.mark.parametrize(
        "date",
        [
            "",
            "2017-06-06T08:00:00Z",
            "Tue, 06 Jun 2017 08:00:00",
            "Tue, 06 Jun 2017 08:00:00 UTC",
            "Tue, 06 Jun 2017 08:00:00 +0800",
            "Tue, 06 Jun 2017 08:00:00 GMT ",
            "Tue, ٠٦ Jun 2017 08:00:00 GMT",
            "Tue, 06 Jux 2017 08:00:00 GMT",
            "Tue, 31 Jun 2017 08:00:00 GMT",
            "Tue, 00 Jun 2017 08:00:00 GMT",
            "Tue, 06 Jun 0000 08:00:00 GMT",
            "Tue, 06 Jun 2017 24:00:00 GMT",
            "Tue, 06 Jun 2017 08:60:00 GMT",
            "1496736000",
        ],
    )
    def test_a_date_that_is_none_though_rightly_signed(self, date: str) -> None:
        text = f"GET\n\n\n{date}\n/v2/repos".encode("latin-1", "replace")
        mac = base64.urlsafe_b64encode(hmac.digest(b"test_sk", text, "sha1")).decode()
        refused(request("GET", "/v2/repos", date=date, authorization=f"Pandora test_ak:{mac}"))

    def test_a_token_needs_no_date_and_heeds_none(self) -> None:
        assert verify(VECTORS["token"])
        assert verify(changed(VECTORS["token"], date="nonsense"))

    def test_a_token_ends(self) -> None:
        assert verify(VECTORS["token"], 1893456000)
        refused(VECTORS["token"], 1893456000.001)


class TestAuthorizationHeader:
    @pytest.mark.parametrize(
        "value",
        [
            "",
            "Pandora",
            "Pandora ",
            "Pandora :",
            "Pandora ::",
            "Pandora test_ak",
            "Pandora test_ak:",
            "Pandora test_ak::",
            "Pandora test_ak:L64IrqpTLF4LumtwVppSieihLpQ=:::",
            "Bearer test_ak:L64IrqpTLF4LumtwVppSieihLpQ=",
            "pandora test_ak:L64IrqpTLF4LumtwVppSieihLpQ=",
            "Pandora  test_ak:L64IrqpTLF4LumtwVppSieihLpQ=",
            " Pandora test_ak:L64IrqpTLF4LumtwVppSieihLpQ=",
            "Pandora test_ak:L64IrqpTLF4LumtwVppSieihLpQ= ",
            "Pandora test_ak: L64IrqpTLF4LumtwVppSieihLpQ=",
            "PandoraAdmin 1/0:test_ak:L64IrqpTLF4LumtwVppSieihLpQ=",
            "Qiniu test_ak:L64IrqpTLF4LumtwVppSieihLpQ=",
            "Pandora test_ak:L64IrqpTLF4LumtwVppSieihLpQ==",
            "Pandora test_ak:L64IrqpTLF4LumtwVppSieihLpR",  # differs only in bits that base64 drops
            "Pandora test_ak:L64IrqpTLF4LumtwVppSieihLp",
            "Pandora tést_ak:L64IrqpTLF4LumtwVppSieihLpQ=",
            "Pandora test_ak:L64IrqpTLF4LumtwVppSieihLpÿ=",
            "Pandora test_ak:\udcff",
            "Pandora test_ak:L64IrqpTLF4LumtwVppSieihLpQ=:中",
            "Pandora test_ak:" + "A" * 10_000,
            "Pandora " + "A" * 1_000_000 + ":x",
            "Pandora test_ak\x00:L64IrqpTLF4LumtwVppSieihLpQ=",
        ],
    )
    def test_what_is_not_it(self, value: str) -> None:
        refused(changed(VECTORS["plain"], authorization=value))

    def test_none_at_all(self) -> None:
        refused(changed(VECTORS["plain"], authorization=None))

    def test_both_alphabets_with_and_without_padding(self) -> None:
        for vector in VECTORS.values():
            scheme, *proof = vector.headers["authorization"].split(":")
            plain = ":".join([scheme, proof[0].replace("-", "+").replace("_", "/"), *proof[1:]])
            bare = ":".join([scheme, proof[0].rstrip("="), *proof[1:]])
            assert verify(changed(vector, authorization=plain))
            assert verify(changed(vector, authorization=bare))

    def test_a_nobody_who_guesses_the_stand_in_stays_nobody(self) -> None:
        """An unknown key is checked against a secret too; even its right signature proves nothing."""
        stand_in = pandora._NOBODY.secret.decode("latin-1")
        text = f"GET\n\n\n{DATE}\n/v2/repos".encode()
        mac = base64.urlsafe_b64encode(hmac.digest(stand_in.encode("latin-1"), text, "sha1")).decode()
        refused(request("GET", "/v2/repos", authorization=f"Pandora nobody:{mac}"))


class TestPaths:
    """Some clients sign the decoded path, some the raw one."""

    @staticmethod
    def signed(path: str, decoded: str, raw: str) -> SignedRequest:
        authorization = sign("test_ak", "test_sk", "GET", path, now=NOW)["Authorization"]
        return SignedRequest("GET", decoded, raw, {"date": DATE, "authorization": authorization})

    @pytest.mark.parametrize("path", ["/v2/repos/中文", "/v2/repos/%E4%B8%AD%E6%96%87"])
    def test_either_is_taken(self, path: str) -> None:
        assert verify(self.signed(path, "/v2/repos/中文", "/v2/repos/%E4%B8%AD%E6%96%87"))

    def test_a_decoded_path_is_not_taken_for_the_raw_form_of_another(self) -> None:
        java = self.signed("/v2/repos/%61", "/v2/repos/a", "/v2/repos/%61")
        assert verify(java)
        refused(replace(java, path="/v2/repos/%61", raw_path="/v2/repos/%2561"))

    def test_the_query_is_no_part_of_it(self) -> None:
        headers = [(name.encode(), value.encode()) for name, value in VECTORS["plain"].headers.items()]
        assert verify(SignedRequest.of("GET", "/v2/repos/src", b"/v2/repos/src?withDag=true", headers))
        assert verify(SignedRequest.of("GET", "/v2/repos/src", None, headers))

    def test_a_path_that_cannot_be_encoded(self) -> None:
        broken = "/v2/repos/\udcff"
        headers = {"date": DATE, "authorization": "Pandora test_ak:L64IrqpTLF4LumtwVppSieihLpQ="}
        refused(SignedRequest("GET", broken, "/v2/repos/%FF", headers))


class TestRepeatedHeaders:
    HEADERS = tuple((name.encode(), value.encode()) for name, value in VECTORS["headers"].headers.items())

    @pytest.mark.parametrize(
        "name", [b"authorization", b"date", b"content-md5", b"content-type", b"x-qiniu-zone", b"X-Qiniu-Zone", b"DATE"]
    )
    @pytest.mark.parametrize("first", [True, False])
    def test_a_signed_one_comes_once(self, name: bytes, first: bool) -> None:
        value = dict(self.HEADERS).get(name.lower(), b"x")
        extra = ((name, value), (name, value)) if name == b"content-md5" else ((name, value),)
        with pytest.raises(Problem) as caught:
            headers = (*extra, *self.HEADERS) if first else (*self.HEADERS, *extra)
            SignedRequest.of("POST", "/v2/repos/src/data", None, headers)
        assert (caught.value.kind, caught.value.message) == (Kind.UNAUTHENTICATED, "bad token")

    def test_others_may_repeat(self) -> None:
        repeated = (*self.HEADERS, (b"accept", b"a"), (b"accept", b"b"))
        assert verify(SignedRequest.of("POST", "/v2/repos/src/data", None, repeated))

    def test_bytes_beyond_ascii_are_signed_as_sent(self) -> None:
        """Go puts UTF-8 into headers as it is."""
        sent = "北京".encode()
        text = b"GET\n\n\n" + DATE.encode() + b"\n\nx-qiniu-zone:" + sent + b"/v2/repos"
        mac = base64.urlsafe_b64encode(hmac.digest(b"test_sk", text, "sha1"))
        headers = [(b"Date", DATE.encode()), (b"X-Qiniu-Zone", sent), (b"Authorization", b"Pandora test_ak:" + mac)]
        assert verify(SignedRequest.of("GET", "/v2/repos", b"/v2/repos", headers))


GOOD = {
    "resource": "/v2/repos/src/data",
    "expires": NOW + 60,
    "method": "POST",
    "contentType": "text/plain",
    "contentMD5": "",
    "headers": "",
}


class TestToken:
    @staticmethod
    def with_description(text: bytes, encode: Callable[[bytes], bytes] = base64.urlsafe_b64encode) -> SignedRequest:
        """A request with a token of that text, rightly signed."""
        encoded = encode(text)
        mac = base64.urlsafe_b64encode(hmac.digest(b"test_sk", encoded, "sha1")).decode()
        return changed(VECTORS["token"], authorization=f"Pandora test_ak:{mac}:{encoded.decode('latin-1')}")

    @pytest.mark.parametrize(
        "text",
        [
            json.dumps(GOOD).encode(),
            json.dumps(dict(reversed(GOOD.items())), indent=3).encode(),
            json.dumps(GOOD).replace("/", "\\/").encode(),
            json.dumps(GOOD | {"resource": "/v2/repos/src/data?tags=x"}).encode(),
        ],
        ids=["as is", "other order and spaces", "escaped slashes", "with a query"],
    )
    def test_any_spelling_of_it_is_taken(self, text: bytes) -> None:
        assert verify(self.with_description(text))

    @pytest.mark.parametrize("alphabet", [base64.b64encode, base64.urlsafe_b64encode])
    def test_any_alphabet_is_taken_padded_or_not(self, alphabet: Callable[[bytes], bytes]) -> None:
        for more in ("", " ", "  "):
            text = json.dumps(GOOD | {"headers": "\nx-qiniu-a:>>>???"}).encode() + more.encode()
            for encode in (alphabet, lambda t: alphabet(t).rstrip(b"=")):
                assert verify(changed(self.with_description(text, encode), x_qiniu_a=">>>???"))

    @pytest.mark.parametrize(
        "change",
        [
            {"resource": "/v2/repos/src2/data"},
            {"resource": ""},
            {"resource": 1},
            {"method": "GET"},
            {"method": "post"},
            {"contentType": ""},
            {"contentType": None},
            {"contentMD5": "x"},
            {"headers": "\nx-qiniu-a:1"},
            {"expires": NOW - 1},
            {"expires": -1},
            {"expires": str(NOW + 60)},
            {"expires": NOW + 60.5},
            {"expires": None},
            {"expires": True},
            {"expires": 10**400},
            {"more": 1},
            {"Resource": "/v2/repos/src/data"},
        ],
        ids=str,
    )
    def test_another_request_or_other_types(self, change: dict[str, object]) -> None:
        refused(self.with_description(json.dumps(GOOD | change).encode()))

    @pytest.mark.parametrize("missing", ["resource", "expires", "method"])
    def test_what_must_be_there(self, missing: str) -> None:
        refused(self.with_description(json.dumps({k: v for k, v in GOOD.items() if k != missing}).encode()))

    @pytest.mark.parametrize(
        "text",
        [b"", b"null", b"[]", b'"x"', b"{", b"{}", b"\xff\xfe", b"[" * 3000, b'{"resource":' + b"[" * 3000, b"{}{}"],
    )
    def test_no_such_json(self, text: bytes) -> None:
        refused(self.with_description(text))

    @pytest.mark.parametrize("encoded", [b"!!!!", b"A", b"AAAAA", b"=", b"e30=e30=", b"e 30", b"\xe9\xe9"])
    def test_no_base64(self, encoded: bytes) -> None:
        refused(self.with_description(b"", lambda _: encoded))

    def test_a_huge_one(self) -> None:
        refused(self.with_description(json.dumps(GOOD).encode() + b" " * 1_000_000))

    def test_nothing_that_a_stranger_wrote_is_parsed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def parse(*_: object, **__: object) -> None:
            raise AssertionError("parsed before it was verified")

        monkeypatch.setattr(pandora.msgspec.json, "decode", parse)
        authorization = VECTORS["token"].headers["authorization"]
        refused(changed(VECTORS["token"], authorization=authorization.replace("zhSS", "AAAA")))


class TestConstantTime:
    """No timing is measured: that the compare is the constant-time one, and that nobody costs a signature too, is."""

    @pytest.mark.parametrize("name", ["plain", "token"])
    @pytest.mark.parametrize("access_key", ["test_ak", "nobody"])
    def test_known_and_unknown_keys_do_the_same_work(
        self, monkeypatch: pytest.MonkeyPatch, name: str, access_key: str
    ) -> None:
        def signature(secret: bytes, text: bytes) -> bytes:
            signed.append(text)
            return real_signature(secret, text)

        def compare(a: bytes, b: bytes) -> bool:
            compared.append(a)
            return real_compare(a, b)

        signed: list[bytes] = []
        compared: list[bytes] = []
        real_signature, real_compare = pandora.signature, hmac.compare_digest
        monkeypatch.setattr(pandora, "signature", signature)
        monkeypatch.setattr(pandora.hmac, "compare_digest", compare)
        wrong = VECTORS[name].headers["authorization"].replace("test_ak:", f"{access_key}:A")
        refused(changed(VECTORS[name], authorization=wrong))
        assert (len(signed), len(compared)) == (1, 1)


METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE"])
PATHS = st.text(st.characters(codec="utf-8", exclude_characters="%?"), max_size=30).map(lambda text: f"/{text}")
VALUES = st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=20)
HEADERS = st.dictionaries(
    st.sampled_from(["content-type", "content-md5", "x-qiniu-a", "x-qiniu-b", "x-other"]), VALUES, max_size=5
)


@given(METHODS, PATHS, HEADERS)
def test_what_we_sign_verifies(method: str, path: str, headers: dict[str, str]) -> None:
    signed = sign("test_ak", "test_sk", method, path, headers, now=NOW)
    sent = headers | {name.lower(): value for name, value in signed.items()}
    assert verify(SignedRequest(method, path, path, sent)).name == "test_ak"


@given(METHODS, PATHS, HEADERS, st.data())
def test_what_was_tampered_with_never_verifies(
    method: str, path: str, headers: dict[str, str], data: st.DataObject
) -> None:
    signed = sign("test_ak", "test_sk", method, path, headers, now=NOW)
    sent = headers | {name.lower(): value for name, value in signed.items()}
    part = data.draw(st.sampled_from(["method", "path", "content-type", "content-md5", "x-qiniu-a", "authorization"]))
    if part == "method":
        method = data.draw(METHODS.filter(lambda other: other != method))
    elif part == "path":
        # A path may take over the end of the last signed header: nothing in the scheme divides them. So no such header.
        assume(not any(name.startswith("x-qiniu-") for name in headers))
        path = data.draw(PATHS.filter(lambda other: other != path))
    elif part == "authorization":
        text = sent[part]
        at = data.draw(st.integers(len("Pandora test_ak:"), len(text) - 2))
        letter = data.draw(st.characters(codec="latin-1").filter(lambda c: c not in (text[at], "+", "/", "-", "_")))
        sent[part] = text[:at] + letter + text[at + 1 :]
    else:
        sent[part] = data.draw(VALUES.filter(lambda other: other != headers.get(part, "")))
        assume(sent[part] != "" or part == "x-qiniu-a" or headers.get(part, "") != "")
    refused(SignedRequest(method, path, path, sent))


@given(st.text(max_size=60))
def test_no_authorization_text_breaks_it(text: str) -> None:
    refused(changed(VECTORS["plain"], authorization=text))
    refused(changed(VECTORS["plain"], authorization=f"Pandora test_ak:{text}"))


def test_with_the_real_key_ring(ring: KeyRing) -> None:
    verifier = PandoraVerifier(ring.lookup, lambda: NOW)
    assert verifier.verify(VECTORS["plain"]) == Principal("test_ak", "o", Role.EDITOR, "o")
    ring.revoke("test_ak", by="test").result(30)
    with pytest.raises(Problem, match="bad token"):
        verifier.verify(VECTORS["plain"])
