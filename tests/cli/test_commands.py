"""The commands, as a shell sees them: exit status, standard output, one line on standard error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from penstock import __version__
from penstock.catalog.database import Catalog
from penstock.model.datadir import DataDir


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def penstock(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")} | variables
    command = [sys.executable, "-m", "penstock", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environ, check=False)


def answer(*arguments: str | Path, **variables: str) -> Any:
    """The JSON of a command that succeeds."""
    done = penstock(*arguments, "--json", **variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(*arguments: str | Path, **variables: str) -> str:
    """The line of a command that fails."""
    done = penstock(*arguments, **variables)
    assert done.returncode == 1, (done.stdout, done.stderr)
    line, end = done.stderr.split("\n", 1)
    assert end == "" and line.startswith("penstock: "), done.stderr
    return line


def test_version() -> None:
    assert penstock("version").stdout == f"{__version__}\n"
    assert answer("version") == {"version": __version__}


def test_keys_work_before_the_first_start(data_dir: Path) -> None:
    given = ("--access-key", "ak_mine", "--secret-key", "mine-secret")
    added = answer("keys", "add", *given, "--role", "admin", "--label", "for tests", "--data-dir", data_dir)
    assert added == {"access_key": "ak_mine", "secret_key": "mine-secret", "owner": "default", "role": "admin"}
    (key,) = answer("keys", "list", "--data-dir", data_dir)
    assert (key["access_key"], key["role"], key["label"], key["revoked"]) == ("ak_mine", "admin", "for tests", "")
    gone = answer("keys", "revoke", "ak_mine", "--data-dir", data_dir)
    assert gone["revoked"]
    assert answer("keys", "list", "--data-dir", data_dir)[0]["revoked"] == gone["revoked"]


def test_what_is_not_given_is_generated_and_shown_once(data_dir: Path) -> None:
    shown = penstock("keys", "add", "--owner", "lab", "--data-dir", data_dir)
    assert shown.returncode == 0
    access, secret = (line.split()[-1] for line in shown.stdout.splitlines()[:2])
    assert len(access) == len(secret) == 40
    listed = penstock("keys", "list", "--data-dir", data_dir, COLUMNS="200")
    assert access in listed.stdout and secret not in listed.stdout
    assert answer("keys", "list", "--owner", "nobody", "--data-dir", data_dir) == []


def test_a_key_is_never_given_out_twice(data_dir: Path) -> None:
    penstock("keys", "add", "--access-key", "ak", "--data-dir", data_dir)
    penstock("keys", "revoke", "ak", "--data-dir", data_dir)
    assert "exists already" in refused("keys", "add", "--access-key", "ak", "--data-dir", data_dir)
    assert "no access key" in refused("keys", "revoke", "other", "--data-dir", data_dir)


def test_owners_and_grants(data_dir: Path) -> None:
    assert answer("owners", "add", "lab", "--name", "The lab", "--data-dir", data_dir)["name"] == "The lab"
    answer("owners", "add", "guest", "--data-dir", data_dir)
    granted = answer("owners", "grant", "lab", "guest", "--role", "viewer", "--data-dir", data_dir)
    assert granted == {"owner": "lab", "grantee": "guest", "role": "viewer"}
    owners = {owner["id"]: owner["grants"] for owner in answer("owners", "list", "--data-dir", data_dir)}
    assert owners == {"lab": [granted], "guest": []}
    assert answer("owners", "revoke", "lab", "guest", "--data-dir", data_dir)["revoked"] is True
    assert answer("owners", "revoke", "lab", "guest", "--data-dir", data_dir)["revoked"] is False
    assert "nobody" in refused("owners", "grant", "lab", "nobody", "--data-dir", data_dir)
    assert "lab" in penstock("owners", "list", "--data-dir", data_dir).stdout


def test_changes_are_audited_with_the_local_user(data_dir: Path) -> None:
    from penstock.catalog import audit

    penstock("keys", "add", "--access-key", "ak", "--data-dir", data_dir)
    with Catalog.open(DataDir(data_dir)) as catalog:
        (entry,) = catalog.read(lambda conn: audit.list_of(conn, "default"))
    assert (entry.action, entry.object) == ("key.add", "key/ak")
    assert entry.principal.startswith("local command (")


def test_the_data_directory_may_come_from_the_environment(data_dir: Path) -> None:
    penstock("keys", "add", "--access-key", "ak", PENSTOCK_DATA_DIR=str(data_dir))
    assert [key["access_key"] for key in answer("keys", "list", "--data-dir", data_dir)] == ["ak"]


def test_settings_show_the_value_in_force_and_hide_secrets(tmp_path: Path) -> None:
    config = tmp_path / "x.toml"
    config.write_text(
        "[server]\napi_processes = 5\n"
        "[buckets.map.b]\nbucket = 'far'\naccess_key = 'ak'\nsecret_key = 'hush'\nendpoint = 'https://s3.example'\n"
    )
    settings = answer("settings", "--config", config)
    assert settings["server.api_processes"] == {
        "value": 5,
        "default": 2,
        "allowed": "a whole number, at least 1, at most 64",
        "about": "Processes that answer HTTP.",
    }
    assert settings["buckets.map"]["value"]["b"]["secret_key"] == "******"
    for done in (penstock("settings", "--config", config), penstock("settings", "--json", "--config", config)):
        assert "hush" not in done.stdout
    assert penstock("settings", "--markdown").stdout.startswith("# Settings\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serve", "--listen", "nowhere"], "listen 'nowhere'"),
        (["serve", "--tls-cert", "c.pem"], "tls_cert and tls_key must be given together"),
        (["serve", "--config", "missing.toml"], "missing.toml"),
        (["keys", "list", "--data-dir", "missing"], "missing"),
        (["doctor", "--data-dir", "missing"], "there is no such directory"),
        (["backup", "target", "--data-dir", "missing"], "is not a data directory"),
        (["restore", "missing"], "is no backup"),
    ],
)
def test_what_is_wrong_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in refused(*arguments)


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    line = refused("keys", "list", "--data-dir", tmp_path, PENSTOCK_SERVER_LISTN="x")
    assert line == "penstock: environment: PENSTOCK_SERVER_LISTN is not a setting; did you mean PENSTOCK_SERVER_LISTEN?"


def test_wrong_usage_is_status_2_with_a_hint() -> None:
    done = penstock("keys", "ad")
    assert done.returncode == 2 and "No such command 'ad'" in done.stderr


def test_the_audit_trail_tells_who_did_what_and_no_secret(data_dir: Path) -> None:
    answer("keys", "add", "--access-key", "ak", "--secret-key", "sk-not-to-be-seen", "--data-dir", data_dir)
    answer("keys", "revoke", "ak", "--data-dir", data_dir)
    newest, oldest = answer("audit", "--data-dir", data_dir)
    assert (newest["object"], newest["principal"][:13], newest["owner"]) == ("key/ak", "local command", "default")
    assert newest["action"] != oldest["action"] and newest["id"] > oldest["id"]
    assert answer("audit", "--before", str(newest["id"]), "--data-dir", data_dir) == [oldest]
    shown = penstock("audit", "--data-dir", data_dir, COLUMNS="200").stdout
    assert "key/ak" in shown and "sk-not-to-be-seen" not in shown
