"""What a session's host and the thing that it keeps warm are to each other.

The host takes statements, records them and watches the clock; an adapter runs their code in a
kernel or a driver. An adapter must never touch a run directory, and need not know of kills, limits
or the runner. The host may run in any Python that the engine names: standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol, runtime_checkable

from engines.shim.sandbox import Sandbox

__all__ = ["Adapter", "Code", "Confinable", "Ending", "SessionOver", "Sink"]


class Code(NamedTuple):
    """One statement: what to run.

    ``environment`` are the variables that it is to see besides those of the session, for as long
    as it runs. ``work`` is a directory of its own, where its input files are.
    """

    language: str
    text: str
    environment: Mapping[str, str]
    parameters: Mapping[str, object]
    work: str


class Ending(NamedTuple):
    """How a statement ended by itself: the exit code, 0 for success, and a sentence.

    The sentence may be the error's own text, as it is or as much of it as
    ``MAX_RAW_CHARACTERS``: it is cleaned and cut by whoever writes it down. ``over`` says that the
    code ended the session as well, as it meant to.
    """

    exit_code: int
    message: str
    over: bool = False


class SessionOver(Exception):  # noqa: N818 - it may be what was wanted
    """The session has ended, with whatever it ran: its exit code or the signal that ended it.

    ``begun`` false says for certain that nothing of the statement's code was executed.
    """

    def __init__(
        self,
        message: str,
        exit_code: int | None = None,
        signal: int | None = None,
        *,
        begun: bool = True,
    ) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.signal = signal
        self.begun = begun


class Sink(Protocol):
    """Where a statement's output goes. Its methods may be called from any thread and never fail."""

    @property
    def interrupted(self) -> int:
        """How often the statement was asked to end, 0 for never."""
        ...

    def masked(self, text: str) -> str:
        """The text without the secrets that must not be recorded."""
        ...

    def out(self, data: bytes) -> None:
        """Records what was printed."""
        ...

    def err(self, data: bytes) -> None:
        """Records what was printed as an error."""
        ...


class Adapter(Protocol):
    """The warm thing behind a session. Constructed with settings and a private short-named folder.

    ``start`` and ``run`` are called by one thread, one after another; ``interrupt`` and ``stop`` by
    another at any time, also twice, and must return at once.
    """

    def start(self) -> None:
        """Makes it ready. Raises SessionOver, with what is missing, if it cannot be."""
        ...

    def run(self, code: Code, sink: Sink) -> Ending:
        """Runs one statement to its end; returns when all that it printed is in the sink.

        Raises SessionOver if the session ended over it.
        """
        ...

    def idle(self) -> bool:
        """Looks after it between statements, a few times a second; False if it has died."""
        ...

    def alive(self) -> bool:
        """Whether it could take a statement now. Called by any thread; answers at once."""
        ...

    def hide(self, secrets: Iterable[str]) -> None:
        """What it passes on while no statement runs must not hold these from here on."""
        ...

    def interrupt(self) -> None:
        """Asks the running statement to end and the session to stay.

        Its sink says so as well, which counts if this comes before the code runs. Comes again at
        half of the grace: one that arrives just before a call into C is seen only after it.
        """
        ...

    def stop(self) -> None:
        """Ends everything, whatever it is at; a ``run`` under way raises SessionOver."""
        ...


@runtime_checkable
class Confinable(Protocol):
    """An adapter that can keep what runs code in a sandbox; where one is wanted others are refused.

    The host itself stays outside: it writes what is believed of the run.
    """

    def confine(self, box: Sandbox) -> None:
        """What it starts is to see no more than this; called once, before ``start``."""
        ...
