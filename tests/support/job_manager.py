"""The job manager dialect without a server: requests through its table and back."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from protocol.command import Command
from protocol.dialects.job_manager import JobManagerDialect
from protocol.errors import GatewayError
from protocol.http import Reply, Request
from protocol.media import decode_object
from protocol.routing import Found, Router, clean_path
from protocol.tasks import Outcome, Reason, Task, TaskId, TaskState

TRANSCRIPTS = Path(__file__).parents[1] / "transcripts" / "job_manager"
NOW = 1_700_000_003_000
JOB = TaskId("0190c2a4-7b1e-7d53-9c11-2f6f1f0f9a3e")
ANSWER = "0190c2a4-7b1e-8d53-9c11-2f6f1f0f9a3e"
UNKNOWN = "dc4eec6e-4e34-49a7-8fe8-8e19d5bfb8a4"
DIALECT = JobManagerDialect({})
ROUTER = Router(DIALECT.routes)


def task(state: TaskState = TaskState.SUCCEEDED) -> Task:
    """A job that ended well, or the same in another state."""
    return Task(
        JOB,
        1,
        "ann",
        "shell",
        "sh",
        state,
        1_700_000_000_000,
        started_ms=1_700_000_001_000,
        finished_ms=1_700_000_002_999,
        expires_ms=1_700_086_400_000,
        outcome=Outcome(Reason.EXITED, 0, None, "exited with code 0"),
    )


async def pieces() -> AsyncIterator[bytes]:
    """The bytes of a file."""
    yield b"hello"


def request(
    method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Request:
    """A request as a transport hands it in."""
    path, _, query = target.partition("?")
    first: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        first.setdefault(name, value)
    found = ROUTER.match(method, clean_path(path))
    assert isinstance(found, Found), f"{method} {path} is not routed"
    return Request(
        method,
        clean_path(path),
        params=found.params,
        query=first,
        headers=headers or {},
        body=body,
        chunks=pieces() if found.route.streams else None,
        now_ms=NOW,
    )


def parsed(asked: Request) -> Command[Any]:
    """The command that a request means."""
    found = ROUTER.match(asked.method, asked.path)
    assert isinstance(found, Found)
    return found.route.parse(asked)


def rendered(asked: Request, result: object) -> Reply:
    """The reply to a request for a result."""
    found = ROUTER.match(asked.method, asked.path)
    assert isinstance(found, Found)
    return found.route.render(result, asked)


def refusal(asked: Request) -> Reply:
    """The reply to a request that cannot be parsed."""
    with pytest.raises(GatewayError) as error:
        parsed(asked)
    return DIALECT.refuse(error.value, asked)


def said(reply: Reply) -> dict[str, Any]:
    """The object in a reply."""
    assert isinstance(reply.body, bytes)
    return dict(decode_object(reply.body))
