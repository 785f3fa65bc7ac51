"""How a task lies in Redis: its fields as values, and the scripts' replies as tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import msgspec

from gateway.stores.errors import StaleEpoch, TaskGone
from gateway.stores.redis_client import unavailable
from gateway.stores.replies import broken, integer, items, text
from gateway.stores.spec import TaskSpec
from protocol.errors import GatewayError, Kind, Subject
from protocol.tasks import TRANSITIONS, Outcome, Progress, Task, TaskId, TaskState

__all__ = [
    "QUEUE_MEMBERSHIP",
    "SOURCES",
    "encode_meta",
    "encode_outcome",
    "encode_progress",
    "expect_ok",
    "refuse",
    "task_of",
]

_S = TaskState

SOURCES: Mapping[TaskState, str] = {
    state: "".join(f",{before}" for before, after in TRANSITIONS.items() if state in after) + ","
    for state in TaskState
}
"""For each state, the states from which it may be reached, as the scripts want them."""

QUEUE_MEMBERSHIP: Mapping[TaskState, str] = {
    _S.ACCEPTED: "wait",
    _S.QUEUED: "wait",
    _S.HELD: "out",
    _S.STARTING: "run",
    _S.RUNNING: "run",
    _S.SUSPENDED: "run",
    _S.RETRYING: "stay",
    _S.KILLING: "stay",
    _S.SUCCEEDED: "final",
    _S.FAILED: "final",
    _S.KILLED: "final",
    _S.TIMED_OUT: "final",
    _S.LOST: "final",
}
"""For each state, where its tasks are: waiting, running, wherever they were, nowhere or ended."""


@dataclass(frozen=True, slots=True)
class _Meta:
    number: int
    owner: str
    engine: str
    language: str
    created_ms: int
    name: str
    dialect: str
    expires_ms: int
    seconds: float = 0.0
    client: Mapping[str, object] = field(default_factory=dict)
    shared: bool = False
    tags: tuple[str, ...] = ()


def encode_meta(spec: TaskSpec) -> bytes:
    """The part of a record that never changes."""
    return msgspec.msgpack.encode(
        _Meta(
            number=spec.number,
            owner=spec.owner,
            engine=spec.engine,
            language=spec.language,
            created_ms=spec.created_ms,
            name=spec.name,
            dialect=spec.dialect,
            expires_ms=spec.expires_ms,
            seconds=spec.seconds,
            client=spec.client,
            shared=spec.shared,
            tags=spec.tags,
        )
    )


def encode_outcome(outcome: Outcome | None) -> bytes:
    """An outcome as it lies in a record; nothing is empty."""
    return b"" if outcome is None else msgspec.msgpack.encode(outcome)


def encode_progress(progress: Progress) -> bytes:
    """Progress as it lies in a record."""
    return msgspec.msgpack.encode(progress)


def refuse(status: str, reply: Sequence[object]) -> GatewayError:
    """The error that a script's first word stands for, if it is not the wanted one."""
    match status:
        case "stale":
            return StaleEpoch()
        case "gone":
            return TaskGone(TaskId(text(reply[1])), integer(reply[3]), text(reply[2]))
        case "none":
            return GatewayError(Kind.NOT_FOUND, "there is no such task", subject=Subject.TASK)
        case "unready":
            return unavailable()
        case "named":
            return GatewayError(
                Kind.CONFLICT, "another task has this name", field="name", subject=Subject.TASK_NAME
            )
        case _:
            return broken()


def expect_ok(reply: Sequence[object]) -> None:
    """Raises the error that a script answered in place of a plain ok."""
    status = text(reply[0]) if reply else ""
    if status != "ok":
        raise refuse(status, reply)


def task_of(reply: object) -> Task:
    """The task that a script answered, or the refusal that it answered instead."""
    found = items(reply)
    status = text(found[0]) if found else ""
    if status != "task":
        raise refuse(status, found)
    if len(found) < 15:  # noqa: PLR2004  # the fields of record.lua
        raise broken()
    task = _task(found)
    return _of_node(task, found[15:]) if len(found) > 15 else task  # noqa: PLR2004  # as above


def _task(found: Sequence[object]) -> Task:
    outcome, progress = found[7], found[8]
    try:
        meta = msgspec.msgpack.decode(_raw(found[2]), type=_Meta)
        return Task(
            id=TaskId(text(found[1])),
            number=meta.number,
            owner=meta.owner,
            engine=meta.engine,
            language=meta.language,
            state=TaskState(text(found[3])),
            created_ms=meta.created_ms,
            name=meta.name,
            dialect=meta.dialect,
            client=meta.client,
            version=integer(found[4]),
            started_ms=integer(found[5]),
            finished_ms=integer(found[6]),
            expires_ms=meta.expires_ms,
            outcome=msgspec.msgpack.decode(_raw(outcome), type=Outcome) if outcome else None,
            progress=(
                msgspec.msgpack.decode(_raw(progress), type=Progress) if progress else Progress()
            ),
            last_line=max(integer(found[9]), integer(found[11])),
            log_complete=found[10] is not None,
            tags=(
                msgspec.msgpack.decode(_raw(found[12]), type=tuple[str, ...])
                if found[12]
                else meta.tags
            ),
            seconds=float(text(found[13])) if found[13] else meta.seconds,
            shared=meta.shared,
            waiting_reason=text(found[14]),
        )
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise broken() from error


def _of_node(task: Task, said: Sequence[object]) -> Task:
    """The task with its node, one of several, and since when that gives no sign of life."""
    node, since = text(said[0]), integer(said[1])
    if not since:
        return replace(task, node=node)
    when = datetime.fromtimestamp(since / 1000, UTC).isoformat(" ", "seconds")
    reason = f"its node {node} is unreachable since {when}"
    return replace(task, node=node, unreachable_since_ms=since, waiting_reason=reason)


def _raw(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise broken()
    return value
