"""The account of a kill: what was signalled, what died when, what is left, how that is known."""

from __future__ import annotations

import signal

from engines.rundir.directory import ExitKind, RunDir
from engines.rundir.kill_report import KillRecorder, decode_report, encode_report
from tests.engines.conftest import Judge, Runs
from tests.support.waiting import wait_until

TERM, KILL = int(signal.SIGTERM), int(signal.SIGKILL)


async def test_a_polite_task_is_signalled_once(runs: Runs) -> None:
    """Who goes at the first signal is never sent the certain one."""
    run = await runs.start("sleep", "60")
    started = await _main(run)
    run.request_kill(20)
    run.notify()
    await runs.end(run)
    report = run.kill_report()
    assert report is not None
    assert (report.why, report.grace_seconds) == (ExitKind.KILLED, 20)
    assert [one.signal for one in report.signals] == [TERM]
    assert report.signals[0].pids == (started,)
    assert [(one.pid, one.signal) for one in report.deaths] == [(started, TERM)]
    assert report.begun_ms <= report.signals[0].first_ms <= report.deaths[0].at_ms <= report.at_ms
    assert report.left == ()
    assert report.proof in ("cgroup", "reaper")


async def test_a_stubborn_task_is_reported_while_it_lives(runs: Runs) -> None:
    """Before the end of the grace the report is unfinished and names who is left."""
    run = await runs.child("stubborn.sh")
    await runs.ready(run)
    run.request_kill(1)
    run.notify()
    await wait_until(lambda: run.kill_report() is not None, "the first account")
    early = run.kill_report()
    assert early is not None
    assert early.left
    assert early.proof == ""
    await runs.end(run)
    report = run.kill_report()
    assert report is not None
    assert {one.signal for one in report.signals} == {TERM, KILL}
    assert report.died >= len(early.left)
    assert set(early.left) <= {one.pid for one in report.deaths}


async def test_no_grace_is_one_signal(runs: Runs) -> None:
    """With a grace of 0 nobody is asked politely."""
    run = await runs.child("stubborn.sh")
    await runs.ready(run)
    run.request_kill(0)
    run.notify()
    await runs.end(run)
    report = run.kill_report()
    assert report is not None
    assert [one.signal for one in report.signals] == [KILL]


async def test_without_a_group_the_reaper_is_the_proof(ungrouped: tuple[Runs, Judge]) -> None:
    """A run that forks itself away is accounted for too, in bounded space."""
    runs, _ = ungrouped
    run = await runs.child("hopper.py")
    await runs.ready(run)
    run.request_kill(0)
    run.notify()
    await runs.end(run)
    report = run.kill_report()
    assert report is not None
    assert report.proof == "reaper"
    assert 1 <= len(report.deaths) <= 64
    assert report.died >= len(report.deaths)


async def test_a_time_limit_is_accounted_for_too(runs: Runs) -> None:
    """What ends a run at its limit says why."""
    ending, run = await runs.run("sleep", "60", seconds=0.2)
    report = run.kill_report()
    assert ending.kind == ExitKind.TIME_LIMIT
    assert report is not None
    assert report.why == ExitKind.TIME_LIMIT


async def test_who_ends_alone_has_no_report(runs: Runs) -> None:
    """Nothing is stated where nothing was killed."""
    _, run = await runs.run("true")
    assert run.kill_report() is None


def test_a_report_is_bounded() -> None:
    """However many processes there were, some are named and all are counted."""
    recorder = KillRecorder("killed", 0.0, 1)
    recorder.signalled(KILL, range(1, 101), 2)
    recorder.signalled(KILL, range(50, 201), 3)
    for pid in range(1, 201):
        recorder.died(pid, KILL, 4)
    report = recorder.state(range(500), "", 5)
    assert report.signals[0].sent == 251
    assert report.signals[0].first_ms == 2
    assert report.signals[0].last_ms == 3
    assert len(report.signals[0].pids) == 64
    assert (report.died, len(report.deaths), len(report.left)) == (200, 64, 64)
    assert decode_report(encode_report(report)) == report


def test_an_unreadable_report_is_none() -> None:
    """Nothing is made up."""
    for data in (b"", b"[]", b"{}", b'{"why": 1, "signals": 3}'):
        assert decode_report(data) is None


async def _main(run: RunDir) -> int:
    await wait_until(lambda: run.started() is not None, "the task runs")
    started = run.started()
    assert started is not None
    return started.pid
