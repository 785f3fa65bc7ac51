"""Shows result sets to people: tables in frames, and in a word what no terminal can show.

What draws is imported when there is a table: most tasks have none.
"""

from __future__ import annotations

import base64
import os
import sys
import tempfile
from collections.abc import Mapping

import click

from gateway.cli.lines import print_record
from gateway.cli.plain import harmless
from gateway.cli.result_values import cell_words, result_record
from gateway.cli.terminal import colourful
from gateway.client import Client, ClientError, Page, Result

__all__ = ["content", "note_content", "show_page", "show_tables"]

_ROWS = 20
_CELL = 200
_SIGNS: Mapping[bytes, str] = {
    b"\x89PNG": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"GIF8": ".gif",
    b"RIFF": ".webp",
}
"""With what the formats of pictures begin."""
_WIDE = 1 << 20
_NUMBERS = frozenset({"byte", "short", "int", "long", "float", "double", "decimal"})


def show_tables(client: Client, task: str, *, as_json: bool) -> None:
    """Shows the beginnings of the tables that a task made, below its log.

    Texts are not shown: a session writes its values into the log too. A task may have been removed
    in the meantime: then there is nothing to show.
    """
    try:
        found = client.results(task)
    except ClientError as error:
        if error.passing:
            raise
        return
    for result in found:
        page = result.page(size=_ROWS)
        if page.kind != "table":
            if page.kind in {"html", "picture"} and not as_json:
                note_content(task, result.number, page)
        elif as_json:
            print_record(result_record(result, page))
        else:
            show_page(page)
            _note_rest(result, page)


def note_content(task: str, number: int, page: Page) -> None:
    """Says where a picture or HTML is that a terminal cannot show: in a file that is made for it.

    Without a terminal none is made, but what writes one is said.
    """
    what = f"{page.kind} in result set {number}"
    if not sys.stdout.isatty():
        _note(f"{what}: 'narthex results {task} --set {number} --output FILE' writes it")
        return
    data = content(page)
    descriptor, path = tempfile.mkstemp(_suffix(page.kind, data), f"narthex-{task}-{number}-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    _note(f"{what}: {path}")


def content(page: Page) -> bytes:
    """What is no table, as it is: the bytes of a picture, or lines of text."""
    texts = (cell_words(row[0]) for row in page.rows)
    if page.kind == "picture":
        return b"".join(map(base64.b64decode, texts))
    return b"".join(text.encode("utf-8", "replace") + b"\n" for text in texts)


def _suffix(kind: str, data: bytes) -> str:
    if kind == "html":
        return ".html"
    return next((suffix for sign, suffix in _SIGNS.items() if data.startswith(sign)), ".image")


def show_page(page: Page) -> None:
    """Prints a table, or the text of another result set."""
    if page.kind != "table":
        for row in page.rows:
            for cell in row:
                click.echo(
                    harmless(cell_words(cell).encode()) if sys.stdout.isatty() else cell_words(cell)
                )
        return
    from rich import box  # noqa: PLC0415 - only for a table
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    terminal = sys.stdout.isatty()
    console = Console(
        file=sys.stdout,
        width=None if terminal else _WIDE,
        highlight=False,
        markup=False,
        emoji=False,
        no_color=not colourful(sys.stdout),
    )
    table = Table(box=box.ROUNDED if _drawn() else box.ASCII2, show_lines=False)
    for column in page.columns:
        table.add_column(
            Text(_shown(column.name)),
            justify="right" if column.type in _NUMBERS else "left",
            no_wrap=not terminal,
            overflow="fold",
        )
    for row in page.rows:
        table.add_row(
            *(
                Text("NULL", style="dim") if cell is None else Text(_shown(cell_words(cell)))
                for cell in row
            )
        )
    console.print(table)


def _drawn() -> bool:
    """Whether stdout is a terminal that has the signs which frames are drawn with."""
    return (
        sys.stdout.isatty()
        and (getattr(sys.stdout, "encoding", "") or "").lower().replace("-", "") == "utf8"
    )


def _shown(words: str) -> str:
    """A cell for a frame: harmless, and cut if it is long."""
    cut = words if len(words) <= _CELL else f"{words[: _CELL - 1]}…"
    return harmless(cut.encode("utf-8", "replace")).decode()


def _note_rest(result: Result, page: Page) -> None:
    more = page.total - len(page.rows)
    if more > 0:
        _note(f"{more} more rows in result set {result.number}: see 'results'")
    if page.truncated:
        _note("the task made more rows than are kept")


def _note(words: str) -> None:
    click.echo(f"narthex: {words}", err=True)
