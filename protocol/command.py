"""What a verb is: a frozen value whose type says what comes back, and how verbs are joined.

A request is one verb, or verbs joined by ``Then`` and ``Each``. However they are joined, every one
of them is admitted and counted by itself, and a request carries out a bounded number of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from protocol.errors import GatewayError

__all__ = ["MOST_COMMANDS", "MOST_EACH", "Command", "Each", "Given", "Reworded", "Then"]

A = TypeVar("A")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

MOST_EACH = 500
"""How many commands one Each may hold."""
MOST_COMMANDS = 1000
"""How many verbs one request may carry out in all, however they are joined."""


class Command(Generic[R_co]):
    """One verb. ``R_co`` is what dispatch answers; every refusal is a GatewayError."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Then(Command[R], Generic[A, R]):
    """Asks for ``first``, and then for what ``next`` makes of its result.

    ``next`` is pure and may raise GatewayError. A dialect may derive from this class to remember
    with the request what it needs to put a refusal into words. A ``quick`` one takes no more than a
    moment whatever the result is, so that it waits for no thread.
    """

    first: Command[A]
    next: Callable[[A], Command[R]]
    quick: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Given(Command[R], Generic[R]):
    """Asks for nothing: the answer is there already. For the end of a ``Then``."""

    value: R


@dataclass(frozen=True, slots=True)
class Reworded(Command[R], Generic[R]):
    """Asks for ``command``; ``words`` says its refusal with the names of the request."""

    command: Command[R]
    words: Callable[[GatewayError], GatewayError]


@dataclass(frozen=True, slots=True)
class Each(Command[tuple[R | GatewayError, ...]], Generic[R]):
    """Asks for several things; each is answered or refused by itself, in the order asked.

    At most MOST_EACH: more are refused as a whole, as is what needs a login if there is none.
    """

    commands: tuple[Command[R], ...]
