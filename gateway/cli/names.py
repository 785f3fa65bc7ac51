"""Which task a word of the command line means: its number, its execID, or a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gateway.cli import completing
from gateway.cli.trouble import Trouble

if TYPE_CHECKING:
    from gateway.client.sync import Client

__all__ = ["meant", "task_argument", "tasks_argument"]

task_argument = click.argument("task", metavar="ID", shell_complete=completing.tasks)
tasks_argument = click.argument(
    "tasks", metavar="ID...", nargs=-1, required=True, shell_complete=completing.tasks
)


def meant(client: Client, word: str) -> str:
    """The task as the gateway knows it; raises Trouble if none has that name."""
    if not word[:1].isalpha():
        return word
    rows = client.list(name=word, size=1)
    if not rows:
        raise Trouble(f"there is no task called {word!r}", "not_found")
    return rows[0].exec_id
