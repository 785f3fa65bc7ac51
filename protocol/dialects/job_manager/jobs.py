"""The five operations on jobs: what their requests mean and how their results look."""

from __future__ import annotations

import re
from collections.abc import Mapping

from protocol.commands.history import TaskPage, TaskQuery
from protocol.commands.tasks import DeleteTask, Execute, Kill, ReadTask
from protocol.dialects.job_manager.bodies import members, refused, said
from protocol.dialects.job_manager.words import described, expired, moment, states, uuid
from protocol.errors import GatewayError, Kind
from protocol.http import Reply, Request
from protocol.tasks import ById, FileInput, Task, TaskId

__all__ = [
    "NAME",
    "parse_cancel",
    "parse_delete",
    "parse_info",
    "parse_list",
    "parse_run",
    "render_cancel",
    "render_delete",
    "render_info",
    "render_list",
    "render_run",
]

NAME = "job_manager"

_UINT64_MAX = 2**64 - 1
_DECIMAL = re.compile(r"[0-9]{1,20}", re.ASCII)
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)
_MOST_LISTED = 1000
_MOST_SKIPPED = 10_000_000


def parse_run(request: Request) -> Execute:
    """``POST /run``: a shell command with its files and its time to live."""
    body = members(request)
    return Execute(
        engine="shell",
        language="sh",
        code=_command(body),
        dialect=NAME,
        inputs=_inputs(body),
        request_id=_request_id(request),
        life_seconds=_ttl(body.get("ttl")),
    )


def render_run(task: Task, request: Request) -> Reply:
    """201 with the new job's id."""
    del request
    return said(201, {"job_id": task.id})


def parse_info(request: Request) -> ReadTask:
    """``GET /job_info/<job_id>`` or ``GET /job_info?job_id=``."""
    named = request.params.get("job_id", request.query.get("job_id"))
    return ReadTask(_job(named))


def render_info(task: Task, request: Request) -> Reply:
    """State and answer; the life of a job ends on time, not when it is cleared away."""
    if expired(task, request.now_ms):
        return refused(410, Kind.GONE, f"job {task.id} has expired")
    return said(200, described(task))


def parse_list(request: Request) -> TaskQuery:
    """``GET /list_jobs`` with the filters that the document foresees."""
    query = request.query
    return TaskQuery(
        owner=query.get("user", ""),
        states=states(query["state"], "state") if "state" in query else (),
        from_ms=moment(query["from"], "from") if "from" in query else 0,
        to_ms=moment(query["to"], "to") if "to" in query else 0,
        dialect=NAME,
        limit=_number(query, "limit", 1, _MOST_LISTED, _MOST_LISTED),
        offset=_number(query, "offset", 0, _MOST_SKIPPED, 0),
        count=False,
    )


def render_list(found: TaskPage, request: Request) -> Reply:
    """The ids, newest first."""
    ids = [task.id for task in found.tasks if not expired(task, request.now_ms)]
    return said(200, {"job_ids": ids})


def parse_cancel(request: Request) -> Kill:
    """``POST /cancel``."""
    return Kill(_job_of_body(request))


def render_cancel(task: Task, request: Request) -> Reply:
    """200 when the request is registered; a job that had ended before is refused."""
    if expired(task, request.now_ms):
        return refused(400, Kind.GONE, f"job {task.id} has expired")
    if task.state.final and task.finished_ms < request.now_ms:
        return refused(400, Kind.CONFLICT, f"job {task.id} has already ended")
    return said(200, {"job_id": task.id})


def parse_delete(request: Request) -> DeleteTask:
    """``DELETE /delete``, also ``DELETE /cancel`` as in the document's sample call."""
    return DeleteTask(_job_of_body(request))


def render_delete(task: Task, request: Request) -> Reply:
    """200 for a job that lived until now, whatever its state."""
    if expired(task, request.now_ms):
        return refused(400, Kind.GONE, f"job {task.id} has expired")
    return said(200, {"job_id": task.id})


def _command(body: Mapping[str, object]) -> str:
    command = body.get("command")
    if not isinstance(command, str):
        problem = "must be a string" if "command" in body else "is missing"
    elif not command.strip():
        problem = "is blank"
    elif "\0" in command:
        problem = "must not contain NUL"
    else:
        return command
    raise GatewayError(Kind.INVALID, f"command {problem}", field="command")


def _inputs(body: Mapping[str, object]) -> tuple[FileInput, ...]:
    inputs: list[FileInput] = []
    binary = body.get("binary")
    if binary is not None:
        inputs.append(
            FileInput(
                uuid(binary, "binary"), executable=True, alias="binary", variable="JOB_BINARY"
            )
        )
    files = body.get("input_files")
    if files is not None and not isinstance(files, list):
        raise GatewayError(Kind.INVALID, "input_files must be an array", field="input_files")
    inputs.extend(
        FileInput(uuid(name, f"input_files[{place}]"), variable="JOB_INPUT_FILES")
        for place, name in enumerate(files or ())
    )
    return tuple(inputs)


def _ttl(value: object) -> int:
    """A uint64, as a number or as decimal text; missing counts as 0."""
    if value is None:
        return 0
    number = int(value) if isinstance(value, str) and _DECIMAL.fullmatch(value) else value
    if type(number) is not int or not 0 <= number <= _UINT64_MAX:
        raise GatewayError(
            Kind.INVALID, f"ttl must be a whole number from 0 to {_UINT64_MAX}", field="ttl"
        )
    return number


def _request_id(request: Request) -> str:
    key = request.headers.get("idempotency-key", "")
    if key and not _REQUEST_ID.fullmatch(key):
        raise GatewayError(
            Kind.INVALID,
            "Idempotency-Key must be 1 to 200 visible ASCII characters",
            field="Idempotency-Key",
        )
    return key


def _job(name: object) -> ById:
    if name is None:
        raise GatewayError(Kind.INVALID, "job_id is missing", field="job_id")
    return ById(TaskId(uuid(name, "job_id")))


def _job_of_body(request: Request) -> ById:
    """The job that a body names, or the query if there is no body."""
    if not request.body and "job_id" in request.query:
        return _job(request.query["job_id"])
    return _job(members(request).get("job_id"))


def _number(query: Mapping[str, str], field: str, least: int, most: int, default: int) -> int:
    text = query.get(field)
    if text is None:
        return default
    if not _DECIMAL.fullmatch(text) or not least <= int(text) <= most:
        raise GatewayError(
            Kind.INVALID, f"{field} must be a whole number from {least} to {most}", field=field
        )
    return int(text)
