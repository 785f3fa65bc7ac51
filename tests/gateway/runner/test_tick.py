"""The tick: nothing that changed is missed for long, and nothing else waits for it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from engines.rundir.directory import EVENTS, RunDir
from gateway.clock import monotonic
from gateway.runner.live_runs import LiveRun, LiveRuns
from gateway.runner.tick import Pace, Tick
from tests.gateway.runner.rig import record

COUNT = 20
QUIET = Pace(lively_seconds=0.0, quiet_seconds=0.0, quiet=6)
LIVELY = Pace(lively_seconds=3600.0, quiet=0)


@pytest.fixture
def live_runs(tmp_path: Path) -> LiveRuns:
    """Runs with real directories; what is on the disk so far has been looked at."""
    runs = LiveRuns()
    for number in range(COUNT):
        folder = tmp_path / f"run{number}"
        folder.mkdir()
        live = LiveRun(folder.name, "ada", RunDir(folder))
        live.look()
        live.asked()
        runs.enter(live)
    return runs


def noticed(runs: LiveRuns) -> set[str]:
    """The runs that were woken."""
    return {live.run_id for live in runs if live.notified.is_set()}


def looks(runs: LiveRuns) -> dict[str, float]:
    """When each run was looked at last."""
    return {live.run_id: live.looked_at for live in runs}


async def test_a_change_of_a_quiet_run_is_found_within_a_round(live_runs: LiveRuns) -> None:
    """Without any notification, wherever among the runs it is."""
    changed = {"run0", "run11", f"run{COUNT - 1}"}
    for live in live_runs:
        if live.run_id in changed:
            record(live.run, b"said\n")
    tick = Tick(live_runs, lambda _: None, QUIET)
    for _ in range(-(-COUNT // QUIET.quiet)):
        await tick.turn()
    assert noticed(live_runs) == changed


async def test_a_turn_looks_at_a_bounded_number_of_quiet_runs(live_runs: LiveRuns) -> None:
    """Those that were not looked at for the longest time."""
    tick = Tick(live_runs, lambda _: None, QUIET)
    seen: list[str] = []
    for _ in range(3):
        before = looks(live_runs)
        await tick.turn()
        after = looks(live_runs)
        now = [name for name in after if after[name] != before[name]]
        assert len(now) == QUIET.quiet
        seen += now
    assert len(set(seen)) == 3 * QUIET.quiet


async def test_a_quiet_run_is_not_looked_at_every_time(live_runs: LiveRuns) -> None:
    """Only after a while."""
    before = looks(live_runs)
    tick = Tick(live_runs, lambda _: None, QUIET._replace(quiet_seconds=3600.0))
    await tick.turn()
    assert looks(live_runs) == before


async def test_a_run_that_nobody_is_on_any_more_is_woken(
    live_runs: LiveRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The death of a shim changes no fact: its lock falls."""
    now = monotonic()
    monkeypatch.setattr("gateway.runner.live_runs.monotonic", lambda: now)
    first, *_ = live_runs
    lock = first.run.take()
    assert lock is not None
    tick = Tick(live_runs, lambda _: None, LIVELY)
    await tick.turn()
    os.close(lock)
    await tick.turn()
    assert noticed(live_runs) == set(), "it is not asked for at every look"
    now += 2.0
    await tick.turn()
    assert noticed(live_runs) == {first.run_id}


async def test_who_was_at_work_lately_is_looked_at_every_time(live_runs: LiveRuns) -> None:
    """However many they are."""
    tick = Tick(live_runs, lambda _: None, LIVELY)
    for live in live_runs:
        record(live.run, b"said\n")
    await tick.turn()
    assert len(noticed(live_runs)) == COUNT


async def test_a_quiet_run_that_changes_is_lively_again(live_runs: LiveRuns) -> None:
    """Seen or told: from then on it counts as one that is at work."""
    first, second, *_ = live_runs
    before = first.changed_at, second.changed_at
    record(first.run, b"said\n")
    first.look()
    live_runs.notify(second.run_id)
    assert first.changed_at > before[0]
    assert second.changed_at > before[1]


async def test_what_was_asked_of_a_run_is_passed_on(live_runs: LiveRuns) -> None:
    """A request that nobody was told of."""
    first, *_ = live_runs
    Path(first.run.file(EVENTS)).write_bytes(b"{}\n")
    heard: list[str] = []
    await Tick(live_runs, heard.append, LIVELY).turn()
    assert heard == [first.run_id]


async def test_others_have_their_turn_between_the_slices(live_runs: LiveRuns) -> None:
    """A round over very many runs never holds the loop for longer than a slice."""
    turns = 0
    over = False
    loop = asyncio.get_running_loop()

    def other() -> None:
        nonlocal turns
        turns += 1
        if not over:
            loop.call_soon(other)

    loop.call_soon(other)
    await Tick(live_runs, lambda _: None, LIVELY._replace(slice_seconds=0.0)).turn()
    over = True
    assert turns >= COUNT


def test_among_very_many_each_is_polled_less_often(live_runs: LiveRuns) -> None:
    """So many quiet runs cost no more than some do."""
    few = live_runs.poll_seconds
    for number in range(10_000):
        live_runs.enter(LiveRun(f"more{number}", "ada", RunDir(f"/nowhere/{number}")))
    assert few == 30.0
    assert live_runs.poll_seconds == pytest.approx(100.2)
