"""What a place is to the gateway: somewhere else where runs happen, with a scheduler of its own.

An engine says what to start, a place says where. It decides when; our porter and shim record and
kill there. Its methods are plain functions that the runner calls in a worker thread. What it says
of a run counts for less than what the porter says: a place may believe that a machine is lost on
which the run goes on.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol

from engines.contract import Health
from engines.rundir.directory import GRANTED, PLACED, RunDir
from engines.rundir.members import UNREADABLE, parsed, text
from engines.rundir.plain_files import read_plain

__all__ = [
    "HANDLES",
    "Grant",
    "JobState",
    "Place",
    "PlaceAway",
    "PlaceRefused",
    "Placement",
    "Share",
    "Standing",
    "Ticket",
    "granted",
    "handles",
    "note_handle",
    "placement",
    "put",
]

HANDLES = "handles"
"""The file of a placed run directory with what the place calls its jobs, a line for each."""
_KEY_BYTES = 32
_CORE = 4


class PlaceAway(Exception):  # noqa: N818 - a state of the place
    """The place cannot be asked at the moment; whether it did what was asked is not known."""


class PlaceRefused(Exception):  # noqa: N818 - its answer
    """The place will not take what was asked for; the message is one sentence for a person."""


class JobState(StrEnum):
    """The state of a job at a place; a closed set."""

    WAITING = "waiting"
    HELD = "held"
    STARTING = "starting"
    RUNNING = "running"
    SUSPENDED = "suspended"
    OVER = "over"


class Standing(NamedTuple):
    """What a place says of one job: its own word for it, why it waits, and where it is."""

    handle: str
    word: JobState
    cause: str = ""
    reason: str = ""
    node: str = ""


class Share(NamedTuple):
    """What each of so many ``tasks`` gets that start together, on whichever machine it is.

    ``cpus`` processors, ``memory_mb`` of memory (0 for as much as the place gives), and the whole
    machine if it is to be ``alone``. The ``assignment`` is a list with one for each of them.
    """

    tasks: int = 1
    cpus: int = 1
    memory_mb: int = 0
    alone: bool = False
    assignment: bytes = b""


class Ticket(NamedTuple):
    """What a place needs for one job.

    ``assignment`` is what the porter reads from its standard input. ``queue`` is a name of the
    place's own, ``seconds`` the time limit that our shim keeps (0 for none), ``node`` the one
    machine where the job must be, empty for any. On each of so many ``nodes`` it gets ``cpus``
    processors, or the whole machine if it is to be ``alone``; the porter runs on the first one.
    With ``shares`` several tasks start together: there is a porter for each, wherever there is
    room, with what its share says in place of the ticket.
    """

    run_id: str
    assignment: bytes = b""
    queue: str = ""
    cpus: int = 1
    memory_mb: int = 0
    seconds: float = 0.0
    node: str = ""
    nodes: int = 1
    alone: bool = False
    shares: tuple[Share, ...] = ()


class Placement(NamedTuple):
    """That a run was handed over: to which place, and the key that proves who speaks for it."""

    place: str
    key: str


class Grant(NamedTuple):
    """The one porter that may start the run, for ever.

    ``nodes`` are the machines that its job has, separated by commas, its own one first. By
    ``address`` its machine is reached, and ``ports`` are kept for the run there, as a text.
    """

    node: str
    boot: str
    job: str
    instance: str
    nodes: str = ""
    address: str = ""
    ports: str = ""

    def same(self, other: Grant) -> bool:
        """Whether it is the same porter, of which no two are alike."""
        return self[:_CORE] == other[:_CORE]

    @property
    def machines(self) -> tuple[str, ...]:
        """The machines that the job has."""
        return tuple(filter(None, (self.nodes or self.node).split(",")))


class Place(Protocol):
    """Where runs happen that are not started on this machine."""

    name: str

    def probe(self) -> Health:
        """Whether the place can be reached, and a sentence about what it is. Takes seconds."""
        ...

    def kill_wait(self) -> float:
        """Seconds between its polite and its certain signal. Raises PlaceAway, PlaceRefused."""
        ...

    def submit(self, ticket: Ticket) -> str:
        """Hands a job over; its handle. A lost answer may mean a second job: the grant decides.

        Raises:
            PlaceAway: it cannot be asked.
            PlaceRefused: it does not take such a job.
        """
        ...

    def look(self) -> Mapping[str, tuple[Standing, ...]]:
        """What it says of all jobs of ours, by run. One question, however many there are.

        Raises:
            PlaceAway: it cannot be asked.
        """
        ...

    def explain(self, handle: str) -> str:
        """Why a job ended that never reached us, in a few words; empty if nobody knows."""
        ...

    def cancel(self, handle: str) -> None:
        """Ends a job, or does nothing if there is none. Raises PlaceAway."""
        ...

    def hold(self, handle: str) -> None:
        """Keeps a waiting job from starting. Raises PlaceAway, PlaceRefused."""
        ...

    def release(self, handle: str) -> None:
        """Lets a held job start. Raises PlaceAway, PlaceRefused."""
        ...

    def resume(self, handle: str) -> None:
        """Lets a suspended job go on. Raises PlaceAway, PlaceRefused."""
        ...

    def change(self, handle: str, seconds: float) -> None:
        """Gives a job another time limit, 0 for none. Raises PlaceAway, PlaceRefused."""
        ...


def put(run: RunDir, place: str) -> Placement:
    """States that a run is handed to a place, once; what is on record from then on. Blocks.

    Call it under the lock of the run, and only if nothing was started.
    """
    made = Placement(place, secrets.token_hex(_KEY_BYTES))
    run.write_once(PLACED, json.dumps(made._asdict()).encode() + b"\n")
    return placement(run) or made


def placement(run: RunDir) -> Placement | None:
    """Where a run was handed to; None if nowhere, or nobody can read it."""
    try:
        found = parsed(read_plain(run.file(PLACED)) or b"")
        return Placement(text(found["place"]), text(found["key"]))
    except UNREADABLE:
        return None


def granted(run: RunDir) -> Grant | None:
    """Who was granted the start of a run; None if nobody was, or nobody can read it."""
    try:
        found = parsed(read_plain(run.file(GRANTED)) or b"")
        said = {**Grant._field_defaults, **found}
        return Grant(*(text(said[name]) for name in Grant._fields))
    except UNREADABLE:
        return None


def handles(run: RunDir) -> tuple[str, ...]:
    """What the place calls the jobs of a run, in the order in which they were made."""
    return tuple((read_plain(run.file(HANDLES)) or b"").decode("ascii", "replace").split())


def note_handle(run: RunDir, handle: str) -> None:
    """Notes a job of a run."""
    run.write(
        HANDLES, "".join(f"{one}\n" for one in (*handles(run), handle)).encode(), durable=True
    )
