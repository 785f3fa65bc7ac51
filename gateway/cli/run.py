"""The command ``run``: code in, its output live, its exit code out."""

from __future__ import annotations

import contextlib
import sys
from typing import IO

import click

from gateway.cli import options
from gateway.cli.options import Reach
from gateway.cli.private import private_gateway

__all__ = ["run"]


@click.command()
@options.source
@options.engine
@options.raw
@options.as_json
@options.reaching
def run(
    code: str | None,
    file: IO[str] | None,
    *,
    engine: str,
    lang: str,
    session: str,
    raw: bool,
    as_json: bool,
    reach: Reach,
) -> None:
    """Run CODE and print its log live; exit with its exit code.

    Without --server, NARTHEX_SERVER or --data-dir a private gateway serves this one run. Ctrl-C
    kills the run.
    """
    text = options.given_code(code, file)
    with contextlib.ExitStack() as stack:
        gateway = None
        if not reach.server and not reach.data_dir:
            gateway = stack.enter_context(private_gateway())
        from gateway.cli import live  # noqa: PLC0415 - imported while the gateway starts

        with live.make_screen() as screen:
            if gateway:
                reach = Reach(None, None, gateway.wait())
            watched = live.Watched(text, engine, lang, session)
            end = live.watch(reach, watched, screen, live.LinePrinter(as_json=as_json, raw=raw))
    sys.exit(end)
