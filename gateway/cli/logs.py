"""The command ``logs``: what a task printed, so far and as it comes."""

from __future__ import annotations

import sys

import click

from gateway.cli import options
from gateway.cli.colour import Colour, colour
from gateway.cli.lines import LinePrinter, print_record
from gateway.cli.moments import Moment
from gateway.cli.names import meant, task_argument
from gateway.cli.options import Reach
from gateway.cli.reach import calling
from gateway.cli.records import end_record
from gateway.cli.result_tables import show_tables
from gateway.client.follow import Place
from gateway.client.sync import Client
from gateway.client.values import End, Partial
from protocol.logs import Gap, Line, Stream

__all__ = ["logs"]

_PAGE_LINES = 5000
_PATIENCE_SECONDS = 600.0
_WAIT_SECONDS = 20.0


class _Logs(click.Command):
    """Knows a letter of other programs, which has another meaning here."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click has it."""
        if "-f" in args:
            ctx.fail("-f is for files: logs follows by itself, and --no-follow keeps it from that")
        return super().parse_args(ctx, args)


@click.command(cls=_Logs)
@task_argument
@click.option(
    "--follow/--no-follow",
    "-F/",
    default=True,
    help="Go on until the task has ended, or print what there is. Default: go on.",
)
@click.option(
    "--from-line", metavar="N", type=click.IntRange(min=1), help="Begin at this line, from 1."
)
@click.option(
    "--tail", "-n", metavar="N", type=click.IntRange(min=0), help="Begin with the last N lines."
)
@click.option(
    "--since",
    type=Moment(ahead=False),
    metavar="TIME",
    help="Begin with the first line since then: 10m (ago), 18:30 or an ISO 8601 time.",
)
@click.option("--timestamps", "-t", is_flag=True, help="Print the time of each line before it.")
@click.option("--stdout", "out", is_flag=True, help="Print stdout alone.")
@click.option("--stderr", "err", is_flag=True, help="Print stderr alone.")
@click.option(
    "--raw", is_flag=True, help="Print the bytes to the letter, those of stdout before stderr."
)
@colour
@options.tables
@options.as_json
@options.reaching
def logs(  # noqa: PLR0913 - one for each option
    task: str,
    *,
    follow: bool,
    from_line: int | None,
    tail: int | None,
    since: int | None,
    timestamps: bool,
    out: bool,
    err: bool,
    raw: bool,
    colour: Colour,
    tables: bool | None,
    as_json: bool,
    reach: Reach,
) -> None:
    """Print the log of the task ID: its number, its execID or its name.

    Following survives a broken connection and a restart of the gateway; no line is lost or
    printed twice. Tables of a task that has ended are shown on a terminal; in a pipe there is the
    log alone, unless --tables is given.
    """
    if sum(one is not None for one in (from_line, tail, since)) > 1:
        raise click.UsageError("give one of --from-line, --tail and --since")
    if raw and (as_json or timestamps or from_line or tail is not None or since is not None):
        raise click.UsageError("--raw is the bytes from the first to the last, and nothing else")
    streams = [one for one, want in ((Stream.OUT, out), (Stream.ERR, err)) if want or out == err]
    only = streams[0] if len(streams) == 1 else None
    printer = LinePrinter(as_json=as_json, colour=colour, stamps=timestamps, only=only)
    with calling(reach, _PATIENCE_SECONDS if follow else _WAIT_SECONDS) as client:
        task = meant(client, task)
        if raw:
            _print_bytes(client, task, streams, follow=follow)
            return
        line = from_line or _beginning(client, task, tail, since)
        if follow:
            _follow(client, task, line, printer, as_json=as_json)
            ended = True
        else:
            ended = _print_pages(client, task, line, printer)
        if ended and (sys.stdout.isatty() or as_json if tables is None else tables):
            show_tables(client, task, as_json=as_json)


def _beginning(client: Client, task: str, tail: int | None, since: int | None) -> int:
    """The first line that is wanted."""
    if tail is None and since is None:
        return 1
    page = client.log(task, size=1)
    if tail is not None:
        return max(1, page.last - tail + 1)
    low, high = max(1, page.first), page.last + 1
    while low < high:
        middle = (low + high) // 2
        found = client.log(task, middle, size=1).lines
        if found and found[0].time_ms < (since or 0):
            low = found[0].number + 1
        else:
            high = middle
    return low


def _follow(client: Client, task: str, line: int, printer: LinePrinter, *, as_json: bool) -> None:
    for batch in client.news(task, line, partial=printer.glimpses):
        printer.print([item for item in batch if isinstance(item, Line | Gap)])
        for item in batch:
            if isinstance(item, Partial):
                printer.glimpse(item)
            elif isinstance(item, End) and as_json:
                print_record(end_record(item))


def _print_pages(client: Client, task: str, line: int, printer: LinePrinter) -> bool:
    """Prints what there is when the command is given; what comes later is for --follow.

    Answers whether that was all there will ever be.
    """
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
            return page.eof


def _print_bytes(client: Client, task: str, streams: list[Stream], *, follow: bool) -> None:
    """Prints what the task wrote to the byte; while it runs, what came of each stream in turn."""
    places = dict.fromkeys(streams, 0)
    open_ones = list(streams)
    while open_ones:
        last = client.log(task, size=1).last if follow else 0
        for stream in list(open_ones):
            found = client.control.output(
                task, "stdout" if stream is Stream.OUT else "stderr", places[stream]
            )
            places[stream] = found.next
            target = sys.stdout.buffer if stream is Stream.OUT else sys.stderr.buffer
            target.write(found.data)
            target.flush()
            if found.complete or not (follow or found.data):
                open_ones.remove(stream)
        if open_ones and follow:
            client.log(task, last + 1, size=1, wait=_WAIT_SECONDS)
