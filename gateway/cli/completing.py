"""What the shell is offered for an option or an argument: engines, and tasks by number and name.

A shell waits for it with every press of the key: what cannot be had quickly is not offered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from gateway.cli.options import Reach

__all__ = ["engines", "tasks"]

_PATIENCE_SECONDS = 1.0
_MOST = 50
_ENGINES = {
    "shell": "bash and sh",
    "python": "statements of a warm kernel, or a script",
    "spark": "SQL, PySpark and Scala",
}


def engines(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The engines that come with the gateway."""
    del ctx, param
    return [
        CompletionItem(name, help=words)
        for name, words in _ENGINES.items()
        if name.startswith(incomplete)
    ]


def tasks(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The newest tasks: the names of those that have one if a letter was typed, else numbers."""
    del param
    from gateway.cli.reach import calling  # noqa: PLC0415 - for tasks alone

    try:
        with calling(_reach(ctx), _PATIENCE_SECONDS) as client:
            rows = client.list(size=_MOST)
    except (click.ClickException, OSError):
        return []
    named = incomplete[:1].isalpha()
    found = {(row.name if named else str(row.task_id)): row for row in reversed(rows)}
    return [
        CompletionItem(word, help=f"{row.state} {row.name or row.code[:30].splitlines()[0]}")
        for word, row in reversed(found.items())
        if word and word.startswith(incomplete) and (row.name or row.code.strip())
    ]


def _reach(ctx: click.Context) -> Reach:
    """Which gateway the options before say."""
    from gateway.cli.options import Reach  # noqa: PLC0415

    given = {name: ctx.params.get(name) for name in ("server", "token", "data_dir", "context")}
    return Reach(**given)  # type: ignore[arg-type] # parsed by these options
