"""Keys: issued, looked up, revoked in every process at once; the first admin."""

from __future__ import annotations

import json
import stat

import pytest

from catalog.children import Child
from penstock.auth.keyring import DEFAULT_OWNER, KeyPair, KeyRing, ensure_admin, read_admin_key
from penstock.auth.secrets import SecretBox, SecretsUnreadable
from penstock.catalog import audit
from penstock.catalog.database import Catalog
from penstock.model.access import Role
from penstock.model.datadir import DataDir
from penstock.model.errors import Kind, Problem


def test_a_key_is_found_with_whom_it_speaks_for(ring: KeyRing) -> None:
    key = ring.lookup("test_ak")
    assert key
    assert key.secret == b"test_sk"
    assert (key.principal.name, key.principal.owner, key.principal.home) == ("test_ak", "o", "o")
    assert key.principal.role is Role.EDITOR


@pytest.mark.parametrize(
    "unknown", ["", "nope", "TEST_AK", "test_ak ", "é", "a\x00", "\udcff", "x" * 5000, "' OR 1=1 --"]
)
def test_an_unknown_key_is_none(ring: KeyRing, unknown: str) -> None:
    assert ring.lookup(unknown) is None


def test_generated_pairs_are_long_and_never_alike(ring: KeyRing) -> None:
    pairs = [ring.add("o", Role.VIEWER, by="test").result(30) for _ in range(5)]
    texts = {text for pair in pairs for text in (pair.access_key, pair.secret_key)}
    assert len(texts) == 10
    assert all(len(text) == 40 and text.isascii() and text.isalnum() for text in texts)
    key = ring.lookup(pairs[0].access_key)
    assert key
    assert key.secret.decode() == pairs[0].secret_key


@pytest.mark.parametrize(
    ("access_key", "secret_key"),
    [("", "s"), ("a:b", "s"), ("a b", "s"), ("é", "s"), ("x" * 129, "s"), ("a\n", "s"), ("ak", ""), ("ak", "a b")],
)
def test_illegal_pairs_are_refused_without_showing_them(ring: KeyRing, access_key: str, secret_key: str) -> None:
    with pytest.raises(Problem, match="must match") as caught:
        ring.add("o", Role.VIEWER, by="test", access_key=access_key, secret_key=secret_key)
    assert caught.value.kind is Kind.PARAMETER_INVALID


def test_an_access_key_is_given_out_once(ring: KeyRing) -> None:
    with pytest.raises(Problem, match="exists already"):
        ring.add("o", Role.VIEWER, by="test", access_key="test_ak").result(30)
    ring.revoke("test_ak", by="test").result(30)
    with pytest.raises(Problem, match="exists already"):
        ring.add("o", Role.VIEWER, by="test", access_key="test_ak").result(30)


def test_revoking_what_is_not_there(ring: KeyRing) -> None:
    with pytest.raises(Problem, match="no access key 'nope'"):
        ring.revoke("nope", by="test")


def test_keys_come_and_go_at_once_in_every_process(ring: KeyRing, data: DataDir) -> None:
    with Child(data) as other:
        assert other.ask("accepts", "test_ak")
        assert not other.ask("accepts", "later")
        ring.add("o", Role.VIEWER, by="test", access_key="later").result(30)
        assert other.ask("accepts", "later")
        ring.revoke("test_ak", by="test").result(30)
        assert not other.ask("accepts", "test_ak")
        assert ring.lookup("test_ak") is None


def test_issue_and_revocation_are_audited_without_the_secret(ring: KeyRing, catalog: Catalog) -> None:
    ring.revoke("test_ak", by="somebody", request_id="r1").result(30)
    rows = catalog.read(lambda conn: audit.list_of(conn, "o"))
    assert [(r.action, r.object, r.principal) for r in rows] == [
        ("key.revoke", "key/test_ak", "somebody"),
        ("key.add", "key/test_ak", "test"),
    ]
    assert "test_sk" not in repr(rows)


def test_secrets_are_neither_stored_nor_shown_in_clear(ring: KeyRing, catalog: Catalog, data: DataDir) -> None:
    pair = ring.add("o", Role.ADMIN, by="test", secret_key="hunter2hunter2").result(30)
    assert "hunter2" not in repr(pair) + str(pair) + repr(ring.list_of()) + repr(ring.lookup(pair.access_key))
    catalog.close()
    for path in data.root.iterdir():
        assert b"hunter2" not in path.read_bytes()


def test_lists_show_all_or_one_owners(ring: KeyRing) -> None:
    ring.add("other", Role.VIEWER, by="test", access_key="second", label="for the agent").result(30)
    assert [k.access_key for k in ring.list_of()] == ["test_ak", "second"]
    [only] = ring.list_of("other")
    assert (only.label, only.role) == ("for the agent", Role.VIEWER)


def test_a_wrong_or_missing_key_file_is_found_at_the_start(ring: KeyRing, catalog: Catalog, data: DataDir) -> None:
    data.secret_key.unlink()
    with pytest.raises(SecretsUnreadable, match="is missing"):
        KeyRing(catalog, SecretBox.of(data))
    other = SecretBox.of(data)
    other.seal("x", "x")
    with pytest.raises(SecretsUnreadable, match="same backup"):
        KeyRing(catalog, other)


class TestFirstAdmin:
    @pytest.fixture
    def ring(self, catalog: Catalog, data: DataDir) -> KeyRing:
        return KeyRing(catalog, SecretBox.of(data))

    def test_it_is_made_once_and_written_for_its_user_alone(
        self, ring: KeyRing, catalog: Catalog, data: DataDir
    ) -> None:
        made = ensure_admin(ring, catalog, data)
        assert made
        assert ensure_admin(ring, catalog, data) is None
        assert read_admin_key(data) == made
        assert json.loads(data.admin_key.read_text()) == {
            "access_key": made.access_key,
            "secret_key": made.secret_key,
        }
        assert stat.S_IMODE(data.admin_key.stat().st_mode) == 0o600
        key = ring.lookup(made.access_key)
        assert key
        assert (key.principal.owner, key.principal.role) == (DEFAULT_OWNER, Role.ADMIN)

    def test_none_is_made_where_an_admin_was_added_before(self, ring: KeyRing, catalog: Catalog, data: DataDir) -> None:
        ring.add(DEFAULT_OWNER, Role.EDITOR, by="test").result(30)
        ring.add("other", Role.ADMIN, by="test").result(30)
        assert ensure_admin(ring, catalog, data)
        for key in ring.list_of(DEFAULT_OWNER):
            ring.revoke(key.access_key, by="test").result(30)
        data.admin_key.unlink()
        ring.add(DEFAULT_OWNER, Role.ADMIN, by="test").result(30)
        assert ensure_admin(ring, catalog, data) is None
        assert read_admin_key(data) is None

    def test_a_new_one_is_made_when_all_admins_are_revoked(
        self, ring: KeyRing, catalog: Catalog, data: DataDir
    ) -> None:
        first = ensure_admin(ring, catalog, data)
        assert first
        ring.revoke(first.access_key, by="test").result(30)
        second = ensure_admin(ring, catalog, data)
        assert second
        assert second.access_key != first.access_key
        assert read_admin_key(data) == second

    @pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"access_key": 1, "secret_key": "x"}'])
    def test_a_broken_file_is_replaced(self, ring: KeyRing, catalog: Catalog, data: DataDir, content: bytes) -> None:
        data.admin_key.write_bytes(content)
        assert read_admin_key(data) is None
        made = ensure_admin(ring, catalog, data)
        assert isinstance(made, KeyPair)
        assert read_admin_key(data) == made
