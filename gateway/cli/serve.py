"""The commands for the gateway itself: serve and check-config."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from gateway.cli import options
from gateway.cli.lines import print_record
from gateway.cli.trouble import Trouble
from gateway.config import Config, ConfigError, load, variables
from gateway.config.certificate import check_authority, load_certificate
from gateway.config.isolation import check_shim, is_sandboxed
from gateway.data_paths import DataPaths
from gateway.plugins import load_dialects, load_engines, load_services

__all__ = ["check_config", "serve"]

_EXISTING = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--config", "file", type=_EXISTING, help="Default: config.toml in the data folder.")
@click.option("--host", help="The address to listen on [127.0.0.1].")
@click.option("--port", type=click.IntRange(0, 65_535), help="The port; 0 takes a free one [9001].")
@click.option("--workers", type=click.IntRange(1, 64), help="How many gateway processes [1].")
@options.data_dir
@options.as_json
def serve(
    *,
    file: Path | None,
    host: str | None,
    port: int | None,
    workers: int | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Serve the gateway until SIGTERM or SIGINT.

    Prints one line when it is ready and where. Runs outlive it: the next start finds them again.
    """
    from gateway.supervisor.main import NotServed  # noqa: PLC0415 - help stays fast
    from gateway.supervisor.main import serve as supervise  # noqa: PLC0415

    given = {"server.host": host, "server.port": port, "server.workers": workers}
    overrides = {key: value for key, value in given.items() if value is not None}

    def tell(url: str, password: Path | None) -> None:
        if as_json:
            where = str(password) if password else None
            print_record({"type": "ready", "server": url, "password_file": where})
        else:
            where = f" (admin password in {password})" if password else ""
            click.echo(f"narthex ready on {url}{where}")
            sys.stdout.flush()

    try:
        supervise(DataPaths.of(data_dir), file, overrides, tell)
    except NotServed as error:
        if str(error):
            raise Trouble(str(error), code=error.status) from error
        sys.exit(error.status)


@click.command("check-config")
@click.argument("file", type=_EXISTING, required=False)
@options.data_dir
@options.as_json
def check_config(file: Path | None, *, data_dir: Path | None, as_json: bool) -> None:
    """Check FILE, or the configuration of the data folder, with the environment over it."""
    paths = DataPaths.of(data_dir)
    path = file or (paths.config if paths.config.exists() else None)
    source, changed = str(path or "the shipped defaults"), variables(os.environ)
    fault = shim = ""
    try:
        shim = _load_all(load(path))
    except ConfigError as error:
        fault = str(error)
    if as_json:
        print_record(
            {
                "type": "config",
                "ok": not fault,
                "source": source,
                "environment": changed,
                "shim": shim or None,
                "error": fault or None,
            }
        )
        sys.exit(1 if fault else 0)
    if fault:
        raise click.ClickException(fault)
    click.echo(f"{', with '.join((source, *changed))}: valid")
    click.echo(f"shim of tasks: {shim}")


def _load_all(config: Config) -> str:
    """Loads the plugins as well: a name that is not installed is a fault of the configuration.

    Returns which shim tasks get here, and why that one.
    """
    load_engines(config)
    load_dialects(config)
    load_services(config)
    is_sandboxed(config)
    shim = check_shim(config)
    load_certificate(config.server)
    check_authority(config.node)
    return shim
