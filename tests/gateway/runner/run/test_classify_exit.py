"""What the end of a run means."""

from __future__ import annotations

import pytest

from engines.rundir.facts import Exit, ExitKind
from gateway.runner.run.classify_exit import classify_exit
from protocol.tasks import Reason, TaskState


@pytest.mark.parametrize(
    ("end", "state", "reason"),
    [
        (Exit(ExitKind.EXITED, 0), TaskState.SUCCEEDED, Reason.EXITED),
        (Exit(ExitKind.EXITED, 3), TaskState.FAILED, Reason.EXITED),
        (Exit(ExitKind.SIGNALLED, signal=11), TaskState.FAILED, Reason.SIGNALLED),
        (Exit(ExitKind.START_FAILED, reason="ENOENT"), TaskState.FAILED, Reason.START_FAILED),
        (
            Exit(ExitKind.START_FAILED, reason="engine_error"),
            TaskState.FAILED,
            Reason.ENGINE_ERROR,
        ),
        (Exit(ExitKind.KILLED, signal=15), TaskState.KILLED, Reason.KILLED),
        (Exit(ExitKind.KILLED_BEFORE_START), TaskState.KILLED, Reason.KILLED_BEFORE_START),
        (Exit(ExitKind.TIME_LIMIT, signal=9), TaskState.TIMED_OUT, Reason.TIME_LIMIT),
        (
            Exit(ExitKind.TIME_LIMIT, reason="queue_time_limit"),
            TaskState.TIMED_OUT,
            Reason.QUEUE_TIME_LIMIT,
        ),
        (Exit(ExitKind.OUT_OF_MEMORY, signal=9), TaskState.FAILED, Reason.OUT_OF_MEMORY),
        (Exit(ExitKind.LOST, reason="shim_died"), TaskState.LOST, Reason.SHIM_DIED),
        (Exit(ExitKind.LOST, reason="node_restarted"), TaskState.LOST, Reason.NODE_RESTARTED),
        (Exit(ExitKind.LOST, reason="exit_unreadable"), TaskState.LOST, Reason.SHIM_DIED),
    ],
)
def test_every_ending_has_a_state_and_a_reason(end: Exit, state: TaskState, reason: Reason) -> None:
    """The table of endings, with code and signal as they were collected."""
    verdict = classify_exit(end, requested=False)
    assert verdict.state is state
    assert verdict.outcome.reason is reason
    assert (verdict.outcome.exit_code, verdict.outcome.signal) == (end.exit_code, end.signal)


@pytest.mark.parametrize("kind", ExitKind)
def test_an_acknowledged_kill_ends_as_killed(kind: ExitKind) -> None:
    """However the run went by itself meanwhile; only a lost run stays lost."""
    verdict = classify_exit(Exit(kind, 0), requested=True)
    lost = kind is ExitKind.LOST
    assert verdict.state is (TaskState.LOST if lost else TaskState.KILLED)
