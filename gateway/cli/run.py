"""The command ``run``: code in, its output live, its exit code out."""

from __future__ import annotations

import contextlib
import sys

import click

from gateway.cli import options
from gateway.cli.colour import Colour, colour
from gateway.cli.options import Reach
from gateway.cli.private import private_gateway
from gateway.cli.reach import served_target, target_of
from gateway.cli.task_options import Asked, asking

__all__ = ["run"]


@click.command()
@asking
@options.raw
@colour
@options.tables
@options.as_json
@options.reaching
def run(
    *,
    asked: Asked,
    raw: bool,
    colour: Colour,
    tables: bool | None,
    as_json: bool,
    reach: Reach,
) -> None:
    """Run CODE and print its log live; exit with its exit code.

    It runs on the gateway that is named, else on that of the current context, else on the one that
    serves your data folder, and says which. If there is none a private gateway serves this one run.
    Ctrl-C kills the run; a second Ctrl-C leaves at once.
    """
    with contextlib.ExitStack() as stack:
        target = served_target(reach)
        gateway = stack.enter_context(private_gateway()) if target is None else None
        if target and target.origin and not as_json:
            click.echo(f"narthex: on {target.server} ({target.origin})", err=True)
        from gateway.cli import live  # noqa: PLC0415 - imported while the gateway starts

        printer = live.LinePrinter(as_json=as_json, raw=raw, colour=colour)
        with live.make_screen() as screen:
            watched = live.Watched(asked, tables is not False, private=gateway is not None)
            if gateway:
                target = target_of(Reach(data_dir=gateway.wait()))
            end = live.watch(target or target_of(reach), watched, screen, printer)
    sys.exit(end)
