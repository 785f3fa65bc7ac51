"""What a service is: a table of verbs, each one row.

A row names the command, who may give it, of whom it speaks and what carries it out. Dispatch joins
the tables of all services at the start; nothing else has to know a verb. A service never sees a
request, a status code or a dialect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from gateway.caller import Access, Caller
from protocol.accounts import Principal
from protocol.command import Command

__all__ = ["Service", "Verb", "for_user"]

C = TypeVar("C", bound=Command[Any])
R = TypeVar("R")


def _the_caller(_command: Command[Any]) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Verb(Generic[C, R]):
    """One row: the command, who may give it, what carries it out.

    ``owner`` tells of whom a command speaks: empty is the caller, and only administrators may give
    one that speaks of anybody else; ``others`` says what they are refused, as in "only an
    administrator may submit for others". A verb on a task needs none: whose the task is, its lookup
    knows (``services/lookup.py``).
    """

    command: type[C]
    access: Access
    do: Callable[[Caller, C], Awaitable[R]]
    owner: Callable[[C], str] = _the_caller
    others: str = "ask for this for others"


class Service(Protocol):
    """What carries out some of the verbs. Built once for each gateway process."""

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """The table; asked for once."""
        ...


def for_user(
    do: Callable[[Principal, C], Awaitable[R]],
) -> Callable[[Caller, C], Awaitable[R]]:
    """Carries out what needs to know no more of the caller than who it is."""

    def handler(caller: Caller, command: C) -> Awaitable[R]:
        return do(caller.user, command)

    return handler
