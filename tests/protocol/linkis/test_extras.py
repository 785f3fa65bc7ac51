"""What a submit may say besides the contract, and what is refused of it."""

import json
from typing import Any

import pytest

from protocol.commands.history import TaskPage, TaskQuery
from protocol.commands.tasks import Execute
from protocol.dialects.linkis.submission import parse_execute
from protocol.errors import GatewayError, Kind
from protocol.http import Request
from protocol.tasks import ByNumber, Outcome, Reason, TaskState
from tests.protocol.linkis.scenes import ROOT, WORDS, data_of, request, task

BARE: dict[str, Any] = {
    "executeApplicationName": "shell",
    "runType": "shell",
    "executionCode": "true",
}
LIST = f"{ROOT}/jobhistory/list"


def parsed(**more: object) -> Execute:
    """The command that a body with these fields becomes."""
    body = json.dumps({**BARE, **more}).encode()
    return parse_execute(Request("POST", "/x", body=body), "h:1")


def test_each_field_has_its_place() -> None:
    """Name, tags, queue, order, start, arguments and input reach the command."""
    found = parsed(
        taskName="nightly",
        tags=["team=a", "x"],
        queue="fast",
        after=["7"],
        startAt=1_700_000_000_000,
        arguments=["-n", "two words", ""],
        stdin="a\nb",
    )
    assert found.client["taskName"] == "nightly"
    assert found.tags == ("team=a", "x")
    assert found.wants is not None
    assert found.wants.queue == "fast"
    assert found.after == (ByNumber(7),)
    assert found.start_at_ms == 1_700_000_000_000
    assert found.parameters == {"arguments": ["-n", "two words", ""], "stdin": "a\nb"}
    assert parsed(tags="a, b").tags == ("a", "b")


def test_without_them_nothing_is_other() -> None:
    """A plain submit has none of it, and an empty input is one."""
    plain = parsed()
    assert (plain.tags, plain.wants, plain.after, plain.start_at_ms) == ((), None, (), 0)
    assert plain.parameters == {}
    assert "taskName" not in plain.client
    assert parsed(stdin="").parameters == {"stdin": ""}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("taskName", "1st"),
        ("taskName", "a/b"),
        ("taskName", "x" * 65),
        ("taskName", 1),
        ("tags", ["a", 1]),
        ("tags", ["a"] * 65),
        ("queue", 1),
        ("after", {"a": 1}),
        ("startAt", -1),
        ("startAt", True),
        ("startAt", "tomorrow"),
        ("arguments", "a b"),
        ("arguments", ["a\0"]),
        ("stdin", 1),
        ("stdin", "\0"),
        ("workdir", 1),
        ("workdir", "/"),
        ("workdir", "a/../b"),
        ("workdir", "s3://bucket"),
    ],
)
def test_what_is_malformed_is_refused_with_its_field(field: str, value: object) -> None:
    """The sentence names the field."""
    with pytest.raises(GatewayError) as refused:
        parsed(**{field: value})
    assert refused.value.kind is Kind.INVALID
    assert refused.value.field == field


def test_a_workdir_is_the_owners() -> None:
    """A folder is written as files are: from the root, or whole, and then it is the owner's."""
    assert parsed(workdir="jobs//one/").home == "jobs/one"
    assert parsed(executeUser="ann", workdir="file:///ann/jobs").home == "jobs"
    with pytest.raises(GatewayError, match="must be a folder of the task's owner"):
        parsed(executeUser="ann", workdir="file:///bob/jobs")


def test_rows_tell_and_lists_filter() -> None:
    """A row has the name, the tags, our state and how it ended; a list asks for the first two."""
    ended = task(
        TaskState.FAILED,
        client={**WORDS, "taskName": "n"},
        tags=("a=b",),
        outcome=Outcome(Reason.EXITED, 3, None, "exit code 3"),
    )
    row = data_of("GET", LIST, TaskPage((ended,), 1))["tasks"][0]
    reported = [row[name] for name in ("taskName", "tags", "state", "exitCode", "signal")]
    assert reported == ["n", ["a=b"], "failed", 3, None]
    found, asked = request("GET", LIST, {"taskName": "n", "tags": "a=b,c"})
    query = found.route.parse(asked)
    assert isinstance(query, TaskQuery)
    assert query.words == (("taskName", "n"),)
    assert query.tags == ("a=b", "c")
