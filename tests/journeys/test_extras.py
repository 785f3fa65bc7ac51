"""What a task may have besides its code: name, tags, order, arguments and input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.client import Client, ClientError, Line
from tests.support.served import Served, serving

ROOT = "/api/rest_j/v1"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway of this module."""
    with serving(tmp_path_factory.mktemp("served") / "data") as gateway:
        yield gateway


def submit(served: Served, code: str, engine: str = "shell", **more: object) -> dict[str, Any]:
    """The data of the answer, or the whole answer of a refusal."""
    body = {"executeApplicationName": engine, "runType": engine, "executionCode": code, **more}
    reply = httpx.post(f"{served.api}/execute", json=body, headers=served.headers)
    document: dict[str, Any] = reply.json()
    found: dict[str, Any] = document["data"]
    return found if document["status"] == 0 else document


def listed(served: Served, **query: str) -> list[dict[str, Any]]:
    """The rows of a list."""
    url = f"{served.url}{ROOT}/jobhistory/list"
    reply = httpx.get(url, params=query, headers=served.headers)
    rows: list[dict[str, Any]] = reply.json()["data"]["tasks"]
    return rows


def printed(served: Served, task: str) -> list[str]:
    """The lines of a task, once it has ended."""
    with Client(served.url, served.token) as client:
        return [item.text for item in client.follow(task) if isinstance(item, Line)]


@pytest.mark.parametrize(
    ("engine", "code"),
    [
        ("shell", 'printf "%s\\n" "$@"; cat'),
        ("python", "import sys; print(*sys.argv[1:], sep='\\n'); print(sys.stdin.read(), end='')"),
    ],
)
def test_arguments_and_input(served: Served, engine: str, code: str) -> None:
    """A program gets them as they were given, whichever engine runs it."""
    task = submit(served, code, engine, arguments=["a b", "", "-x"], stdin="one\ntwo\n")
    assert printed(served, task["execID"]) == ["a b", "", "-x", "one", "two"]


def test_a_statement_of_a_session_has_neither(served: Served) -> None:
    """A session that is named cannot take them, and says so."""
    special = {"configuration": {"special": {"session": "mine"}}}
    task = submit(served, "print(1)", "python", arguments=["a"], params=special)
    with Client(served.url, served.token) as client:
        list(client.follow(task["execID"]))
        assert "neither arguments nor an input" in client.describe(task["execID"]).error


def test_names_and_tags_are_listed_from_the_beginning(served: Served) -> None:
    """They are there while the task waits, are looked for, and a later tag comes to them."""
    task = submit(served, "true", hold=True, taskName="night", tags=["team=a", "b"])
    other = submit(served, "true", hold=True, tags=["b"])
    assert [row["taskID"] for row in listed(served, tags="b")] == [other["taskID"], task["taskID"]]
    assert [row["taskID"] for row in listed(served, tags="b,team=a")] == [task["taskID"]]
    (row,) = listed(served, taskName="night")
    assert (row["tags"], row["state"]) == (["team=a", "b"], "held")
    with Client(served.url, served.token) as client:
        assert client.control.tag(task["execID"], ["c"], ["b"]).tags == ("team=a", "c")
        for one in (task, other):
            client.kill(one["execID"])


def test_the_client_has_the_same(served: Served) -> None:
    """``execute`` takes all of it, a list tells it, and a task that is forgotten is not found."""
    with Client(served.url, served.token) as client:
        task = client.execute(
            'echo "$1"; cat',
            name="mine",
            tags=["k=v"],
            args=["x y"],
            stdin="z",
            queue="default",
            start_at=1,
        )
        found = [item for item in client.follow(task.exec_id) if isinstance(item, Line)]
        assert [item.text for item in found] == ["x y", "z"]
        (row,) = client.list(name="mine", tags=["k=v"], user="admin")
        assert (row.task_id, row.name, row.tags, row.state) == (
            task.task_id,
            "mine",
            ("k=v",),
            "succeeded",
        )
        assert (row.code, row.exit_code) == ('echo "$1"; cat', 0)
        assert row.started_ms <= row.finished_ms
        assert client.forget(task).exec_id == task.exec_id
        with pytest.raises(ClientError, match="unknown execID"):
            client.status(task.exec_id)


def test_a_task_is_run_again(served: Served) -> None:
    """With all that it was given, secrets too; other code may take the place of its own."""
    with Client(served.url, served.token) as client:
        first = client.execute(
            'echo "$1 ${#KEY}"', args=["x"], secrets={"KEY": "12345678"}, tags=["t"]
        )
        again = client.rerun(str(first.task_id))
        assert again.task_id > first.task_id
        assert printed(served, again.exec_id) == ["x 8"]
        other = client.rerun(first.exec_id, 'echo "other $1"')
        assert printed(served, other.exec_id) == ["other x"]
        assert client.describe(other.exec_id).tags == ("t",)


def test_one_waits_for_another(served: Served) -> None:
    """A task with ``after`` starts when that one has ended, however it ended."""
    first = submit(served, "true", hold=True)
    second = submit(served, "echo then", after=[str(first["taskID"])])
    with Client(served.url, served.token) as client:
        assert client.status(second["execID"]).status == "Scheduled"
        client.kill(first["execID"])
    assert printed(served, second["execID"]) == ["then"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"queue": "nowhere"}, "there is no queue nowhere"),
        ({"after": ["999999"]}, "no such task to wait for"),
        ({"tags": ["two words"]}, "a tag has 1 to 64"),
        ({"taskName": "/"}, "taskName must be a letter"),
    ],
)
def test_what_cannot_be_is_refused(served: Served, more: dict[str, Any], words: str) -> None:
    """In one sentence, before there is a task."""
    assert words in submit(served, "true", **more)["message"]
