"""Every question to the gateway as a value: which request to make and how to read the reply.

Follows the Linkis entrance contract and our subscribe extension. No I/O: both clients, and both
ways of asking (HTTP and websocket), use these builders and readers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import quote, unquote

import orjson

from gateway.client import reading
from gateway.client.errors import ClientError
from gateway.client.reading import Document
from gateway.client.values import (
    KillReport,
    LogPage,
    Progress,
    SessionRow,
    Stage,
    Status,
    Submitted,
    TaskRow,
    Ticket,
)

__all__ = [
    "SOCKET_PATH",
    "Call",
    "Message",
    "Reply",
    "Submission",
    "ack_frame",
    "describe",
    "end_session",
    "execute",
    "execute_frame",
    "kill",
    "kill_report",
    "list_sessions",
    "list_tasks",
    "log",
    "login",
    "parse_message",
    "progress",
    "read_progress",
    "read_submitted",
    "status",
    "subscribe_frame",
]

# Without resume: what is pushed to a browser of the same user is not taken away from it.
SOCKET_PATH = "/ws/api/entrance/connect?resume=false"
_ROOT = "/api/rest_j/v1"
_ENTRANCE = f"{_ROOT}/entrance"
_COOKIE = "linkis_user_session_ticket_id_v1"
_SECONDS = 30.0

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer as it came."""

    code: int
    body: bytes
    cookies: Mapping[str, str] = field(default_factory=dict)
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """One HTTP request: ``seconds`` is the deadline for the whole of it."""

    method: str
    path: str
    read: Callable[[Document, Reply], T_co]
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = _SECONDS

    def parse(self, reply: Reply) -> T_co:
        """What was asked for; raises ClientError if the gateway refused."""
        try:
            document = reading.decode(reply.body)
        except ClientError as error:
            words = f"the gateway answered HTTP {reply.code} without an envelope"
            raise ClientError(words, code=reply.code, retry_after=reply.retry_after) from error
        number = document.get("status")
        if number != 0 or reply.code >= _BAD:
            raise ClientError(
                reading.refusal(document) or f"HTTP {reply.code}",
                status=number if isinstance(number, int) else 1,
                code=reply.code,
                retry_after=reply.retry_after,
            )
        return self.read(reading.section(document, "data"), reply)


@dataclass(frozen=True, slots=True)
class Message:
    """A websocket message, taken apart: ``verb`` is the last word of its method."""

    verb: str
    exec_id: str
    status: int
    text: str
    data: Document


def login(user: str, password: str) -> Call[Ticket]:
    """Asks for a ticket."""

    def read(data: Document, reply: Reply) -> Ticket:
        token = reply.cookies.get(_COOKIE, "") or reading.text(data, "token", "")
        if not token:
            raise ClientError("the gateway let the user in but gave no ticket")
        admin = reading.flag(data, "isAdmin", default=False)
        return Ticket(reading.text(data, "userName", user), admin, token)

    body = orjson.dumps({"userName": user, "password": password})
    return Call("POST", f"{_ROOT}/user/login", read, body=body)


@dataclass(frozen=True, slots=True)
class Submission:
    """Code that is to be run; the same request id again gives the same task: a retry is safe.

    ``push`` asks a websocket for the task's changes of state and progress besides its lines.
    ``session`` names a warm session, ``none`` a process of its own; empty is the engine's default.
    """

    engine: str
    language: str
    code: str
    request_id: str
    push: bool = True
    session: str = ""


def execute(submission: Submission) -> Call[Submitted]:
    """Submits code."""

    def read(data: Document, _reply: Reply) -> Submitted:
        return read_submitted(data)

    body = orjson.dumps(_execution(submission))
    return Call("POST", f"{_ENTRANCE}/execute", read, body=body)


def status(task: str) -> Call[Status]:
    """Asks how far a task is; ``task`` is an execID or a task number."""

    def read(data: Document, _reply: Reply) -> Status:
        return Status(
            reading.text(data, "execID", task),
            reading.text(data, "status"),
            reading.number(data, "taskID", 0),
            reading.optional(data, "exitCode"),
            reading.optional(data, "signal"),
        )

    return Call("GET", _path(task, "status"), read)


def progress(task: str) -> Call[Progress]:
    """Asks how much of a task is done."""

    def read(data: Document, _reply: Reply) -> Progress:
        return read_progress(data)

    return Call("GET", _path(task, "progress"), read)


def kill(task: str, grace: float | None = None) -> Call[str]:
    """Asks for a task to end; answers its execID.

    ``grace`` is how many seconds lie between the polite signal and the certain one; None for as
    many as the gateway gives.
    """

    def read(data: Document, _reply: Reply) -> str:
        return reading.text(data, "execID", task)

    query = {} if grace is None else {"grace": f"{grace:g}"}
    return Call("POST", _path(task, "kill"), read, query)


def kill_report(task: str, grace: float | None = None, wait: float = 0.0) -> Call[KillReport]:
    """As ``kill``, answered by a report, after the end if that comes within ``wait`` seconds."""

    def read(data: Document, _reply: Reply) -> KillReport:
        report = reading.section(data, "report")
        left = report.get("left")
        return KillReport(
            reading.text(data, "execID", task),
            reading.text(data, "status"),
            reading.text(report, "state"),
            reading.flag(report, "verified"),
            reading.text(report, "proof", ""),
            tuple(reading.text(row, "name") for row in reading.rows(report, "signals")),
            reading.number(report, "diedCount", 0),
            tuple(pid for pid in left if isinstance(pid, int)) if isinstance(left, list) else (),
            data,
        )

    query = {"report": "true", "wait": f"{wait:g}"}
    if grace is not None:
        query["grace"] = f"{grace:g}"
    return Call("POST", _path(task, "kill"), read, query, seconds=_SECONDS + wait)


def describe(task: str) -> Call[TaskRow]:
    """Asks for the row of one task, which says in words why it failed."""

    def read(data: Document, _reply: Reply) -> TaskRow:
        return _row(reading.section(data, "task"))

    return Call("GET", f"{_ROOT}/jobhistory/{quote(task, safe=':')}/get", read)


def list_tasks(
    states: Sequence[str] = (), page: int = 1, size: int = 100
) -> Call[tuple[TaskRow, ...]]:
    """Asks for the user's tasks, newest first; ``states`` are status words, none for all."""

    def read(data: Document, _reply: Reply) -> tuple[TaskRow, ...]:
        return tuple(_row(row) for row in reading.rows(data, "tasks"))

    query = {"pageNow": str(page), "pageSize": str(size)}
    if states:
        query["status"] = ",".join(states)
    return Call("GET", f"{_ROOT}/jobhistory/list", read, query)


def list_sessions(*, everybody: bool = False) -> Call[tuple[SessionRow, ...]]:
    """Asks for the user's warm sessions, oldest first; an administrator may see everybody's."""

    def read(data: Document, _reply: Reply) -> tuple[SessionRow, ...]:
        return tuple(_session(row) for row in reading.rows(data, "sessions"))

    query = {"all": "true"} if everybody else {}
    return Call("GET", f"{_ENTRANCE}/sessions", read, query)


def end_session(session: str) -> Call[SessionRow]:
    """Asks for a warm session to end, with the statement that runs in it."""

    def read(data: Document, _reply: Reply) -> SessionRow:
        return _session(reading.section(data, "session"))

    return Call("POST", f"{_ENTRANCE}/sessions/{quote(session, safe='')}/kill", read)


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
    }
    if part:
        query["fromPart"] = str(part)
    return Call("GET", _path(task, "log"), read, query, seconds=_SECONDS + wait)


def execute_frame(submission: Submission) -> str:
    """The message that submits code; the request id serves as its tag too."""
    return _frame(f"{_ENTRANCE}/execute", _execution(submission), submission.request_id)


def subscribe_frame(
    task: str, line: int, part: int, *, partial: bool = False, credit: int = 0
) -> str:
    """The message that asks for all lines from ``line`` on, as they come.

    ``part`` is the first part wanted of a long line, 0 for the whole of it. ``partial`` asks for
    glimpses of the line that has not ended; ``credit`` is how many lines may come ahead of the
    last ``ack_frame``, 0 for any number.
    """
    data: dict[str, object] = {"fromLine": line, "format": "lines", "text": "raw"}
    if part:
        data["fromPart"] = part
    if partial:
        data["partial"] = True
    if credit:
        data["credit"] = credit
    return _frame(_path(task, "subscribe"), data)


def ack_frame(task: str, line: int, part: int) -> str:
    """The message that says that all before ``line``, and its first ``part`` parts, are done."""
    data: dict[str, object] = {"line": line, "part": part} if part else {"line": line - 1}
    return _frame(_path(task, "ack"), data)


def parse_message(frame: str | bytes) -> Message:
    """Takes a websocket message apart."""
    document = reading.decode(frame)
    method = reading.text(document, "method", "").rstrip("/")
    head, _, verb = method.rpartition("/")
    return Message(
        verb,
        unquote(head.rpartition("/")[2]),
        reading.number(document, "status", 0) if document.get("status") != -1 else -1,
        reading.refusal(document),
        reading.section(document, "data"),
    )


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


_BAD = 400


def _path(task: str, verb: str) -> str:
    return f"{_ENTRANCE}/{quote(task, safe=':')}/{verb}"


def _execution(submission: Submission) -> dict[str, object]:
    special = {"session": submission.session} if submission.session else {}
    body: dict[str, object] = {
        "executeApplicationName": submission.engine,
        "runType": submission.language or submission.engine,
        "executionCode": submission.code,
        "requestId": submission.request_id,
        "params": {"configuration": {"special": special}} if special else {},
        # What a person typed is run to the letter.
        "variables": False,
    }
    return body if submission.push else body | {"push": False}


def _frame(method: str, data: Mapping[str, object], tag: str = "") -> str:
    envelope: dict[str, object] = {"method": method, "data": data}
    if tag:
        envelope["websocketTag"] = tag
    return orjson.dumps(envelope).decode()


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
        reading.text(row, "errDesc", "") if row.get("errDesc") is not None else "",
    )


def _session(row: Document) -> SessionRow:
    return SessionRow(
        reading.text(row, "id"),
        reading.text(row, "state"),
        reading.text(row, "user", ""),
        reading.text(row, "engineType", ""),
        reading.text(row, "creator", ""),
        reading.number(row, "createdTime", 0),
        reading.optional(row, "lastUsedTime") or 0,
        reading.number(row, "statements", 0),
    )
