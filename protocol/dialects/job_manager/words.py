"""The job manager's own words: its states, its identifiers, its idea of time."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from protocol.answers import answer_id
from protocol.errors import GatewayError, Kind
from protocol.tasks import Task, TaskState

__all__ = ["STATES", "answer_of", "described", "expired", "moment", "seconds", "states", "uuid"]

_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)
_NUMBER = re.compile(r"\d{1,20}(?:\.\d{1,9})?", re.ASCII)
_LAST_SECOND = 253_402_300_799  # of the year 9999, where ISO 8601 ends

STATES: Mapping[TaskState, str] = {
    TaskState.ACCEPTED: "queued",
    TaskState.QUEUED: "queued",
    TaskState.HELD: "queued",
    TaskState.STARTING: "queued",
    TaskState.RETRYING: "queued",
    TaskState.RUNNING: "running",
    TaskState.SUSPENDED: "running",
    TaskState.KILLING: "running",
    TaskState.SUCCEEDED: "done",
    TaskState.FAILED: "failed",
    TaskState.TIMED_OUT: "failed",
    TaskState.LOST: "failed",
    TaskState.KILLED: "cancelled",
}
"""What each state of a task is called here."""


def states(names: str, field: str) -> tuple[TaskState, ...]:
    """The states of tasks that a comma separated list of this dialect's names means."""
    wanted = {name.strip() for name in names.split(",")}
    unknown = sorted(wanted - set(STATES.values()))
    if unknown:
        raise GatewayError(Kind.INVALID, f"{field} has no state {unknown[0][:64]!r}", field=field)
    return tuple(state for state, name in STATES.items() if name in wanted)


def uuid(value: object, field: str) -> str:
    """A UUID in canonical form of any version, in lower case."""
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise GatewayError(Kind.INVALID, f"{field} must be a UUID", field=field)
    return value.lower()


def seconds(time_ms: int) -> int | None:
    """A moment as seconds since the epoch, None for "not yet"."""
    return time_ms // 1000 if time_ms else None


def moment(text: str, field: str) -> int:
    """The moment (ms, epoch, never 0) that epoch seconds or ISO 8601 text names.

    ISO 8601 text without an offset is UTC.
    """
    try:
        value = float(text) if _NUMBER.fullmatch(text) else _iso(text)
    except ValueError as error:
        raise GatewayError(
            Kind.INVALID, f"{field} must be epoch seconds or an ISO 8601 date", field=field
        ) from error
    if not math.isfinite(value) or not 0 <= value <= _LAST_SECOND:
        raise GatewayError(Kind.INVALID, f"{field} lies outside 1970 to 9999", field=field)
    return max(1, round(value * 1000))


def _iso(text: str) -> float:
    when = datetime.fromisoformat(text)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def expired(task: Task, now_ms: int) -> bool:
    """Whether the job's life is over, even if it was not cleared away yet."""
    return 0 < task.expires_ms <= now_ms


def answer_of(task: Task) -> str | None:
    """The id of the data object with the output: none before the end or without a start."""
    return answer_id(task.id) if task.state.final and task.started_ms else None


def described(task: Task) -> dict[str, object]:
    """All that a client is told of a job."""
    outcome = task.outcome
    return {
        "state": STATES[task.state],
        "answer_id": answer_of(task),
        "job_id": task.id,
        "exit_code": outcome.exit_code if outcome else None,
        "created": seconds(task.created_ms),
        "started": seconds(task.started_ms),
        "finished": seconds(task.finished_ms),
        "expires": seconds(task.expires_ms),
        "reason": outcome.reason.value if outcome else None,
        "message": outcome.message if outcome else None,
    }
