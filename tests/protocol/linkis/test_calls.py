"""Status, progress, kill and history: what is said of a task in each state."""

from collections.abc import Mapping
from typing import Any

import pytest

from protocol.commands import ListTasks, ReadTask
from protocol.errors import GatewayError, Kind
from protocol.tasks import ByNumber, Outcome, Progress, Reason, TaskState
from tests.protocol.linkis.scenes import (
    DONE,
    INSTANCE,
    NOW,
    ROOT,
    SEED_ID,
    data_of,
    request,
    said,
    task,
)

STATUS = f"{ROOT}/entrance/{SEED_ID}/status"
PROGRESS = f"{ROOT}/entrance/{SEED_ID}/progress"
KILL = f"{ROOT}/entrance/{SEED_ID}/kill"
LIST = f"{ROOT}/jobhistory/list"


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (TaskState.ACCEPTED, "Inited"),
        (TaskState.QUEUED, "Scheduled"),
        (TaskState.RETRYING, "Scheduled"),
        (TaskState.KILLING, "Running"),
    ],
)
def test_status_of_an_active_task(state: TaskState, word: str) -> None:
    """Pollers never see a word at which they stop; WaitForRetry is told as Scheduled."""
    assert data_of("GET", STATUS, task(state)) == {
        "execID": SEED_ID,
        "taskID": 21,
        "status": word,
    }


@pytest.mark.parametrize(
    ("outcome", "code", "signal"),
    [
        (DONE, 0, None),
        (Outcome(Reason.SIGNALLED, None, 9, ""), None, 9),
        (None, None, None),
    ],
)
def test_status_of_a_final_task(
    outcome: Outcome | None, code: int | None, signal: int | None
) -> None:
    """How the task ended is told with its final status."""
    data = data_of("GET", STATUS, task(TaskState.FAILED, outcome=outcome))
    assert (data["exitCode"], data["signal"]) == (code, signal)


@pytest.mark.parametrize(
    ("state", "fraction", "told"),
    [
        (TaskState.QUEUED, 0.5, 0.0),
        (TaskState.RUNNING, None, 0.0),
        (TaskState.RUNNING, 0.5, 0.5),
        (TaskState.RUNNING, 1.0, 0.99),
        (TaskState.KILLING, 7.0, 0.99),
        (TaskState.SUSPENDED, -1.0, 0.0),
        (TaskState.FAILED, 0.5, 1.0),
        (TaskState.SUCCEEDED, None, 1.0),
    ],
)
def test_progress(state: TaskState, fraction: float | None, told: float) -> None:
    """Progress is 1 when and only when the task is final, and always has its array."""
    data = data_of("GET", PROGRESS, task(state, progress=Progress(fraction)))
    assert (data["progress"], data["progressInfo"]) == (told, [])


@pytest.mark.parametrize("state", TaskState)
def test_kill(state: TaskState) -> None:
    """A kill is acknowledged only if the task will be Cancelled (contract, section 3.7)."""
    found, asked = request("POST", KILL)
    if state.final and state is not TaskState.KILLED:
        with pytest.raises(GatewayError, match="already finished") as caught:
            found.route.render(task(state), asked)
        assert caught.value.kind is Kind.CONFLICT
    else:
        assert said(found.route.render(task(state), asked))["message"] == "OK"


def test_the_row_of_a_finished_task() -> None:
    """Every field of a row has the type that clients expect."""
    failed = task(TaskState.FAILED, started_ms=NOW + 1000)
    data = data_of("GET", f"{ROOT}/jobhistory/21/get", failed)
    row = data["task"]
    assert row["labels"] == ["engineType:hive", "userCreator:johnnwang-IDE"]
    assert {
        "taskID": 21,
        "execId": "IDE_johnnwang_21",
        "strongerExecId": SEED_ID,
        "status": "Failed",
        "progress": "1.0",
        "umUser": "johnnwang",
        "requestApplicationName": "IDE",
        "executeApplicationName": "hive",
        "runType": "sql",
        "instance": INSTANCE,
        "createdTime": NOW,
        "updatedTime": NOW + 9000,
        "engineStartTime": NOW + 1000,
        "costTime": 9000,
        "errCode": 92001,
        "errDesc": "exit code 3",
        "resultLocation": None,
        "paramsJson": "{}",
        "sourceJson": "{}",
    }.items() <= row.items()


def test_the_row_of_a_running_task() -> None:
    """The cost grows until the end, and there is no error yet."""
    row = data_of("GET", f"{ROOT}/jobhistory/{SEED_ID}/get", task())["task"]
    assert (row["costTime"], row["updatedTime"], row["engineStartTime"]) == (5000, NOW, None)
    assert (row["errCode"], row["errDesc"]) == (None, None)


def test_the_row_of_another_dialects_task() -> None:
    """A task that never spoke Linkis has a row all the same."""
    other = task(TaskState.SUCCEEDED, dialect="other", client={"runType": 1}, outcome=DONE)
    row = data_of("GET", f"{ROOT}/jobhistory/21/get", other)["task"]
    assert (row["runType"], row["executeApplicationName"], row["resultLocation"]) == (
        "sql",
        "hive",
        "",
    )


@pytest.mark.parametrize(
    ("query", "command"),
    [
        ({}, ListTasks(limit=20)),
        ({"pageNow": "3", "pageSize": "50", "status": ""}, ListTasks(limit=50, offset=100)),
        (
            {"status": "Running, Inited", "startDate": "5", "endDate": "9", "proxyUser": "ann"},
            ListTasks(
                owner="ann",
                states=(
                    TaskState.RUNNING,
                    TaskState.SUSPENDED,
                    TaskState.KILLING,
                    TaskState.ACCEPTED,
                ),
                from_ms=5,
                to_ms=9,
                limit=20,
            ),
        ),
        ({"taskID": "21"}, ReadTask(ByNumber(21))),
        ({"taskID": "21", "proxyUser": "ann"}, ReadTask(ByNumber(21, "ann"))),
    ],
)
def test_what_a_list_asks(query: Mapping[str, str], command: object) -> None:
    """Pages count from 1, words stand for states, one taskID asks for one task."""
    found, asked = request("GET", LIST, query)
    assert found.route.parse(asked) == command


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"pageNow": "0"}, "pageNow"),
        ({"pageSize": "0"}, "pageSize"),
        ({"pageSize": "1001"}, "pageSize"),
        ({"pageSize": "-1"}, "pageSize"),
        ({"status": "Running,Asleep"}, "status"),
        ({"startDate": "yesterday"}, "startDate"),
        ({"taskID": "x"}, "taskID"),
    ],
)
def test_refused_lists(query: Mapping[str, str], field: str) -> None:
    """A filter that cannot be read is refused with its name."""
    found, asked = request("GET", LIST, query)
    with pytest.raises(GatewayError) as caught:
        found.route.parse(asked)
    assert (caught.value.kind, caught.value.field) == (Kind.INVALID, field)


@pytest.mark.parametrize(
    ("query", "result", "count", "known"),
    [
        ({}, (), 0, 0),
        ({}, (task(), task(number=20)), 2, 2),
        ({"pageNow": "2", "pageSize": "2"}, (task(), task(number=20)), 2, 5),
        ({"taskID": "21"}, task(), 1, 1),
    ],
)
def test_lists(query: Mapping[str, str], result: Any, count: int, known: int) -> None:  # noqa: ANN401 - both results
    """``tasks`` is always an array, and a full page promises one row more."""
    data = data_of("GET", LIST, result, query)
    assert len(data["tasks"]) == count
    assert data["totalPage"] == known
