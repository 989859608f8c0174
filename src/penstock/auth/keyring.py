"""Access keys: issue, revoke, list, and look up at every request."""

from __future__ import annotations

import re
import secrets
import string
from concurrent.futures import Future
from dataclasses import dataclass, field

import msgspec
from sqlalchemy import Connection

from penstock.auth.principal import Principal
from penstock.auth.secrets import SecretBox
from penstock.catalog import keys, owners
from penstock.catalog.audit import AuditEntry
from penstock.catalog.cache import CatalogCache
from penstock.catalog.database import Catalog
from penstock.catalog.keys import StoredKey
from penstock.model.access import Role
from penstock.model.crashpoint import crashpoint
from penstock.model.datadir import DataDir
from penstock.model.durable import write_durable
from penstock.model.errors import Kind, Problem

DEFAULT_OWNER = "default"
"""The owner of the first key."""
ACCESS_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")
SECRET_KEY = re.compile(r"[!-~]{1,256}")
_GENERATED_CHARS = 40
_ALPHABET = string.ascii_letters + string.digits  # no `-`: a key must not look like an option


@dataclass(frozen=True, slots=True)
class Key:
    """A key that may be used: who it speaks for, and the secret to check signatures with."""

    principal: Principal
    secret: bytes = field(repr=False)


class KeyPair(msgspec.Struct, frozen=True):
    """An access key and its secret, in clear, for the one who is to use it; also the content of `admin.json`."""

    access_key: str
    secret_key: str

    def __repr__(self) -> str:
        return f"KeyPair(access_key={self.access_key!r}, secret_key=***)"


class KeyRing:
    """The keys of a catalog. Makes a point of opening one stored secret at once, so that a wrong key file is found at
    the start and not at the first request: raises SecretsUnreadable."""

    def __init__(self, catalog: Catalog, box: SecretBox) -> None:
        self._catalog = catalog
        self._box = box
        self._usable: CatalogCache[str, Key | None] = CatalogCache(catalog, self._load)
        newest = catalog.read(keys.newest)
        if newest is not None:
            box.open(newest.sealed_secret, newest.access_key)

    def lookup(self, access_key: str) -> Key | None:
        """The key, unless it is unknown or revoked, in any process, before this call. Takes microseconds."""
        return self._usable.get(access_key) if ACCESS_KEY.fullmatch(access_key) else None

    def add(
        self,
        owner: str,
        role: Role,
        *,
        by: str,
        label: str = "",
        access_key: str | None = None,
        secret_key: str | None = None,
        request_id: str = "",
    ) -> Future[KeyPair]:
        """A new key of the owner, who is made if new. What is not given is generated (40 letters and digits). `by` is
        who issues it, for the audit trail. Raises Problem(PARAMETER_INVALID) for illegal values; the future fails with
        it when the access key exists, or existed."""
        pair = KeyPair(
            _legal(_generate() if access_key is None else access_key, ACCESS_KEY, "access key"),
            _legal(_generate() if secret_key is None else secret_key, SECRET_KEY, "secret key"),
        )
        draft = StoredKey(
            access_key=pair.access_key,
            owner=owner,
            sealed_secret=self._box.seal(pair.secret_key, pair.access_key),
            role=role,
            label=label,
        )

        def issue(conn: Connection) -> KeyPair:
            owners.ensure(conn, owner)
            keys.create(conn, draft)
            return pair

        return self._catalog.change(
            AuditEntry(
                owner=owner,
                principal=by,
                action="key.add",
                object=f"key/{pair.access_key}",
                request_id=request_id,
                detail={"role": role, "label": label},
            ),
            issue,
        )

    def list_of(self, owner: str | None = None) -> list[StoredKey]:
        """The keys of one owner, or of all, revoked ones too."""
        return self._catalog.read(lambda conn: keys.list_all(conn, owner))

    def revoke(self, access_key: str, *, by: str, request_id: str = "") -> Future[StoredKey]:
        """From the moment the future resolves no process takes this key. Raises Problem(PARAMETER_INVALID) when there
        is none."""
        found = self._catalog.read(lambda conn: keys.get(conn, access_key))
        entry = AuditEntry(
            owner=found.owner, principal=by, action="key.revoke", object=f"key/{access_key}", request_id=request_id
        )
        return self._catalog.change(entry, lambda conn: keys.revoke(conn, access_key))

    def _load(self, conn: Connection, access_key: str) -> Key | None:
        stored = keys.find(conn, access_key)
        if stored is None or stored.revoked_at_us is not None:
            return None
        principal = Principal(name=stored.access_key, owner=stored.owner, role=stored.role, home=stored.owner)
        return Key(principal, self._box.open(stored.sealed_secret, stored.access_key).encode())


def ensure_admin(ring: KeyRing, catalog: Catalog, data: DataDir) -> KeyPair | None:
    """Make the default owner's admin key and write it to `data.admin_key` (0600), unless that owner has an admin key
    that is not revoked. Returns it only when it is new, to be shown once. The file is written first: after a crash in
    between, its key is the one that is added."""
    if catalog.read(lambda conn: keys.has_admin(conn, DEFAULT_OWNER)):
        return None
    pair = read_admin_key(data)
    used = {key.access_key for key in ring.list_of()}
    if pair is None or pair.access_key in used:
        pair = KeyPair(_generate(), _generate())
        write_durable(data.admin_key, msgspec.json.format(msgspec.json.encode(pair)) + b"\n", mode=0o600)
    crashpoint("auth.admin.written")
    added = ring.add(
        DEFAULT_OWNER,
        Role.ADMIN,
        by="first start",
        label="first admin",
        access_key=pair.access_key,
        secret_key=pair.secret_key,
    )
    return added.result()


def read_admin_key(data: DataDir) -> KeyPair | None:
    """The first admin's key pair, for commands on the same machine; None when no such file holds one."""
    try:
        return msgspec.json.decode(data.admin_key.read_bytes(), type=KeyPair)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _generate() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_GENERATED_CHARS))


def _legal(text: str, rule: re.Pattern[str], noun: str) -> str:
    if rule.fullmatch(text) is None:
        raise Problem(Kind.PARAMETER_INVALID, f"this is not a legal {noun}: it must match ^{rule.pattern}$")
    return text
