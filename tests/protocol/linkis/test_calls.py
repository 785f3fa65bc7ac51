"""Status, progress, kill and history: what is said of a task in each state."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from protocol.accounts import Principal, Role
from protocol.command import Each
from protocol.commands.history import Load, ReadLoad, Submission, TaskPage, TaskQuery
from protocol.commands.kills import ReadKill
from protocol.commands.tasks import Kill, ReadTask
from protocol.errors import GatewayError, Kind
from protocol.kills import KillReport, KillState
from protocol.tasks import ByNumber, Outcome, Progress, Reason, TaskState
from tests.protocol.linkis.scenes import (
    DONE,
    INSTANCE,
    NOW,
    ROOT,
    SEED_ID,
    WORDS,
    data_of,
    dialect,
    request,
    said,
    task,
)

STATUS = f"{ROOT}/entrance/{SEED_ID}/status"
PROGRESS = f"{ROOT}/entrance/{SEED_ID}/progress"
KILL = f"{ROOT}/entrance/{SEED_ID}/kill"
LIST = f"{ROOT}/jobhistory/list"
CODE = 1 << 20
"""Bytes of code in all rows of a list."""


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
    ("state", "fraction", "shown"),
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
def test_progress(state: TaskState, fraction: float | None, shown: float) -> None:
    """Progress is 1 when and only when the task is final, and always has its array."""
    data = data_of("GET", PROGRESS, task(state, progress=Progress(fraction)))
    assert (data["progress"], data["progressInfo"]) == (shown, [])


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
    data = data_of("GET", f"{ROOT}/jobhistory/21/get", Submission(failed, ""))
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
        "resultLocation": "narthex:///tasks/21/results",
        "logPath": "narthex:///tasks/21/log",
        "paramsJson": "{}",
        "sourceJson": "{}",
    }.items() <= row.items()


def test_the_row_of_a_running_task() -> None:
    """The cost grows until the end, and there is no error yet."""
    row = data_of("GET", f"{ROOT}/jobhistory/{SEED_ID}/get", Submission(task(), ""))["task"]
    assert (row["costTime"], row["updatedTime"], row["engineStartTime"]) == (5000, NOW, None)
    assert (row["errCode"], row["errDesc"]) == (None, None)


def test_the_row_of_another_dialects_task() -> None:
    """A task that never spoke Linkis has a row all the same."""
    other = task(TaskState.SUCCEEDED, dialect="other", client={"runType": 1}, outcome=DONE)
    row = data_of("GET", f"{ROOT}/jobhistory/21/get", Submission(other, ""))["task"]
    assert (row["runType"], row["executeApplicationName"], row["resultLocation"]) == (
        "sql",
        "hive",
        "narthex:///tasks/21/results",
    )


@pytest.mark.parametrize(
    ("query", "command"),
    [
        ({}, TaskQuery(limit=20)),
        ({"pageNow": "3", "pageSize": "50", "status": ""}, TaskQuery(limit=50, offset=100)),
        (
            {"status": "Running, Inited", "startDate": "5", "endDate": "9", "proxyUser": "ann"},
            TaskQuery(
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
        ({"taskID": "21"}, TaskQuery(numbers=(21,), limit=20)),
        ({"isAdminView": "true"}, TaskQuery(everybody=True, limit=20)),
        (
            {
                "creator": "IDE",
                "executeApplicationName": "Spark-3.2.1",
                "runType": "sql",
                "instance": "h:1",
                "startTaskID": "7",
                "isAdminView": "false",
            },
            TaskQuery(
                engine="spark",
                words=(
                    ("requestApplicationName", "IDE"),
                    ("runType", "sql"),
                    ("instance", "h:1"),
                ),
                first_number=7,
                limit=20,
            ),
        ),
    ],
)
def test_what_a_list_asks(query: Mapping[str, str], command: object) -> None:
    """Pages count from 1, words stand for states, one taskID asks for one task."""
    found, asked = request("GET", LIST, query)
    assert isinstance(command, TaskQuery)
    assert found.route.parse(asked) == replace(command, code_bytes=CODE)


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
    ("result", "count", "total"),
    [
        (TaskPage((), 0), 0, 0),
        (TaskPage((task(), task(number=20)), 57), 2, 57),
    ],
)
def test_lists(result: TaskPage, count: int, total: int) -> None:
    """``tasks`` is always an array, and ``totalPage`` counts rows."""
    for name in ("list", "listundonetasks"):
        data = data_of("GET", f"{ROOT}/jobhistory/{name}", result)
        assert len(data["tasks"]) == count
        assert data["totalPage"] == total
    assert data_of("GET", f"{ROOT}/jobhistory/listundone", result) == {"totalPage": total}


def test_undone_tasks() -> None:
    """Without a status the tasks that have not ended are meant; a count needs no rows."""
    undone = (
        TaskState.RUNNING,
        TaskState.SUSPENDED,
        TaskState.KILLING,
        TaskState.ACCEPTED,
        TaskState.QUEUED,
        TaskState.HELD,
        TaskState.STARTING,
    )
    found, asked = request("GET", f"{ROOT}/jobhistory/listundonetasks", {"pageSize": "100"})
    assert found.route.parse(asked) == TaskQuery(states=undone, limit=100, code_bytes=CODE)
    found, asked = request("GET", f"{ROOT}/jobhistory/listundone")
    assert found.route.parse(asked) == TaskQuery(states=undone, limit=0)
    found, asked = request("GET", f"{ROOT}/jobhistory/listundonetasks", {"status": "Running"})
    assert found.route.parse(asked) == TaskQuery(states=undone[:3], limit=20, code_bytes=CODE)


def test_tasks_by_their_numbers() -> None:
    """A list of numbers brings those that are there."""
    path = f"{ROOT}/jobhistory/list-taskids"
    found, asked = request("GET", path, {"taskID": "21, 22,"})
    assert found.route.parse(asked) == TaskQuery(numbers=(21, 22), limit=30, code_bytes=CODE)
    data = said(found.route.render(TaskPage((task(),), 1), asked))["data"]
    assert [row["taskID"] for row in data["jobHistoryList"]] == [21]
    for wrong in ("", "x", ",".join(["1"] * 31)):
        found, asked = request("GET", path, {"taskID": wrong})
        with pytest.raises(GatewayError) as caught:
            found.route.parse(asked)
        assert caught.value.field == "taskID"


def test_the_code_of_a_task() -> None:
    """One task's row has the code, unless its brief form is asked for or it is not the caller's."""
    path = f"{ROOT}/jobhistory/21/get"
    submitted = Submission(task(), "show tables")
    assert data_of("GET", path, submitted)["task"]["executionCode"] == "show tables"
    brief = data_of("GET", path, submitted, {"brief": "true"})["task"]
    assert brief["executionCode"] is None
    assert data_of("GET", path, Submission(task(), ""))["task"]["executionCode"] is None


def test_job_extra_info() -> None:
    """Times of a task as far as they are known."""
    path = f"{ROOT}/jobhistory/job-extra-info"
    found, asked = request("GET", path, {"jobId": "21"})
    assert found.route.parse(asked) == ReadTask(ByNumber(21))
    ended = task(TaskState.SUCCEEDED, outcome=DONE, started_ms=NOW + 1000)
    metrics = said(found.route.render(ended, asked))["data"]["metricsMap"]
    assert (metrics["queueCostTime"], metrics["runCostTime"]) == (1000, 8000)
    metrics = said(found.route.render(task(TaskState.QUEUED), asked))["data"]["metricsMap"]
    assert (metrics["queueCostTime"], metrics["runCostTime"]) == (None, None)


def test_what_the_console_shows() -> None:
    """An administrator is one for the history too."""
    for role in Role:
        data = data_of("GET", f"{ROOT}/jobhistory/governanceStationAdmin", Principal("ann", role))
        assert data["admin"] is data["historyAdmin"] is (role is Role.ADMIN)
        assert data["deptAdmin"] is False


def test_there_is_no_diagnosis() -> None:
    """It is refused, in the envelope."""
    found, asked = request("GET", f"{ROOT}/jobhistory/diagnosis-query")
    with pytest.raises(GatewayError, match="not diagnosed"):
        found.route.parse(asked)


def test_kill_jobs() -> None:
    """Each task is answered like its own kill, and one that fails hurts no other (3.7)."""
    path = f"{ROOT}/entrance/whatever/killJobs"
    body = {"idList": [SEED_ID, "no execID", "nonsense", ""], "taskIDList": [21, "22", None, "23"]}
    found, asked = request("POST", path, body=body)
    command = found.route.parse(asked)
    assert isinstance(command, Each)
    refs = [one.task for one in command.commands if isinstance(one, Kill)]
    first = refs[0]
    assert isinstance(first, ByNumber)
    assert first.number == 21
    assert refs[1:] == [ByNumber(22), ByNumber(0), ByNumber(23)]
    finished = task(TaskState.SUCCEEDED, number=22, outcome=DONE)
    unknown = GatewayError(Kind.NOT_FOUND, "there is no such task")
    reply = said(found.route.render((task(TaskState.KILLING), finished, unknown, unknown), asked))
    assert (reply["status"], reply["message"]) == (0, "success")
    messages = reply["data"]["messages"]
    assert [one["status"] for one in messages] == [0, 1, 1, 1]
    assert messages[0]["data"] == {"execID": SEED_ID, "taskID": 21}
    assert messages[0]["method"] == f"{ROOT}/entrance/{SEED_ID}/kill"
    assert "already finished" in messages[1]["message"]
    assert "unknown execID or taskID" in messages[2]["message"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"idList": ["a"], "taskIDList": []}, 1),
        ({"idList": ["a"]}, 2),
        ({"idList": [{}], "taskIDList": [1]}, 2),
        ({"idList": [True], "taskIDList": [1]}, 2),
    ],
)
def test_refused_kill_jobs(body: object, status: int) -> None:
    """Lists of different length are status 1, what is no list is malformed."""
    found, asked = request("POST", f"{ROOT}/entrance/x/killJobs", body=body)
    with pytest.raises(GatewayError) as caught:
        found.route.parse(asked)
    assert said(dialect().refuse(caught.value, asked))["status"] == status


def test_how_busy_it_is() -> None:
    """Numbers of the caller, of all, and the limits (section 3.8)."""
    load = Load(5, 2, 9, 4, 3, 16, 10_000)
    info, asked = request("GET", f"{ROOT}/entrance/taskinfo", {"user": "ann", "creator": "IDE"})
    assert info.route.parse(asked) == ReadLoad("ann")
    assert said(info.route.render(load, asked))["data"] == {
        "taskNumber": 7,
        "runningNumber": 2,
        "queuedNumber": 5,
        "creatorECTypeMaxRunningJobs": 16,
        "maxQueuedJobs": 10_000,
        "limitExceeded": False,
    }
    running = data_of("GET", f"{ROOT}/entrance/runningtask", load)
    assert running == {"runningTaskNumber": 13, "isCompleted": False}
    assert data_of("GET", f"{ROOT}/entrance/operation/consumer/info", load) == {"consumerNum": 3}
    assert data_of("GET", f"{ROOT}/entrance/operation/label/isOnline", None) == {"isOnline": True}


def test_pause_is_refused() -> None:
    """There is no pause, and that is said with status 1."""
    found, asked = request("GET", f"{ROOT}/entrance/{SEED_ID}/pause")
    with pytest.raises(GatewayError) as caught:
        found.route.parse(asked)
    assert said(dialect().refuse(caught.value, asked))["status"] == 1


@pytest.mark.parametrize("verb", ["status", "progress", "kill"])
def test_a_task_number_beside_an_id_that_is_none(verb: str) -> None:
    """With an execID of another layout, ``taskID`` in the query says which task is meant (3.1)."""
    path = f"{ROOT}/entrance/exec_id018017linkis/{verb}"
    found, asked = request("GET", path, {"taskID": "21"})
    assert found.route.parse(asked) in {ReadTask(ByNumber(21)), Kill(ByNumber(21), 3.0)}
    assert said(found.route.render(task(TaskState.KILLED), asked))["data"]["execID"] == SEED_ID
    found, asked = request("GET", path, {"taskID": "none"})
    with pytest.raises(GatewayError, match="unknown execID"):
        found.route.parse(asked)


@pytest.mark.parametrize("verb", ["status", "progress", "kill", "killreport"])
def test_a_task_number_beside_an_id_that_is_unknown(verb: str) -> None:
    """``taskID`` is the second key, for an execID of which nothing is known (3.1, 3.4, 3.7)."""
    gone = "030418IDEhiveanother-host:10087IDE_johnnwang_7"
    found, asked = request("GET", f"{ROOT}/entrance/{gone}/{verb}", {"taskID": "21"})
    command = found.route.parse(asked)
    assert isinstance(command, ReadTask | Kill | ReadKill)
    assert isinstance(command.task, ByNumber)
    assert (command.task.number, command.task.otherwise) == (7, 21)
    one = task(TaskState.KILLED)
    result = KillReport(one, KillState.KILLED) if verb == "killreport" else one
    assert said(found.route.render(result, asked))["data"]["taskID"] == 21
    other = task(TaskState.KILLED, number=22)
    result = KillReport(other, KillState.KILLED) if verb == "killreport" else other
    with pytest.raises(GatewayError, match="unknown execID"):
        found.route.render(result, asked)


def test_every_label_is_in_the_row() -> None:
    """Labels come back as ``key:value`` texts; those of the gateway are the task's (6.1)."""
    words = {**WORDS, "labels": {"userCreator": "Johnnwang-IDE", "codeType": "sql", "route": "a"}}
    row = data_of("GET", f"{ROOT}/jobhistory/21/get", Submission(task(client=words), ""))["task"]
    assert sorted(row["labels"]) == [
        "codeType:sql",
        "engineType:hive",
        "route:a",
        "userCreator:johnnwang-IDE",
    ]
    for name in ("ecmInstance", "engineLogPath", "ticketId", "observeInfo", "requestStartTime"):
        assert row[name] is None
