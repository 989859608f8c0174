"""Where settings come from, which source wins, and what is said about one that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.server.settings import Settings
from penstock.server.settings_sources import SettingsError, load, variable


@pytest.fixture(autouse=True)
def empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_without_any_source_the_defaults_hold() -> None:
    assert load(environ={}) == Settings()


def test_each_source_wins_over_the_one_before(tmp_path: Path) -> None:
    config = write(tmp_path / "x.toml", "[server]\napi_processes = 3\nlog_level = 'error'\nbacklog = 200")
    environ = {"PENSTOCK_SERVER_API_PROCESSES": "4", "PENSTOCK_SERVER_LOG_LEVEL": "debug"}
    got = load(environ=environ, config=config, overrides={"server": {"api_processes": 5}}).server
    assert (got.api_processes, got.log_level, got.backlog) == (5, "debug", 200)


@pytest.mark.parametrize("place", ["argument", "variable", "data_dir", "data_dir_variable", "working_directory"])
def test_the_file_is_found_where_it_is_said_to_be(tmp_path: Path, place: str) -> None:
    text = "[server]\napi_processes = 7"
    where = {"data_dir": "data", "data_dir_variable": "data", "working_directory": "."}.get(place, "elsewhere")
    file = write(tmp_path / where / "penstock.toml", text)
    environ = {
        "variable": {"PENSTOCK_CONFIG": str(file)},
        "data_dir_variable": {"PENSTOCK_DATA_DIR": str(file.parent)},
    }.get(place, {})
    settings = load(
        environ=environ,
        config=file if place == "argument" else None,
        data_dir=file.parent if place == "data_dir" else None,
    )
    assert settings.server.api_processes == 7


def test_the_data_directory_comes_from_the_option_then_its_variable_then_the_file(tmp_path: Path) -> None:
    config = write(tmp_path / "x.toml", "[server]\ndata_dir = '/from/file'")
    variables = {"PENSTOCK_DATA_DIR": "/from/variable"}
    assert load(environ={}, config=config).server.data_dir == "/from/file"
    assert load(environ=variables, config=config).server.data_dir == "/from/variable"
    assert load(environ=variables, config=config, data_dir=Path("/from/option")).server.data_dir == "/from/option"


@pytest.mark.parametrize(
    ("name", "text", "section", "key", "value"),
    [
        ("PENSTOCK_API_REGIONS", "nb,sh", "api", "regions", ("nb", "sh")),
        ("PENSTOCK_API_REGIONS", '["nb", "a,b"]', "api", "regions", ("nb", "a,b")),
        ("PENSTOCK_API_BODY_TIMEOUT_S", "2.5", "api", "body_timeout_s", 2.5),
        ("PENSTOCK_BUCKETS_STRICT", "true", "buckets", "strict", True),
        ("PENSTOCK_BUCKETS_STRICT", "0", "buckets", "strict", False),
        ("PENSTOCK_SERVER_TIMEZONE", "Europe/Berlin", "server", "timezone", "Europe/Berlin"),
    ],
)
def test_variables_are_read_by_the_type_of_their_setting(
    name: str, text: str, section: str, key: str, value: object
) -> None:
    assert getattr(getattr(load(environ={name: text}), section), key) == value


def test_a_table_in_a_variable_is_json() -> None:
    settings = load(environ={"PENSTOCK_BUCKETS_MAP": '{"logs": {"path": "/srv/logs"}}'})
    assert settings.buckets.map["logs"].path == "/srv/logs"


def test_every_setting_has_a_variable() -> None:
    assert variable("server", "api_processes") == "PENSTOCK_SERVER_API_PROCESSES"


def test_variables_of_others_are_let_be() -> None:
    assert load(environ={"PATH": "/bin", "PENSTOCKS": "x"}) == Settings()


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[server]\napi_proceses = 1", ["x.toml", "server.api_proceses", "did you mean server.api_processes"]),
        ("[servr]\nlisten = 'x'", ["[servr]", "did you mean server"]),
        ("listen = 'x'", ["listen is not a section"]),
        ("[server]\napi_processes = 0", ["server.api_processes = 0", "a whole number, at least 1, at most 64"]),
        ("[server]\napi_processes = 'two'", ["server.api_processes = 'two'", "whole number"]),
        ("[server]\nlog_format = 'xml'", ["server.log_format = 'xml'", "console, json"]),
        ("[server]\ntimezone = 'Mars'", ["timezone 'Mars'", "Asia/Shanghai"]),
        ("[server]\nlisten = '7758'", ["listen '7758'", "host:port"]),
        ("[server]\ntls_cert = 'c.pem'", ["tls_cert and tls_key must be given together"]),
        ("[buckets.map.x]\nsecret_key = 5", ["buckets.map", "is not allowed"]),
        ("[server", ["x.toml is not TOML"]),
    ],
)
def test_a_wrong_file_is_refused_with_the_key_the_value_and_the_remedy(
    tmp_path: Path, toml: str, said: list[str]
) -> None:
    with pytest.raises(SettingsError) as refused:
        load(environ={}, config=write(tmp_path / "x.toml", toml))
    assert all(part in str(refused.value) for part in said), refused.value


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("PENSTOCK_SERVER_LISTN", "x", "did you mean PENSTOCK_SERVER_LISTEN"),
        ("PENSTOCK_DATADIR", "x", "did you mean PENSTOCK_DATA_DIR"),
        ("PENSTOCK_SERVER_API_PROCESSES", "many", "PENSTOCK_SERVER_API_PROCESSES = 'many' is not allowed"),
        ("PENSTOCK_BUCKETS_MAP", "{", "PENSTOCK_BUCKETS_MAP"),
    ],
)
def test_a_wrong_variable_is_refused_by_its_name(name: str, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load(environ={name: text})


def test_a_file_that_is_named_but_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read the configuration file"):
        load(environ={}, config=tmp_path / "no.toml")
