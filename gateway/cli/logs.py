"""The command ``logs``: what a task printed, so far or as it comes."""

from __future__ import annotations

import click

from gateway.cli import options
from gateway.cli.lines import LinePrinter, print_record
from gateway.cli.options import Reach
from gateway.cli.reach import calling
from gateway.client import Client, End, Gap, Line
from gateway.client.follow import Place

__all__ = ["end_record", "logs"]

_PAGE_LINES = 5000
_PATIENCE_SECONDS = 600.0


@click.command()
@click.argument("task", metavar="ID")
@click.option("--follow", "-f", is_flag=True, help="Go on until the task has ended.")
@click.option(
    "--from-line",
    default=1,
    metavar="N",
    type=click.IntRange(min=1),
    help="Begin at this line; the first is 1.",
)
@options.raw
@options.as_json
@options.reaching
def logs(
    task: str, *, follow: bool, from_line: int, raw: bool, as_json: bool, reach: Reach
) -> None:
    """Print the log of the task ID: its execID or its number.

    Following survives a broken connection and a restart of the gateway; no line is lost or
    printed twice.
    """
    printer = LinePrinter(as_json=as_json, raw=raw)
    with calling(reach, _PATIENCE_SECONDS if follow else 20.0) as client:
        if follow:
            _follow(client, task, from_line, printer, as_json=as_json)
        else:
            _print_pages(client, task, from_line, printer)


def end_record(end: End) -> dict[str, object]:
    """How a task ended, as the wire has it."""
    return {
        "last": end.last,
        "status": end.status,
        "exitCode": end.exit_code,
        "signal": end.signal,
    }


def _follow(client: Client, task: str, line: int, printer: LinePrinter, *, as_json: bool) -> None:
    for batch in client.news(task, line):
        printer.print([item for item in batch if isinstance(item, Line | Gap)])
        for item in batch:
            if isinstance(item, End) and as_json:
                print_record(end_record(item))


def _print_pages(client: Client, task: str, line: int, printer: LinePrinter) -> None:
    """Prints what there is when the command is given; what comes later is for --follow."""
    place = Place(line)
    until = 0
    while True:
        page = client.log(task, place.line, part=place.next_part, size=_PAGE_LINES)
        until = until or page.last
        before = (place.line, place.part)
        place.restarted()
        wanted = (item for item in page.lines if item.number <= until)
        printer.print(place.admit(wanted, page.gaps))
        if page.eof or place.line > until or before == (place.line, place.part):
            return
