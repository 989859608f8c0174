"""`penstock backup` and `penstock restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from penstock.cli.options import DataDirOption, JsonOption, data_directory
from penstock.cli.output import plain_errors, report


def backup(
    target: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    buckets: Annotated[bool, typer.Option(help="Take the exported files in local buckets too.")] = True,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the data directory as it is at one moment, also while the server runs. Files are linked where the file
    system can do that."""
    from penstock.catalog.format import Unusable
    from penstock.log.interface import CorruptLog
    from penstock.server.backup import Backup
    from penstock.server.manifest import BackupRefused

    with plain_errors(Unusable, BackupRefused, CorruptLog):
        manifest = Backup(data_directory(data_dir), target.absolute(), buckets=buckets).make()
    shown = {"target": str(target), "cut_at": manifest.cut_at, "files": len(manifest.files), "bytes": manifest.size}
    line = f"{target}: {len(manifest.files)} files, {manifest.size:,} bytes, as of {manifest.cut_at}"
    report(shown, as_json, lambda: print(line))


def restore(
    source: Annotated[Path, typer.Argument(help="A backup.")],
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a data directory from a backup and check every file. The directory must be new or empty."""
    from penstock.server.manifest import BackupRefused
    from penstock.server.restore import restore as run

    data = data_directory(data_dir)
    with plain_errors(BackupRefused):
        manifest = run(source.absolute(), data.root)
    shown = {"data_dir": str(data.root), "cut_at": manifest.cut_at, "files": len(manifest.files)}
    line = f"{data.root}: {len(manifest.files)} files restored, as of {manifest.cut_at}; start it with `penstock serve`"
    report(shown, as_json, lambda: print(line))
