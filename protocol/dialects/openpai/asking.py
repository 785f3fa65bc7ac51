"""Commands whose refusals this dialect puts into its own words, with the names of the request.

OpenPAI's sentences name the job, user or cluster as the request named it, and several codes stand
for one reason of the core. So a route says beside its command what each refusal means there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from protocol.command import Command, Reworded, Then
from protocol.errors import GatewayError

__all__ = ["Translate", "answered", "asked"]

A = TypeVar("A")
R = TypeVar("R")
Translate = Callable[[GatewayError], GatewayError]
"""What a refusal of the core is in the words of a route."""


def answered(command: Command[A], translate: Translate) -> Command[A]:
    """The command with its refusal translated."""
    return Reworded(command, translate)


def asked(command: Command[A], translate: Translate, then: Callable[[A], Command[R]]) -> Command[R]:
    """The command, its refusal translated, and what follows from its result."""
    return Then(Reworded(command, translate), then)
