"""The job manager by transcripts: the literal request, its command, the literal reply."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.commands.history import TaskPage, TaskQuery
from protocol.commands.tasks import DeleteTask, Execute, Kill, ReadTask
from protocol.errors import GatewayError, Kind
from protocol.http import Reply, Request
from protocol.tasks import ById, FileInput, TaskId, TaskState
from tests.support.job_manager import (
    DIALECT,
    UNKNOWN,
    parsed,
    refusal,
    rendered,
    request,
    task,
)

TRANSCRIPTS = Path(__file__).parents[1] / "transcripts" / "job_manager"
NOT_FOUND = GatewayError(Kind.NOT_FOUND, "no such task")
BY_SAMPLE_ID = ById(TaskId(UNKNOWN))
SCENES: dict[str, tuple[object, object]] = {
    "run": (Execute("shell", "sh", "uname -a | wc -l", "job_manager"), task(TaskState.QUEUED)),
    "run_with_everything": (
        Execute(
            "shell",
            "sh",
            "./binary < a.txt",
            "job_manager",
            inputs=(
                FileInput(UNKNOWN, executable=True, alias="binary", variable="JOB_BINARY"),
                FileInput("11111111-2222-4333-8444-555555555555", variable="JOB_INPUT_FILES"),
                FileInput("66666666-7777-4888-9999-aaaaaaaaaaaa", variable="JOB_INPUT_FILES"),
            ),
            request_id="retry-1",
            life_seconds=3600,
        ),
        task(TaskState.QUEUED),
    ),
    "run_without_command": (None, None),
    "job_info": (ReadTask(BY_SAMPLE_ID), task()),
    "job_info_unknown": (ReadTask(BY_SAMPLE_ID), NOT_FOUND),
    "job_info_expired": (ReadTask(BY_SAMPLE_ID), GatewayError(Kind.GONE, "the task is gone")),
    "list_jobs": (
        TaskQuery(dialect="job_manager", limit=1000, count=False),
        TaskPage((task(),), 1),
    ),
    "list_jobs_of_another": (
        TaskQuery(owner="bob", dialect="job_manager", limit=1000, count=False),
        GatewayError(Kind.FORBIDDEN, "other people's tasks are for administrators"),
    ),
    "cancel": (Kill(BY_SAMPLE_ID), task(TaskState.KILLING)),
    "cancel_unknown": (Kill(BY_SAMPLE_ID), NOT_FOUND),
    "delete": (DeleteTask(BY_SAMPLE_ID), task()),
}
"""For each transcript the command that it means and what the core answers."""


def answered(asked: Request, result: object) -> Reply:
    """The reply to a request for what the core answers, good or bad."""
    if isinstance(result, GatewayError):
        return DIALECT.refuse(result, asked)
    return rendered(asked, result)


def test_every_transcript_has_a_scene() -> None:
    """No transcript lies about unused."""
    assert {path.stem for path in TRANSCRIPTS.glob("*.txt")} == set(SCENES)


@pytest.mark.parametrize("name", SCENES)
def test_a_transcript_is_understood_and_answered_to_the_letter(name: str) -> None:
    """The literal request means its command; the result is answered by the literal reply."""
    said_in, _, said_out = (TRANSCRIPTS / f"{name}.txt").read_text().partition("====\n")
    head, _, body = said_in.partition("\n\n")
    first, *rest = head.split("\n")
    method, target = first.split(" ")
    headers = dict(line.split(": ") for line in rest)
    asked = request(method, target, body.encode(), headers)
    command, result = SCENES[name]
    if command is None:
        reply = refusal(asked)
    else:
        assert parsed(asked) == command
        reply = answered(asked, result)
    assert isinstance(reply.body, bytes)
    lines = [str(reply.status), f"content-type: {reply.content_type}", "", reply.body.decode(), ""]
    assert "\n".join(lines) == said_out
