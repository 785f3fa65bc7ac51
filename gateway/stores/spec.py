"""What was accepted: the part of a task that never changes, as it lies in its run directory.

The bytes are the truth from which the index is rebuilt: a field may be added with a default, none
may change its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import msgspec

from protocol.commands.tasks import Execute
from protocol.errors import GatewayError, Kind
from protocol.resources import Wants
from protocol.tasks import Again, FileInput, Task, TaskId, TaskState, Warn
from protocol.trace_context import TraceContext, read_trace

__all__ = ["TaskSpec", "decode_spec", "encode_spec", "taken_over"]

_FOR_EVER_SECONDS = 1e10


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One accepted task with everything that its run needs.

    ``seconds`` limits the running time, ``queue_seconds`` the time before it, 0 for no limit.
    ``body_hash`` tells repetitions of ``request_id`` with another body apart. Times are ms since
    the epoch. ``secrets`` are variables whose values are nowhere but here. ``label`` parts the
    sessions of one owner. ``retries`` is how often the start is tried again while nothing was
    executed and what failed may pass. The rest is as in ``Execute``; ``after`` names the tasks that
    were meant. ``group`` is the id of the group that it is a member of, ``gang`` names those that
    start together with it. ``trace`` and ``trace_state`` are its place in a trace, empty while
    tracing is off.
    """

    task_id: TaskId
    number: int
    owner: str
    engine: str
    language: str
    code: str
    created_ms: int
    expires_ms: int = 0
    name: str = ""
    dialect: str = ""
    client: Mapping[str, object] = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[FileInput, ...] = ()
    request_id: str = ""
    body_hash: str = ""
    seconds: float = 0.0
    secrets: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    queue_seconds: float = 0.0
    retries: int = 0
    wants: Wants | None = None
    hold: bool = False
    start_at_ms: int = 0
    after: tuple[TaskId, ...] = ()
    warn: Warn | None = None
    home: str = ""
    shared: bool = False
    rows: int = 0
    tags: tuple[str, ...] = ()
    outputs: tuple[str, str] = ("", "")
    again: Again | None = None
    group: str = ""
    gang: str = ""
    trace: str = ""
    trace_state: str = ""

    @property
    def traced(self) -> TraceContext | None:
        """Where its spans hang; None if nobody wants any."""
        return read_trace(self.trace, self.trace_state) if self.trace else None

    def overdue(self, now_ms: int) -> bool:
        """Whether the task may not wait for its start any longer."""
        return 0 < self.due_ms <= now_ms

    @property
    def due_ms(self) -> int:
        """Until when the task may wait for its start, 0 for ever."""
        if not self.queue_seconds:
            return 0
        return self.created_ms + int(min(self.queue_seconds, _FOR_EVER_SECONDS) * 1000)

    def task(self, state: TaskState = TaskState.QUEUED) -> Task:
        """The task as it is when nothing has happened to it yet."""
        return Task(
            id=self.task_id,
            number=self.number,
            owner=self.owner,
            engine=self.engine,
            language=self.language,
            state=state,
            created_ms=self.created_ms,
            name=self.name,
            dialect=self.dialect,
            client=self.client,
            expires_ms=self.expires_ms,
            version=1,
            seconds=self.seconds,
            shared=self.shared,
            tags=self.tags,
        )


_TAKEN_OVER = tuple(
    sorted({one.name for one in fields(Execute)} & {one.name for one in fields(TaskSpec)})
)


def taken_over(source: Execute | TaskSpec) -> dict[str, Any]:
    """What a submission and its spec both have, by name; the caller replaces what differs."""
    return {name: getattr(source, name) for name in _TAKEN_OVER}


def encode_spec(spec: TaskSpec) -> bytes:
    """The bytes for the run directory; INVALID if the client's words cannot be kept exactly."""
    try:
        return msgspec.msgpack.encode(spec)
    except (OverflowError, TypeError, ValueError, RecursionError) as error:
        raise GatewayError(
            Kind.INVALID, "the request holds a value that cannot be kept exactly"
        ) from error


def decode_spec(data: bytes) -> TaskSpec:
    """The spec in a run directory; INTERNAL if the bytes are not one."""
    try:
        return msgspec.msgpack.decode(data, type=TaskSpec)
    except (msgspec.MsgspecError, GatewayError, RecursionError) as error:
        raise GatewayError(Kind.INTERNAL, "a run directory holds a spec nobody can read") from error
