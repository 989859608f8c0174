"""Reads settings from their sources, and says exactly what is wrong with one that is not right."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_origin, get_type_hints

import msgspec

from penstock.log.files import SYNC_DELAY
from penstock.model.crashpoint import ENVIRONMENT as CRASH_AT
from penstock.server.secrets import is_secret
from penstock.server.settings import Settings
from penstock.server.settings_reference import allowed

FILE = "penstock.toml"
PREFIX = "PENSTOCK_"
CONTROLS = {
    "PENSTOCK_DATA_DIR": "the data directory, for every command (as --data-dir)",
    "PENSTOCK_CONFIG": "the configuration file (as --config)",
    CRASH_AT: "tests only: where a process kills itself",
    SYNC_DELAY: "measuring only: milliseconds added to every sync of the log's files",
}
"""Variables of our prefix that are no settings of a section."""


class SettingsError(Exception):
    """A setting that is unknown or not allowed; the message names the key, the value and the remedy."""


@dataclass(frozen=True, slots=True)
class Layer:
    """The values of one source: `{section: {name: value}}`; `textual` ones are read by the setting's type."""

    where: str
    values: Mapping[str, Mapping[str, Any]]
    textual: bool = False
    names: Mapping[tuple[str, str], str] = field(default_factory=dict)


def load(
    *,
    environ: Mapping[str, str],
    data_dir: Path | None = None,
    config: Path | None = None,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
) -> Settings:
    """The settings in force. `data_dir`, `config` and `overrides` come from the command line. The file is `config`,
    else $PENSTOCK_CONFIG, else penstock.toml in the data directory or the working directory. Raises SettingsError."""
    given = data_dir or (Path(environ["PENSTOCK_DATA_DIR"]) if environ.get("PENSTOCK_DATA_DIR") else None)
    named = config or (Path(environ["PENSTOCK_CONFIG"]) if environ.get("PENSTOCK_CONFIG") else None)
    layers = []
    if file := _find_file(named, given):
        layers.append(_file_layer(file))
    layers.append(_environment_layer(environ))
    command_line = {section: dict(values) for section, values in (overrides or {}).items()}
    if given is not None:
        command_line.setdefault("server", {})["data_dir"] = str(given)
    layers.append(Layer("the command line", command_line))
    return _build(layers)


def _find_file(named: Path | None, data_dir: Path | None) -> Path | None:
    if named is not None:
        return named
    default = Path(Settings().server.data_dir)
    return next((p for p in ((data_dir or default) / FILE, Path(FILE)) if p.is_file()), None)


def _file_layer(file: Path) -> Layer:
    try:
        values = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read the configuration file {file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not TOML: {error}") from None
    for section, inner in values.items():
        if not isinstance(inner, dict):
            raise SettingsError(f"{file}: {section} is not a section: write it under one, such as [server]")
    return Layer(str(file), values)


def _environment_layer(environ: Mapping[str, str]) -> Layer:
    known = {variable(section, name): (section, name) for section, name in keys()}
    values: dict[str, dict[str, str]] = {}
    names: dict[tuple[str, str], str] = {}
    for name, text in environ.items():
        if not name.startswith(PREFIX) or name in CONTROLS:
            continue
        if name not in known:
            raise SettingsError(f"environment: {name} is not a setting{_nearest(name, [*known, *CONTROLS])}")
        section, key = known[name]
        values.setdefault(section, {})[key] = text
        names[section, key] = name
    return Layer("environment", values, textual=True, names=names)


def keys() -> list[tuple[str, str]]:
    """(section, name) of every setting, in the order of the tree."""
    return [(s.name, f.name) for s in msgspec.structs.fields(Settings) for f in msgspec.structs.fields(s.type)]


def variable(section: str, name: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{section}_{name}".upper()


def _build(layers: list[Layer]) -> Settings:
    sections = {f.name: f.type for f in msgspec.structs.fields(Settings)}
    merged: dict[str, dict[str, Any]] = {name: {} for name in sections}
    for layer in layers:
        for section, values in layer.values.items():
            if section not in sections:
                raise SettingsError(f"{layer.where}: [{section}] is not a section{_nearest(section, list(sections))}")
            types = get_type_hints(sections[section], include_extras=True)
            for name, value in values.items():
                if name not in types:
                    known = [f"{s}.{n}" for s, n in keys()]
                    hint = _nearest(f"{section}.{name}", known)
                    raise SettingsError(f"{layer.where}: {section}.{name} is not a setting{hint}")
                merged[section][name] = _convert(layer, section, name, value, types[name])
    built = {}
    for section, kind in sections.items():
        try:
            built[section] = kind(**merged[section])
        except (ValueError, TypeError) as error:
            raise SettingsError(f"[{section}]: {error}") from None
    return Settings(**built)


def _convert(layer: Layer, section: str, name: str, value: Any, kind: Any) -> Any:
    try:
        return _from_text(value, kind) if layer.textual else msgspec.convert(value, kind)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        key = layer.names.get((section, name), f"{section}.{name}")
        shown = "(not shown)" if is_secret(name) else repr(value)
        detail = str(error)[:1].lower() + str(error)[1:]
        raise SettingsError(
            f"{layer.where}: {key} = {shown} is not allowed: it must be {allowed(kind)} ({detail})"
        ) from None


def _from_text(text: str, kind: Any) -> Any:
    """A value written as text: lists by commas, anything else with inner structure as JSON."""
    origin = get_origin(kind)
    if origin in (tuple, list) and not text.lstrip().startswith("["):
        return msgspec.convert([part.strip() for part in text.split(",") if part.strip()], kind, strict=False)
    if text.lstrip().startswith(("[", "{")) and kind is not str:
        return msgspec.json.decode(text, type=kind)
    return msgspec.convert(text, kind, strict=False)


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f"; did you mean {close[0]}?" if close else "; see `penstock settings`"
