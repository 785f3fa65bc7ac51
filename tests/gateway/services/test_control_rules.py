"""What may be asked of a task in which state, as one table."""

from __future__ import annotations

import math

import pytest

from engines.rundir.facts import RunState
from engines.rundir.requests import Control, RunEvent
from gateway.services.control_rules import (
    MOST_TAGS,
    Asked,
    Asking,
    check_limit,
    check_tags,
    decide,
)
from gateway.stores.control import RunFacts
from protocol.commands.control import Hold, Resume, SetLimit, Signal, Suspend, Tag
from protocol.control import SIGNALS, signal_name, signal_number
from protocol.errors import GatewayError, Kind
from protocol.tasks import ByNumber

REF = ByNumber(7)
ASKING = Asking("ada", 5, "task 7")
HOLD, RESUME, SUSPEND = Hold(REF), Resume(REF), Suspend(REF)
SIGNAL, LIMIT, TAG = Signal(REF, 10), SetLimit(REF, 9.0), Tag(REF, ("a",))
INTERRUPT = Signal(REF, 2)

WAITS = RunFacts(RunState.ACCEPTED)
STARTS = RunFacts(RunState.STARTING)
RUNS = RunFacts(RunState.RUNNING, begun=True)
STILL = RunFacts(RunState.SUSPENDED, begun=True)
STATEMENT = RunFacts(RunState.RUNNING, begun=True, session=True)
DIES = RunFacts(RunState.KILLING, begun=True, killed=True)
DOOMED = RunFacts(RunState.ACCEPTED, killed=True)
OVER = RunFacts(RunState.ENDED, begun=True)
ORPHAN = RunFacts(RunState.ORPHANED, begun=True)
FREE, HELD, SUSPENDED = Control(), Control(held=True), Control(suspended=True)
NOTHING = ""
CONFLICT, UNSUPPORTED = Kind.CONFLICT, Kind.UNSUPPORTED

TABLE: list[tuple[RunFacts, Control, Asked, str | Kind]] = [
    (WAITS, FREE, HOLD, "hold"),
    (WAITS, HELD, HOLD, NOTHING),
    (WAITS, FREE, RESUME, NOTHING),
    (WAITS, HELD, RESUME, "resume"),
    (WAITS, FREE, SUSPEND, CONFLICT),
    (WAITS, FREE, SIGNAL, CONFLICT),
    (WAITS, HELD, LIMIT, "limit"),
    (STARTS, FREE, HOLD, "hold"),
    (STARTS, FREE, SUSPEND, CONFLICT),
    (STARTS, FREE, SIGNAL, CONFLICT),
    (RunFacts(RunState.STARTING, begun=True), FREE, HOLD, CONFLICT),
    (RUNS, FREE, HOLD, CONFLICT),
    (RUNS, FREE, RESUME, NOTHING),
    (RUNS, FREE, SUSPEND, "suspend"),
    (RUNS, SUSPENDED, SUSPEND, NOTHING),
    (RUNS, FREE, SIGNAL, "signal"),
    (RUNS, Control(seconds=9.0), LIMIT, NOTHING),
    (STILL, SUSPENDED, HOLD, CONFLICT),
    (STILL, SUSPENDED, RESUME, "resume"),
    (STILL, SUSPENDED, SIGNAL, "signal"),
    (STILL, SUSPENDED, LIMIT, "limit"),
    (STATEMENT, FREE, SUSPEND, UNSUPPORTED),
    (STATEMENT, FREE, SIGNAL, UNSUPPORTED),
    (STATEMENT, FREE, INTERRUPT, "signal"),
    (STATEMENT, FREE, LIMIT, "limit"),
    *(
        (facts, FREE, command, CONFLICT)
        for facts in (DIES, DOOMED, OVER, ORPHAN)
        for command in (HOLD, RESUME, SUSPEND, SIGNAL, LIMIT)
    ),
    *((facts, FREE, TAG, "tag") for facts in (WAITS, RUNS, STATEMENT, DIES, OVER)),
    (OVER, Control(tags=("a",)), TAG, NOTHING),
    (OVER, Control(tags=("a",)), Tag(REF, (), ("a",)), "tag"),
]


@pytest.mark.parametrize(("facts", "control", "command", "wanted"), TABLE)
def test_what_may_be_asked(
    facts: RunFacts, control: Control, command: Asked, wanted: str | Kind
) -> None:
    """Taken, refused with a kind, or nothing to change."""
    if isinstance(wanted, Kind):
        with pytest.raises(GatewayError) as refusal:
            decide(ASKING, command)(facts, control)
        assert refusal.value.kind is wanted
        assert refusal.value.message.startswith("task 7 ")
    else:
        event = decide(ASKING, command)(facts, control)
        assert (event.event if event else NOTHING) == wanted
        assert event is None or (event.who, event.at_ms) == ("ada", 5)


def test_a_signal_says_what_it_is() -> None:
    """The number, and whether it is for all."""
    event = decide(ASKING, Signal(REF, 12, tree=True))(RUNS, FREE)
    assert event == RunEvent("signal", 5, "ada", signal=12, tree=True)


def test_tags_are_kept_once_and_so_many() -> None:
    """Those that are there already are not put on again; what is taken off makes room."""
    tags = tuple(f"t{number}" for number in range(MOST_TAGS))
    full = Control(tags=tags)
    event = decide(ASKING, Tag(REF, ("new", "new", "t1"), ("t0",)))(OVER, full)
    assert event is not None
    assert (event.tags, event.removed) == (("new",), ("t0",))
    with pytest.raises(GatewayError) as refusal:
        decide(ASKING, Tag(REF, ("new",)))(OVER, full)
    assert refusal.value.kind is Kind.TOO_LARGE


@pytest.mark.parametrize("word", ["", " ", "a b", "a\n", "x" * 65, "\x00", "a,b"])
def test_what_is_no_tag_is_refused(word: str) -> None:
    """Words of letters, digits and few other characters."""
    with pytest.raises(GatewayError) as refusal:
        check_tags("fine", word)
    assert refusal.value.kind is Kind.INVALID


@pytest.mark.parametrize("word", ["a", "Gruppe-ä", "team:x/y", "x" * 64, "k=v"])
def test_what_is_a_tag(word: str) -> None:
    """Also with letters of other languages."""
    check_tags(word)


@pytest.mark.parametrize(
    ("asked", "most", "found"),
    [(5, 0, 5), (0, 0, 0), (0, 9, 9), (50, 9, 9), (5, 9, 5), (0.5, 0, 0.5)],
)
def test_no_limit_goes_beyond_what_is_allowed(asked: float, most: float, found: float) -> None:
    """0 is no limit of one's own."""
    assert check_limit(asked, most) == found


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf, -math.inf])
def test_what_is_no_time_is_refused(seconds: float) -> None:
    """Only numbers from 0 on."""
    with pytest.raises(GatewayError) as refusal:
        check_limit(seconds, 0)
    assert refusal.value.field == "seconds"


@pytest.mark.parametrize("text", ["USR1", "SIGUSR1", "usr1", " sigUsr1 ", "10"])
def test_a_signal_has_many_spellings(text: str) -> None:
    """By name and by number."""
    assert signal_number(text) == 10
    assert signal_name(10) == "USR1"


@pytest.mark.parametrize(
    "text", ["", "KILL", "9", "SIGSTOP", "19", "-1", "1" * 5000, "٢", "SIGSIG"]
)
def test_what_may_not_be_sent_is_refused(text: str) -> None:
    """What ends or stops for certain is not among the signals."""
    with pytest.raises(GatewayError) as refusal:
        signal_number(text)
    assert refusal.value.kind is Kind.INVALID
    assert all(name in refusal.value.message for name in SIGNALS)
