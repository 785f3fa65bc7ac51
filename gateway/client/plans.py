"""What a client does, step by step, without doing it.

A plan is a generator that yields steps and is handed their results: the only place where retries,
back-off and deadlines are decided. The sync and the async client each know how to carry out a
step and nothing else. Closing the socket when a plan is over is their duty.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from gateway.client.call import Call, Reply
from gateway.client.errors import ClientError
from gateway.client.values import News

__all__ = [
    "Connect",
    "Fetch",
    "Hangup",
    "Pacing",
    "Pause",
    "Plan",
    "Receive",
    "Send",
    "Step",
    "Tell",
    "ask",
    "fetch",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fetch:
    """Make an HTTP request; the result is a Reply, or ConnectionFailed is thrown in."""

    call: Call[Any]


@dataclass(frozen=True, slots=True)
class Connect:
    """Open the websocket, closing an earlier one; ConnectionFailed is thrown in on failure."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Send:
    """Send a text message on the open websocket."""

    frame: str
    seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Receive:
    """Wait for a message; the result is it, or None after ``seconds`` without one."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hangup:
    """Close the websocket if one is open."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Let time pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Tell:
    """Hand news to the caller."""

    news: tuple[News, ...]


Step = Fetch | Connect | Send | Receive | Hangup | Pause | Tell
Plan = Generator[Step, object, T]


@dataclass(frozen=True, slots=True)
class Pacing:
    """How long to wait between attempts, and when to give up.

    ``patience_seconds`` is the longest time without any sign of the gateway. ``clock`` counts
    seconds and never goes back; ``chance`` gives numbers in [0, 1).
    """

    patience_seconds: float
    clock: Callable[[], float]
    chance: Callable[[], float] = random.random
    first_seconds: float = 1.2
    longest_seconds: float = 15.0

    def delay(self, failures: int) -> float:
        """The pause after so many failures in a row: doubling, bounded, most of it chance.

        The chance keeps the clients of a gateway that restarts from coming back all at once: five
        hundred of them make fewer than five hundred connections a second.
        """
        full = min(self.longest_seconds, self.first_seconds * 2.0 ** min(failures, 20))
        return full * (0.1 + 0.9 * self.chance())


def fetch(call: Call[T]) -> Plan[T]:
    """Asks once."""
    reply = yield Fetch(call)
    if not isinstance(reply, Reply):
        raise TypeError("a Fetch is answered with a Reply")
    return call.parse(reply)


def ask(call: Call[T], pacing: Pacing) -> Plan[T]:
    """Asks until there is an answer that will not change by itself.

    Every call may be repeated: reads and kills by nature, a submission by its request id.
    """
    deadline = pacing.clock() + pacing.patience_seconds
    failures = 0
    while True:
        try:
            return (yield from fetch(call))
        except ClientError as error:
            pause = max(pacing.delay(failures), error.retry_after)
            if not error.passing or pacing.clock() + pause > deadline:
                raise
        yield Pause(pause)
        failures += 1
