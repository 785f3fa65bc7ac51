"""The command ``results``: the tables, texts and pictures that a task made."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from gateway.cli import options
from gateway.cli.lines import print_record
from gateway.cli.names import meant, task_argument
from gateway.cli.options import Reach
from gateway.cli.reach import calling
from gateway.cli.result_tables import content, note_content, show_page
from gateway.cli.result_values import csv_chunks, json_chunks, result_record
from gateway.client import Result
from gateway.client.frames import write_parquet

__all__ = ["results"]


@click.command()
@task_argument
@click.option("--set", "number", type=click.IntRange(min=0), metavar="N", help="Only this one.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "parquet"]),
    help="How to write it. Default: table on a terminal, in a pipe and in a file csv.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write into this file.",
)
@options.as_json
@options.reaching
def results(
    task: str,
    *,
    number: int | None,
    form: str | None,
    output: Path | None,
    as_json: bool,
    reach: Reach,
) -> None:
    """Show the result sets of the task ID: its number, its execID or its name.

    Into a file, or as csv, json (an object a row, a line each) or parquet, goes one of them: the
    one that --set names, or else the first. Of a text, HTML or a picture the content is written.
    With --json all of them are printed, with the types of their columns.
    """
    records = as_json and form is None and output is None
    form = form or ("csv" if output or not sys.stdout.isatty() else "table")
    if form == "parquet" and output is None:
        raise click.UsageError("parquet needs --output FILE")
    with calling(reach) as client:
        task = meant(client, task)
        found = [one for one in client.results(task) if number in {None, one.number}]
        if not found:
            which = "no result sets" if number is None else f"no result set {number}"
            raise click.ClickException(f"task {task} has {which}")
        if records:
            for one in found:
                for page in one.pages():
                    print_record(result_record(one, page))
        elif form == "table" and output is None:
            _show(task, found)
        elif form == "parquet" and output is not None:
            write_parquet(found[0].to_arrow(), output)
        else:
            _write(_chunks(found[0], form), output)


def _show(task: str, found: Iterable[Result]) -> None:
    for result in found:
        for page in result.pages():
            if page.kind == "picture":
                note_content(task, result.number, page)
            else:
                show_page(page)


def _chunks(result: Result, form: str) -> Iterator[bytes]:
    kind = result.page(size=1).kind
    if kind == "table":
        if form == "table":
            raise click.UsageError("a file takes csv, json or parquet")
        return csv_chunks(result) if form == "csv" else json_chunks(result)
    return json_chunks(result) if form == "json" else map(content, result.pages())


def _write(chunks: Iterable[bytes], output: Path | None) -> None:
    if output is None:
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        return
    with output.open("wb") as file:
        file.writelines(chunks)
