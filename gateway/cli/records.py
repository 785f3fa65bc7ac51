"""What ``--json`` prints: one vocabulary for all commands, described by ``docs/cli.schema.json``.

Every record has a ``type``. A task has an ``id`` (UUID), a ``number`` and an ``exec_id``; states
are the gateway's own words; times are ISO 8601 in UTC with milliseconds, null for never.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.cli.contexts import Context
    from gateway.client.control import Controlled, Event
    from gateway.client.values import (
        End,
        KillReport,
        Progress,
        SessionRow,
        Status,
        Submitted,
        TaskRow,
    )
    from protocol.logs import Gap, Line

__all__ = [
    "context_record",
    "control_record",
    "done_record",
    "end_record",
    "error_record",
    "event_record",
    "gap_record",
    "iso",
    "kill_record",
    "line_record",
    "progress_record",
    "request_record",
    "session_record",
    "state_of",
    "state_record",
    "status_record",
    "submitted_record",
    "task_record",
]

Record = dict[str, object]

_STATES: Mapping[str, str] = {
    "Inited": "accepted",
    "Scheduled": "queued",
    "Running": "running",
    "WaitForRetry": "retrying",
    "Succeed": "succeeded",
    "Failed": "failed",
    "Cancelled": "killed",
    "Timeout": "timed_out",
}
"""The gateway's own word for each of the dialect's."""


def state_of(word: str) -> str:
    """The state that a status word of the dialect stands for."""
    return _STATES.get(word, word.lower())


def iso(time_ms: int) -> str | None:
    """A time (ms, epoch) in ISO 8601 with zone and milliseconds; None for 0."""
    if not time_ms:
        return None
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")


def task_record(row: TaskRow) -> Record:
    """A task with all that is known of it."""
    return {
        "type": "task",
        "id": row.id or None,
        "number": row.task_id,
        "exec_id": row.exec_id,
        "name": row.name,
        "owner": row.owner,
        "engine": row.engine,
        "language": row.language,
        "state": row.state or state_of(row.status),
        "tags": list(row.tags),
        "progress": row.progress,
        "created": iso(row.created_ms),
        "started": iso(row.started_ms),
        "finished": iso(row.finished_ms),
        "waiting_reason": row.waiting_reason,
        "exit_code": row.exit_code,
        "signal": row.signal,
        "error": row.error,
        "code": row.code,
    }


def submitted_record(found: Submitted) -> Record:
    """An accepted task."""
    return {"type": "submitted", "number": found.task_id, "exec_id": found.exec_id}


def status_record(found: Status, fraction: float) -> Record:
    """The status of a task."""
    return {
        "type": "status",
        "number": found.task_id,
        "exec_id": found.exec_id,
        "state": state_of(found.status),
        "progress": fraction,
        "waiting_reason": found.waiting_reason,
        "exit_code": found.exit_code,
        "signal": found.signal,
    }


def line_record(line: Line) -> Record:
    """A line of a log; ``part`` and ``more`` for one that comes in parts."""
    record: Record = {
        "type": "line",
        "line": line.number,
        "time": iso(line.time_ms),
        "stream": str(line.stream),
        "text": line.text,
    }
    if line.part:
        record |= {"part": line.part, "more": line.more}
    return record


def gap_record(gap: Gap) -> Record:
    """Lines that are no longer kept."""
    return {"type": "gap", "first": gap.first, "last": gap.last}


def state_record(word: str) -> Record:
    """Another state."""
    return {"type": "state", "state": state_of(word)}


def progress_record(progress: Progress) -> Record:
    """How much is done."""
    return {
        "type": "progress",
        "progress": progress.fraction,
        "stages": [
            {
                "id": stage.id,
                "total": stage.total,
                "succeeded": stage.succeeded,
                "failed": stage.failed,
                "running": stage.running,
            }
            for stage in progress.stages
        ],
    }


def end_record(end: End) -> Record:
    """How a task ended."""
    return {
        "type": "end",
        "state": state_of(end.status),
        "exit_code": end.exit_code,
        "signal": end.signal,
        "last_line": end.last,
    }


def request_record(request: str, exec_id: str) -> Record:
    """A request that was saved."""
    return {"type": "request", "request": request, "exec_id": exec_id}


def kill_record(report: KillReport) -> Record:
    """What came of a kill."""
    return {
        "type": "kill",
        "exec_id": report.exec_id,
        "state": state_of(report.status),
        "verified": report.verified,
        "proof": report.proof,
        "signals": list(report.signals),
        "died": report.died,
        "left": list(report.left),
    }


def control_record(found: Controlled) -> Record:
    """A task that something was asked of."""
    return {
        "type": "control",
        "number": found.task_id,
        "exec_id": found.exec_id,
        "state": found.state,
        "limit_seconds": found.limit_seconds,
        "tags": list(found.tags),
    }


def event_record(event: Event) -> Record:
    """What happened to a task; what does not belong to its kind is left out."""
    more = {name: one for name, one in event.record.items() if name not in {"n", "t"}}
    return {"type": "event", "event_number": event.number, "time": iso(event.time_ms), **more}


def session_record(row: SessionRow) -> Record:
    """A warm session."""
    return {
        "type": "session",
        "id": row.id,
        "state": row.state,
        "owner": row.owner,
        "engine": row.engine,
        "creator": row.creator,
        "created": iso(row.created_ms),
        "used": iso(row.used_ms),
        "statements": row.statements,
    }


def context_record(name: str, context: Context, *, current: bool) -> Record:
    """A gateway that the user logged in to; never what proves who it is."""
    return {
        "type": "context",
        "name": name,
        "server": context.server,
        "user": context.user,
        "current": current,
    }


def done_record(action: str, subject: str) -> Record:
    """Something that was done: a command in two words, and what it was done to."""
    return {"type": "done", "action": action, "subject": subject}


def error_record(kind: str, message: str, exit_code: int) -> Record:
    """What went wrong, on stderr."""
    return {"type": "error", "kind": kind, "message": message, "exit_code": exit_code}
