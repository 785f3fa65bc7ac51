"""The job history (section 6): rows, filters, pages, and what is there after a restart."""

from pathlib import Path
from typing import Any

import pytest

from tests.journeys.entrance import shell
from tests.journeys.linkis_people import User, add_user
from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync

FINAL = {"Succeed", "Failed", "Cancelled", "Timeout"}


def ended(user: User, task: dict[str, Any]) -> dict[str, Any]:
    """The row of a task once it has ended."""

    def row() -> dict[str, Any]:
        return dict(user.data("GET", f"jobhistory/{task['taskID']}/get")["task"])

    wait_until_sync(lambda: row()["status"] in FINAL, "the task to end", timeout=30)
    return row()


def numbers(user: User, **query: object) -> list[int]:
    """The taskIDs of a list."""
    return [row["taskID"] for row in user.data("GET", "jobhistory/list", params=query)["tasks"]]


def test_types_of_a_row(served: Served) -> None:
    """The Java clients check them: numbers for times and ids, text for progress (6.1)."""
    user = User(served, "admin")
    row = ended(user, user.data("POST", "entrance/execute", json=shell("echo 1")))
    for name in ("taskID", "createdTime", "updatedTime", "costTime"):
        assert type(row[name]) is int, name
    for name in ("status", "progress", "execId", "strongerExecId", "paramsJson", "sourceJson"):
        assert type(row[name]) is str, name
    assert row["progress"] == "1.0"
    assert {"resultLocation", "errDesc", "errCode", "logPath"} <= row.keys()
    assert isinstance(row["labels"], list)
    assert not {"source", "params"} & row.keys()


def test_the_row_is_there_at_once(served: Served) -> None:
    """A client that asks within a millisecond of the reply finds it (6.1)."""
    user = User(served, "admin")
    for _ in range(10):
        made = user.data("POST", "entrance/execute", json=shell("true"))
        assert user.data("GET", f"jobhistory/{made['taskID']}/get")["task"]["status"]


def test_filters_and_pages(served: Served) -> None:
    """Each filter by itself, pages that add up, and a total that counts all rows (6.2)."""
    add_user(served, "hal")
    hal, admin = User(served, "hal"), User(served, "admin")
    made = [
        hal.data("POST", "entrance/execute", json=shell(code, **more))
        for code, more in [
            ("exit 1", {}),
            ("true", {"requestApplicationName": "BI"}),
            ("true", {"runType": "sh"}),
            ("true", {}),
            ("sleep 1000", {}),
        ]
    ]
    ids = [task["taskID"] for task in made]
    rows = [ended(hal, task) for task in made[:4]]
    assert numbers(hal) == ids[::-1]
    assert numbers(hal, status="Failed") == ids[:1]
    assert numbers(hal, status="Failed,Succeed", pageSize=2) == [ids[3], ids[2]]
    assert numbers(hal, pageSize=2, pageNow=3) == ids[:1]
    assert numbers(hal, pageSize=2, pageNow=4) == []
    page = hal.data("GET", "jobhistory/list", params={"pageSize": 2, "status": "Succeed"})
    assert (len(page["tasks"]), page["totalPage"]) == (2, 3)
    assert numbers(hal, creator="BI") == [ids[1]]
    assert numbers(hal, runType="sh") == [ids[2]]
    assert numbers(hal, executeApplicationName="shell-1.0") == ids[::-1]
    assert numbers(hal, executeApplicationName="spark") == []
    assert numbers(hal, taskID=ids[2]) == [ids[2]]
    assert numbers(hal, taskID=999_999) == []
    assert numbers(hal, taskID=ids[2], pageNow=2) == []
    assert numbers(hal, taskID=ids[2], status="Failed") == []
    assert numbers(hal, taskID=ids[2], status="Succeed", runType="sh") == [ids[2]]
    assert numbers(hal, taskID=ids[2], endDate=1) == []
    assert numbers(hal, taskID=ids[2], startTaskID=ids[3]) == []
    assert numbers(hal, startDate=rows[1]["createdTime"])[-1] == ids[1]
    assert numbers(hal, endDate=rows[0]["createdTime"])[0] == ids[0]
    assert numbers(hal, instance="elsewhere:1") == []
    assert numbers(hal, engineInstance="elsewhere:2") == []
    filtered = hal.data("GET", "jobhistory/list", params={"runType": "shell", "pageSize": 1})
    assert (len(filtered["tasks"]), filtered["totalPage"]) == (1, 4)

    undone = hal.data("GET", "jobhistory/listundonetasks", params={"pageSize": 100})
    assert [row["taskID"] for row in undone["tasks"]] == ids[4:]
    assert hal.data("GET", "jobhistory/listundone")["totalPage"] == 1
    assert hal.data("GET", "jobhistory/listundone", params={"startTaskID": ids[4] + 1}) == {
        "totalPage": 0
    }
    some = hal.data(
        "GET", "jobhistory/list-taskids", params={"taskID": f"{ids[0]},{ids[3]},999999"}
    )
    assert [row["taskID"] for row in some["jobHistoryList"]] == [ids[0], ids[3]]
    extra = hal.data("GET", "jobhistory/job-extra-info", params={"jobId": ids[0]})["metricsMap"]
    assert type(extra["queueCostTime"]) is int

    assert numbers(admin, proxyUser="hal") == ids[::-1]
    assert set(ids) <= set(numbers(admin, isAdminView="true", pageSize=1000))
    assert not set(ids) & set(numbers(admin, pageSize=1000))
    assert numbers(hal, isAdminView="true") == ids[::-1]
    assert hal.refused("GET", "jobhistory/list", params={"proxyUser": "admin"})[:2] == (403, 3)
    hal.data("GET", f"entrance/{ids[4]}/kill")
    assert ended(hal, made[4])["status"] == "Cancelled"


@pytest.mark.parametrize("path", ["jobhistory/999999/get", "jobhistory/abc/get"])
def test_unknown_rows(served: Served, path: str) -> None:
    """Status 1, whoever asks."""
    assert User(served, "admin").refused("GET", path)[:2] == (400, 1)


def test_everything_answers_after_a_restart(tmp_path: Path) -> None:
    """A task that ran on, one that had ended and one that was refused are as they were (5.6)."""
    data = tmp_path / "data"
    with serving(data) as first:
        user = User(first, "admin")
        done = user.data("POST", "entrance/execute", json=shell("echo kept; exit 7"))
        before = ended(user, done)
        running = user.data(
            "POST", "entrance/execute", json=shell("echo begun; sleep 3; echo went on")
        )
        wait_until_sync(lambda: "begun" in text(user, running), "the first line")
    with serving(data) as second:
        user = User(second, "admin")
        assert ended(user, done) == before
        assert "kept" in text(user, done)
        assert user.data("GET", f"entrance/{done['execID']}/status")["status"] == "Failed"
        assert user.data("GET", f"entrance/{done['execID']}/progress")["progress"] == 1.0
        row = ended(user, running)
        assert row["status"] == "Succeed"
        assert text(user, running).index("begun") < text(user, running).index("went on")
        assert user.data("GET", "jobhistory/list")["totalPage"] == 2


def text(user: User, task: dict[str, Any]) -> str:
    """All of a task's log."""
    query = {"fromLine": 1, "size": -1}
    return str(user.data("GET", f"entrance/{task['execID']}/log", params=query)["log"][3])
