"""Options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from penstock.cli.output import plain_errors
from penstock.model.datadir import DataDir
from penstock.server.settings import Settings
from penstock.server.settings_sources import SettingsError, load

DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", help="The data directory [default: $PENSTOCK_DATA_DIR, else ./penstock-data]."),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="The configuration file [default: $PENSTOCK_CONFIG, else penstock.toml]."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def load_settings(data_dir: Path | None, config: Path | None = None, server: dict[str, str] | None = None) -> Settings:
    """The settings in force; `server` are values given on the command line."""
    with plain_errors(SettingsError):
        return load(environ=os.environ, data_dir=data_dir, config=config, overrides={"server": server or {}})


def data_directory(data_dir: Path | None) -> DataDir:
    """The data directory that a command is about."""
    return DataDir(Path(load_settings(data_dir).server.data_dir).absolute())
