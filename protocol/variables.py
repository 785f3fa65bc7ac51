"""Variables that users keep with the gateway, and submissions that use them: names and verbs.

What a variable is for is the affair of the dialect; here it is a name and a text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from protocol.commands import Command, Execute
from protocol.tasks import Task

__all__ = ["ExecuteFilled", "ListVariables", "SaveVariables"]


@dataclass(frozen=True, slots=True)
class ListVariables(Command[Mapping[str, str]]):
    """Asks for the caller's variables, in the order in which they were saved."""


@dataclass(frozen=True, slots=True)
class SaveVariables(Command[None]):
    """Asks to keep these variables of the caller, and no others."""

    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ExecuteFilled(Command[Task]):
    """Asks to run code that may use the variables of the user whose task it becomes.

    ``made`` turns them into the command to carry out, or raises GatewayError. ``execute`` is that
    command without any: what is known if there is no such task.
    """

    execute: Execute
    made: Callable[[Mapping[str, str]], Execute]
