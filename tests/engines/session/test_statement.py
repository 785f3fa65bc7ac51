"""What can be asked of a statement while it runs: an interrupt, another limit, and no more."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engines.contract import Limits, RunSpec
from engines.launcher import Zygote
from engines.python import PythonEngine
from engines.rundir.directory import EVENTS, RunDir
from engines.rundir.facts import ExitKind, RunState
from engines.rundir.requests import DONE, RunEvent, read_events, request
from engines.suite import read_lines
from tests.engines.sessions import Seat, seated
from tests.support.waiting import wait_until

BUSY = "import time\nprint('ready', flush=True)\ntime.sleep(60)"


@pytest.fixture
async def seat() -> AsyncIterator[Seat]:
    """A session of the Python engine, in a folder with a name short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="nx") as name:
        folder = Path(name)
        spec = PythonEngine().session(RunSpec("", "python", "", folder, folder))
        assert spec is not None
        async with Zygote() as zygote, seated(folder, spec, zygote) as made:
            yield made


def ask(run: RunDir, event: str, **details: object) -> None:
    """Asks something of a statement and knocks."""
    request(run, lambda _: RunEvent(event, 1, "ada", **details))  # type: ignore[arg-type]  # named by the callers
    run.notify()


async def ready(run: RunDir) -> None:
    """Waits until the code says that it runs."""
    await wait_until(lambda: (1, b"ready") in read_lines(run), "the statement to be at work", 20)


async def test_an_interrupt_ends_the_statement_and_keeps_the_session(seat: Seat) -> None:
    """Any other signal is said to have reached nobody."""
    run = await seat.say(BUSY)
    await ready(run)
    ask(run, "signal", signal=10)
    ask(run, "signal", signal=2)
    ending = await seat.end(run)
    assert ending.kind is ExitKind.EXITED
    assert ending.exit_code != 0
    events, _ = read_events(run.file(EVENTS))
    said = [(event.event, event.signal) for event in events if event.event in DONE]
    assert said == [("not_signalled", 10), ("signalled", 2)]
    assert (1, b"5") in await seat.run("print(5)")


async def test_the_limit_of_a_statement_is_changed_while_it_runs(seat: Seat) -> None:
    """Less than what has passed ends it at once."""
    run = await seat.say(BUSY, limits=Limits(seconds=50, grace_seconds=2))
    await ready(run)
    ask(run, "limit", seconds=0.01)
    assert (await seat.end(run)).kind is ExitKind.TIME_LIMIT
    assert (1, b"5") in await seat.run("print(5)")


async def test_a_held_statement_is_not_taken(seat: Seat) -> None:
    """It stays accepted until it is resumed."""
    run = seat.accept("print(5)")
    ask(run, "hold")
    assert await seat.give(run) == "refused"
    assert run.state() is RunState.ACCEPTED
    ask(run, "resume")
    assert await seat.give(run) == "taken"
    assert (await seat.end(run)).exit_code == 0
