"""The states against their tables: of a task, and of a run as a function of its facts."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.rundir.directory import EXIT, KILL, SHIM, SPEC, STARTED, SUSPENDED, RunDir, RunState
from protocol.tasks import TRANSITIONS, TaskState

ENDINGS = {
    TaskState.SUCCEEDED,
    TaskState.FAILED,
    TaskState.KILLED,
    TaskState.TIMED_OUT,
    TaskState.LOST,
}
FACTS = (SPEC, SHIM, STARTED, SUSPENDED, KILL, EXIT)


@given(st.lists(st.sampled_from(TaskState), max_size=40))
def test_a_walk_by_the_table_ends_once(requests: list[TaskState]) -> None:
    """Whatever is requested in whatever order, a task passes each final state at most once."""
    state, finals = TaskState.ACCEPTED, 0
    for request in requests:
        if request in TRANSITIONS[state]:
            state = request
            finals += request.final
    assert finals <= 1
    assert state.final is bool(finals)


def test_every_state_leads_to_an_end() -> None:
    """From every state some final state is reachable in one step, and only finals stay."""
    assert {state for state in TaskState if state.final} == ENDINGS
    for state in TaskState:
        assert state.final or TRANSITIONS[state] & ENDINGS


def test_a_kill_that_was_acknowledged_ends_as_one() -> None:
    """Nothing that is being killed can still be told as a success, a failure or a time-out."""
    assert TRANSITIONS[TaskState.KILLING] == {TaskState.KILLED, TaskState.LOST}


def test_a_task_that_ran_never_waits_again_unasked() -> None:
    """Only a retry leads from a run back to the queue."""
    back = {TaskState.ACCEPTED, TaskState.QUEUED, TaskState.HELD, TaskState.STARTING}
    for state in (TaskState.RUNNING, TaskState.SUSPENDED, TaskState.KILLING):
        assert not TRANSITIONS[state] & back


def due(facts: frozenset[str], *, locked: bool) -> RunState:
    """The state that the table of the promises gives to a set of facts."""
    if EXIT in facts:
        return RunState.ENDED
    if locked:
        if KILL in facts:
            return RunState.KILLING
        if SUSPENDED in facts:
            return RunState.SUSPENDED
        return RunState.RUNNING if STARTED in facts else RunState.STARTING
    return RunState.ORPHANED if SHIM in facts else RunState.ACCEPTED


@pytest.mark.parametrize("locked", [False, True])
def test_a_run_is_what_its_facts_say(tmp_path: Path, locked: bool) -> None:  # noqa: FBT001 - a table
    """For every set of facts, with the lock held and free, the state is the table's."""
    for number, chosen in enumerate(itertools.product((False, True), repeat=len(FACTS) - 1)):
        facts = frozenset(itertools.compress(FACTS[1:], chosen))
        folder = tmp_path / str(number)
        folder.mkdir()
        for fact in (SPEC, *facts):
            (folder / fact).write_bytes(b"{}\n")
        run = RunDir(folder)
        lock = run.take() if locked else None
        assert run.state() is due(facts, locked=locked), (sorted(facts), locked)
        if lock is not None:
            os.close(lock)


def test_no_spec_is_no_run(tmp_path: Path) -> None:
    """Where there is no directory there is no state; a run may have removed its own spec."""
    with pytest.raises(FileNotFoundError):
        RunDir(tmp_path / "none").state()
    assert RunDir(tmp_path).state() is RunState.ACCEPTED
