"""A look at a live run: what changed is seen, also with few questions to the disk."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from engines.rundir.directory import EVENTS, EXIT, KILL, STARTED, SUSPENDED, RunDir
from engines.rundir.progress import PROGRESS
from gateway.runner.live_runs import LiveRun
from tests.gateway.runner.rig import record

LONG_AGO_NS = 3600 * 1_000_000_000


@pytest.fixture
def live(tmp_path: Path) -> LiveRun:
    """A run that has been at work and has been quiet for an hour; all of it was looked at."""
    run = RunDir(tmp_path)
    record(run, b"said\n")
    Path(run.file(STARTED)).write_bytes(b"{}")
    found = LiveRun("run", "ada", run)
    settle(found)
    assert found.look()
    assert not found.look()
    found.asked()
    return found


def settle(live: LiveRun) -> None:
    """Makes it long ago that a file of the run came or went."""
    then = time.time_ns() - LONG_AGO_NS
    os.utime(live.run.path, ns=(then, then))


@pytest.mark.parametrize("name", [SUSPENDED, EXIT, KILL, PROGRESS])
def test_a_fact_that_comes_or_goes_is_seen(live: LiveRun, name: str) -> None:
    """Whatever it is; and then it is no news any more."""
    path = Path(live.run.file(name))
    path.write_bytes(b"{}")
    assert live.look()
    assert not live.look()
    assert live.ending == (name == KILL)
    path.unlink()
    assert live.look()


def test_what_is_printed_is_seen(live: LiveRun) -> None:
    """It changes no folder."""
    record(live.run, b"more\n")
    settle(live)
    assert live.look()
    assert not live.look()


def test_progress_that_grows_is_seen(live: LiveRun) -> None:
    """It changes no folder either."""
    path = Path(live.run.file(PROGRESS))
    path.write_bytes(b"0.1\n")
    settle(live)
    assert live.look()
    assert not live.look()
    with path.open("ab") as file:
        file.write(b"0.2\n")
    assert live.look()


def test_what_is_asked_is_seen(live: LiveRun) -> None:
    """The first time, and again."""
    path = Path(live.run.file(EVENTS))
    for _ in range(2):
        with path.open("ab") as file:
            file.write(b"{}\n")
        live.look()
        assert live.asked()
        live.look()
        assert not live.asked()


def test_a_second_fact_of_the_same_moment_is_seen(live: LiveRun) -> None:
    """The stamp of a folder counts in milliseconds: one that is new proves nothing yet."""
    Path(live.run.file(SUSPENDED)).write_bytes(b"{}")
    now = time.time_ns()
    os.utime(live.run.path, ns=(now, now))
    assert live.look()
    Path(live.run.file(KILL)).write_bytes(b"{}")
    os.utime(live.run.path, ns=(now, now))
    assert live.look()
    assert live.ending


def test_a_run_directory_that_is_gone_is_seen(live: LiveRun) -> None:
    """Once."""
    for path in Path(live.run.path).iterdir():
        path.unlink()
    Path(live.run.path).rmdir()
    assert live.look()
    assert not live.look()
