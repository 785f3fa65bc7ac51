"""Control of tasks from a client: hold, resume, suspend, signal, limit, tag, events, output.

Both clients have these as ``client.control``. Every call may be repeated: a signal carries an id by
which the gateway knows its repetition.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from gateway.client import reading
from gateway.client.asking import Ask, AskLater
from gateway.client.call import Call, Reply, task_path
from gateway.client.reading import Document
from gateway.client.task_ref import TaskLike, task_text

__all__ = ["AsyncControl", "Control", "Controlled", "Event", "Events", "Output"]


@dataclass(frozen=True, slots=True)
class Controlled:
    """A task that something was asked of. ``state`` is the gateway's own word for its status.

    ``status`` is the dialect's. ``limit_seconds`` is the limit of its running time, 0 for none.
    """

    exec_id: str
    task_id: int
    status: str
    state: str
    limit_seconds: float
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a task, or was asked of it; ``record`` is all that was said of it."""

    number: int
    time_ms: int
    event: str
    state: str
    who: str
    reason: str
    record: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Events:
    """A page of events; ``next`` is where to go on if there are ``more``."""

    events: tuple[Event, ...]
    next: int
    more: bool


@dataclass(frozen=True, slots=True)
class Output:
    """Bytes of a stream: they begin at ``first``, and ``next`` is where to go on.

    ``complete`` says that the task has ended and that nothing follows.
    """

    first: int
    data: bytes
    next: int
    complete: bool


class Control:
    """The calls for threads; ``task`` is everywhere an execID or a task number."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def hold(self, task: TaskLike) -> Controlled:
        """Keeps a waiting task from being started until it is resumed."""
        return self._ask(change(task, "hold"))

    def resume(self, task: TaskLike) -> Controlled:
        """Lets a held task wait for its turn again, or a suspended one go on."""
        return self._ask(change(task, "resume"))

    def suspend(self, task: TaskLike) -> Controlled:
        """Has a running task stand still; its running time stands still too."""
        return self._ask(change(task, "suspend"))

    def signal(self, task: TaskLike, name: str | int, *, everybody: bool = False) -> Controlled:
        """Sends a signal to the main process, or to all of them, once."""
        return self._ask(signal(task, name, everybody=everybody))

    def set_limit(self, task: TaskLike, seconds: float) -> Controlled:
        """Changes the limit of the running time, 0 for none."""
        return self._ask(change(task, "limit", {"seconds": seconds}))

    def tag(
        self, task: TaskLike, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> Controlled:
        """Puts words on a task and takes others off."""
        return self._ask(change(task, "tag", {"add": list(add), "remove": list(remove)}))

    def events(self, task: TaskLike, after: int = 0, size: int = 100) -> Events:
        """What happened to a task after the event of that number, oldest first."""
        return self._ask(events(task, after, size))

    def output(
        self, task: TaskLike, stream: str = "stdout", first: int = 0, last: int = -1
    ) -> Output:
        """The bytes of a stream from ``first`` to ``last``; a negative ``first`` is the tail."""
        return self._ask(output(task, stream, first, last))


class AsyncControl:
    """The same for asyncio."""

    def __init__(self, ask: AskLater) -> None:
        self._ask = ask

    async def hold(self, task: TaskLike) -> Controlled:
        """Keeps a waiting task from being started until it is resumed."""
        return await self._ask(change(task, "hold"))

    async def resume(self, task: TaskLike) -> Controlled:
        """Lets a held task wait for its turn again, or a suspended one go on."""
        return await self._ask(change(task, "resume"))

    async def suspend(self, task: TaskLike) -> Controlled:
        """Has a running task stand still; its running time stands still too."""
        return await self._ask(change(task, "suspend"))

    async def signal(
        self, task: TaskLike, name: str | int, *, everybody: bool = False
    ) -> Controlled:
        """Sends a signal to the main process, or to all of them, once."""
        return await self._ask(signal(task, name, everybody=everybody))

    async def set_limit(self, task: TaskLike, seconds: float) -> Controlled:
        """Changes the limit of the running time, 0 for none."""
        return await self._ask(change(task, "limit", {"seconds": seconds}))

    async def tag(
        self, task: TaskLike, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> Controlled:
        """Puts words on a task and takes others off."""
        return await self._ask(change(task, "tag", {"add": list(add), "remove": list(remove)}))

    async def events(self, task: TaskLike, after: int = 0, size: int = 100) -> Events:
        """What happened to a task after the event of that number, oldest first."""
        return await self._ask(events(task, after, size))

    async def output(
        self, task: TaskLike, stream: str = "stdout", first: int = 0, last: int = -1
    ) -> Output:
        """The bytes of a stream from ``first`` to ``last``; a negative ``first`` is the tail."""
        return await self._ask(output(task, stream, first, last))


def change(task: TaskLike, verb: str, body: Mapping[str, object] | None = None) -> Call[Controlled]:
    """Asks something of a task; answered with the task as it then is."""
    return Call(
        "POST", task_path(task_text(task), verb), _controlled, body=orjson.dumps(body or {})
    )


def signal(task: TaskLike, name: str | int, *, everybody: bool = False) -> Call[Controlled]:
    """Sends a signal, once however often it is asked for."""
    asked = {"signal": name, "all": everybody, "requestId": uuid.uuid4().hex}
    return change(task, "signal", asked)


def events(task: TaskLike, after: int, size: int) -> Call[Events]:
    """Asks what happened to a task."""

    def read(data: Document, _reply: Reply) -> Events:
        found = tuple(_event(row) for row in reading.rows(data, "events"))
        return Events(found, reading.number(data, "next", 0), reading.flag(data, "more"))

    return Call(
        "GET", task_path(task_text(task), "events"), read, {"after": str(after), "size": str(size)}
    )


def output(task: TaskLike, stream: str, first: int, last: int) -> Call[Output]:
    """Asks for the bytes of a stream."""

    def read(_data: Document, reply: Reply) -> Output:
        begin = int(reply.headers.get("x-narthex-first", "0"))
        following = int(reply.headers.get("x-narthex-next", "0"))
        complete = reply.headers.get("x-narthex-complete") == "true"
        return Output(begin, reply.body, following, complete)

    query = {"stream": stream, "first": str(first), "last": str(last)}
    return Call("GET", task_path(task_text(task), "output"), read, query, raw=True)


def _controlled(data: Document, _reply: Reply) -> Controlled:
    tags = data.get("tags")
    return Controlled(
        reading.text(data, "execID"),
        reading.number(data, "taskID"),
        reading.text(data, "status"),
        reading.text(data, "state"),
        reading.real(data, "limitSeconds", 0.0),
        tuple(map(str, tags)) if isinstance(tags, list) else (),
    )


def _event(row: Document) -> Event:
    return Event(
        reading.number(row, "n"),
        reading.number(row, "t"),
        reading.text(row, "event"),
        reading.text(row, "state", ""),
        reading.text(row, "who", ""),
        reading.text(row, "reason", ""),
        row,
    )
