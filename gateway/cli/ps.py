"""The command ``ps``: which tasks there are and the status of each."""

from __future__ import annotations

import string
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from gateway.cli import options
from gateway.cli.endings import ending_words
from gateway.cli.lines import print_record
from gateway.cli.options import Reach
from gateway.cli.plain import harmless
from gateway.cli.reach import calling
from gateway.cli.records import state_of, task_record
from gateway.cli.table import print_table

if TYPE_CHECKING:
    from gateway.client.values import TaskRow

__all__ = ["ps"]

_ACTIVE = ("Inited", "Scheduled", "Running", "WaitForRetry")
_LONGEST_NAME = 40
_LONGEST_DETAIL = 60
_SPANS = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))


@click.command()
@click.option("--all", "-a", "everything", is_flag=True, help="List ended tasks too.")
@click.option("--user", default="", metavar="NAME", help="Of this user; for administrators.")
@click.option("--all-users", is_flag=True, help="Of everybody; for administrators.")
@click.option(
    "--status", multiple=True, metavar="STATE", help="Only in this state, such as failed."
)
@click.option("--label", multiple=True, metavar="KEY=VALUE", help="Only with this tag on them.")
@click.option("--name", default="", metavar="NAME", help="Only those called so.")
@click.option("--limit", "-n", default=100, type=click.IntRange(1, 1000), help="How many at most.")
@click.option("--quiet", "-q", is_flag=True, help="Print their numbers alone.")
@click.option(
    "--format",
    "form",
    metavar="TEXT",
    help="Print this for each, with fields of --json in braces: '{number} {state} {name}'.",
)
@options.as_json
@options.reaching
def ps(  # noqa: PLR0913 - one for each option
    *,
    everything: bool,
    user: str,
    all_users: bool,
    status: tuple[str, ...],
    label: tuple[str, ...],
    name: str,
    limit: int,
    quiet: bool,
    form: str | None,
    as_json: bool,
    reach: Reach,
) -> None:
    """List tasks that have not ended, newest first, with the name or the first line of the code."""
    pieces = None if form is None else list(_pieces(form))
    states = status or (() if everything else _ACTIVE)
    with calling(reach) as client:
        rows = client.list(
            states, size=limit, everybody=all_users, user=user, name=name, tags=label
        )
    if as_json:
        for row in rows:
            print_record(task_record(row))
    elif pieces is not None:
        for row in rows:
            click.echo(_filled(pieces, row))
    elif quiet:
        for row in rows:
            click.echo(str(row.task_id))
    else:
        _print(rows, owners=all_users or bool(user))


def _print(rows: tuple[TaskRow, ...], *, owners: bool) -> None:
    now_ms = time.time_ns() // 1_000_000
    headings = ("TASK", "NAME", "USER", "ENGINE", "STATE", "DONE", "AGE", "EXIT", "DETAILS")
    wanted = [owners or heading != "USER" for heading in headings]
    table = [headings, *(_cells(row, now_ms) for row in rows)]
    shown = [tuple(cell for cell, want in zip(line, wanted, strict=True) if want) for line in table]
    print_table(shown[0], shown[1:], cut=("NAME", "DETAILS"))


def _cells(row: TaskRow, now_ms: int) -> tuple[str, ...]:
    state = row.state or state_of(row.status)
    exit_words = ending_words(row.status, row.exit_code, row.signal)
    first = next((line.strip() for line in row.code.splitlines() if line.strip()), "")
    return (
        str(row.task_id),
        _cut(row.name or first, _LONGEST_NAME),
        row.owner,
        row.engine,
        state,
        f"{row.progress:.0%}",
        _age(now_ms - row.created_ms),
        exit_words.removeprefix("exit code "),
        _cut(row.waiting_reason or row.error, _LONGEST_DETAIL),
    )


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _age(ms: int) -> str:
    """How long ago in its largest unit."""
    seconds = max(0, ms // 1000)
    size, unit = next((span for span in _SPANS if seconds >= span[0]), _SPANS[-1])
    return f"{seconds // size}{unit}"


def _pieces(form: str) -> Iterator[tuple[str, str]]:
    """Text and the field after it; refuses what is no field of a task."""
    known = _fields()
    try:
        for text, name, spec, conversion in string.Formatter().parse(form):
            if name is not None and (name not in known or spec or conversion):
                there = ", ".join(sorted(known))
                raise click.UsageError(f"--format has no field {name!r} (there are: {there})")
            yield text.replace("\\t", "\t").replace("\\n", "\n"), name or ""
    except ValueError as error:
        raise click.UsageError(f"--format makes no sense: {error}") from error


def _fields() -> frozenset[str]:
    from gateway.client.values import TaskRow  # noqa: PLC0415 - for this option alone

    empty = TaskRow(0, "", "", "", "", "", 0, 0, 0.0, "")
    return frozenset(task_record(empty)) - {"type"}


def _filled(pieces: list[tuple[str, str]], row: TaskRow) -> str:
    record = task_record(row)
    return "".join(text + (_word(record[name]) if name else "") for text, name in pieces)


def _word(value: object) -> str:
    if isinstance(value, list):
        value = ",".join(map(str, value))
    return harmless(("" if value is None else str(value)).encode()).decode()
