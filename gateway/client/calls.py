"""The questions about tasks: submit, look, list, read the log.

Follows the Linkis entrance contract and our extensions. No I/O.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from urllib.parse import quote

import orjson

from gateway.client import reading
from gateway.client.call import ENTRANCE, ROOT, SECONDS, Call, Reply, task_path
from gateway.client.errors import ClientError
from gateway.client.reading import Document
from gateway.client.submission import Submission, body_of
from gateway.client.values import LogPage, Progress, Stage, Status, Submitted, TaskRow, Ticket

__all__ = [
    "describe",
    "execute",
    "forget",
    "list_tasks",
    "log",
    "login",
    "progress",
    "read_progress",
    "read_submitted",
    "rerun",
    "status",
]

_COOKIE = "linkis_user_session_ticket_id_v1"


def login(user: str, password: str) -> Call[Ticket]:
    """Asks for a ticket."""

    def read(data: Document, reply: Reply) -> Ticket:
        token = reply.cookies.get(_COOKIE, "") or reading.text(data, "token", "")
        if not token:
            raise ClientError("the gateway let the user in but gave no ticket")
        admin = reading.flag(data, "isAdmin", default=False)
        return Ticket(reading.text(data, "userName", user), admin, token)

    body = orjson.dumps({"userName": user, "password": password})
    return Call("POST", f"{ROOT}/user/login", read, body=body)


def execute(submission: Submission) -> Call[Submitted]:
    """Submits code."""

    def read(data: Document, _reply: Reply) -> Submitted:
        return read_submitted(data)

    body = orjson.dumps(body_of(submission))
    return Call("POST", f"{ENTRANCE}/execute", read, body=body, headers=submission.trace)


def status(task: str) -> Call[Status]:
    """Asks for the status of a task; ``task`` is an execID or a task number."""

    def read(data: Document, _reply: Reply) -> Status:
        return Status(
            reading.text(data, "execID", task),
            reading.text(data, "status"),
            reading.number(data, "taskID", 0),
            reading.optional(data, "exitCode"),
            reading.optional(data, "signal"),
            reading.text(data, "waitingReason", ""),
        )

    return Call("GET", task_path(task, "status"), read)


def progress(task: str) -> Call[Progress]:
    """Asks how much of a task is done."""

    def read(data: Document, _reply: Reply) -> Progress:
        return read_progress(data)

    return Call("GET", task_path(task, "progress"), read)


def describe(task: str) -> Call[TaskRow]:
    """Asks for the row of one task, which says in words why it failed."""

    def read(data: Document, _reply: Reply) -> TaskRow:
        return _row(reading.section(data, "task"))

    return Call("GET", f"{ROOT}/jobhistory/{quote(task, safe=':')}/get", read)


def forget(task: str) -> Call[Submitted]:
    """Asks for a task to be forgotten with all of its output."""

    def read(data: Document, _reply: Reply) -> Submitted:
        return read_submitted(data)

    return Call("POST", task_path(task, "delete"), read)


def rerun(task: str, code: str = "") -> Call[Submitted]:
    """Asks for what a task was given to be run once more; ``code`` in place of its own."""

    def read(data: Document, _reply: Reply) -> Submitted:
        return read_submitted(data)

    body: dict[str, object] = {"requestId": uuid.uuid4().hex}
    if code:
        body["executionCode"] = code
    return Call("POST", task_path(task, "rerun"), read, body=orjson.dumps(body))


def list_tasks(
    states: Sequence[str] = (),
    page: int = 1,
    size: int = 100,
    *,
    everybody: bool = False,
    user: str = "",
    name: str = "",
    tags: Sequence[str] = (),
) -> Call[tuple[TaskRow, ...]]:
    """Asks for tasks, newest first; ``states`` are status words, none for all.

    They are the user's own, or for an administrator ``everybody``'s or another ``user``'s. ``name``
    is what they are called, ``tags`` are all on them.
    """

    def read(data: Document, _reply: Reply) -> tuple[TaskRow, ...]:
        return tuple(_row(row) for row in reading.rows(data, "tasks"))

    query = {"pageNow": str(page), "pageSize": str(size)}
    if everybody:
        query["isAdminView"] = "true"
    if states:
        query["status"] = ",".join(states)
    more = {"proxyUser": user, "taskName": name, "tags": ",".join(tags)}
    query |= {key: value for key, value in more.items() if value}
    return Call("GET", f"{ROOT}/jobhistory/list", read, query)


def log(task: str, line: int, part: int = 0, size: int = 1000, wait: float = 0.0) -> Call[LogPage]:
    """Asks for lines from ``line`` on; waits up to ``wait`` seconds for the first of them.

    ``part`` is the first part wanted of a long line, 0 for the whole of it.
    """

    def read(data: Document, _reply: Reply) -> LogPage:
        return LogPage(
            tuple(reading.line(row) for row in reading.rows(data, "lines")),
            reading.number(data, "fromLine"),
            reading.number(data, "fromPart", 0),
            reading.number(data, "first", 0),
            reading.number(data, "last", 0),
            reading.flag(data, "eof"),
            reading.text(data, "status", ""),
            reading.gaps(data),
        )

    query = {
        "format": "lines",
        "text": "raw",
        "fromLine": str(line),
        "size": str(size),
        "wait": f"{wait:g}",
        # Also if it is 0: who says it is told exactly where to go on within a line.
        "fromPart": str(part),
    }
    return Call("GET", task_path(task, "log"), read, query, seconds=SECONDS + wait)


def read_submitted(data: Document) -> Submitted:
    """The two names of an accepted task, from a reply or an acknowledgement."""
    return Submitted(reading.text(data, "execID"), reading.number(data, "taskID"))


def read_progress(data: Document) -> Progress:
    """How much is done, from a reply or a push."""
    stages = tuple(
        Stage(
            reading.text(row, "id", ""),
            reading.number(row, "totalTasks", 0),
            reading.number(row, "succeedTasks", 0),
            reading.number(row, "failedTasks", 0),
            reading.number(row, "runningTasks", 0),
        )
        for row in reading.rows(data, "progressInfo")
    )
    return Progress(reading.real(data, "progress"), stages)


def _row(row: Document) -> TaskRow:
    return TaskRow(
        reading.number(row, "taskID"),
        reading.text(row, "strongerExecId", "") or reading.text(row, "execId", ""),
        reading.text(row, "status"),
        reading.text(row, "umUser", ""),
        reading.text(row, "executeApplicationName", ""),
        reading.text(row, "runType", ""),
        reading.number(row, "createdTime", 0),
        reading.number(row, "costTime", 0),
        reading.real(row, "progress", 0.0),
        _known(row, "errDesc"),
        state=_known(row, "state"),
        name=_known(row, "taskName"),
        tags=_words(row, "tags"),
        waiting_reason=_known(row, "waitingReason"),
        code=_known(row, "executionCode"),
        started_ms=reading.optional(row, "engineStartTime") or 0,
        finished_ms=reading.optional(row, "finishedTime") or 0,
        exit_code=reading.optional(row, "exitCode"),
        signal=reading.optional(row, "signal"),
        id=_known(row, "uuid"),
    )


def _known(row: Document, name: str) -> str:
    """A text, empty where it is null or not told."""
    return "" if row.get(name) is None else reading.text(row, name)


def _words(row: Document, name: str) -> tuple[str, ...]:
    value = row.get(name)
    return tuple(map(str, value)) if isinstance(value, list) else ()
