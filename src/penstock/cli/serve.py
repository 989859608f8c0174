"""`penstock serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from penstock.cli.options import ConfigOption, DataDirOption, load_settings
from penstock.server.serve import serve as run


def serve(
    data_dir: DataDirOption = None,
    listen: Annotated[str | None, typer.Option(help="host:port to listen on; port 0 takes a free one.")] = None,
    config: ConfigOption = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain (PEM): speak HTTPS.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Private key of the certificate (PEM).")] = None,
) -> None:
    """Run the server until SIGTERM or ^C."""
    given = {"listen": listen, "tls_cert": tls_cert, "tls_key": tls_key}
    run(load_settings(data_dir, config, {name: str(value) for name, value in given.items() if value is not None}))
