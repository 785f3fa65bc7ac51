"""The Java clients' call orders and type rules (sections 8c, 8d, 8e).

What a known key of a reply holds is looked at as their classes do: times and ids are whole numbers,
``progress`` is one, a log is a list of four texts. Only the pauses between polls are shorter.
"""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.journeys.entrance import shell
from tests.journeys.linkis_people import User, client
from tests.support.served import Served, admin_password
from tests.support.waiting import wait_until_sync

EIGHT = {
    "Inited",
    "WaitForRetry",
    "Scheduled",
    "Running",
    "Succeed",
    "Failed",
    "Cancelled",
    "Timeout",
}
FINAL = {"Succeed", "Failed", "Cancelled", "Timeout"}
COUNT = 120
SECOND = [[str(n), "NULL" if n % 2 else f"row {n}"] for n in range(250)]
TABLES = """python3 - <<'EOF'
import narthex
narthex.table([(n, "first") for n in range(7)], ["n", "s"])
narthex.table([(n, None if n % 2 else "row %d" % n) for n in range(250)], ["n", "s"])
EOF
"""
"""Two result sets, the second of 250 rows."""


def body(creator: str, code: str, **labels: str) -> dict[str, Any]:
    """What the Java clients submit."""
    return {
        "executionContent": {"code": code, "runType": "shell"},
        "params": {"variable": {}, "configuration": {"runtime": {}, "startup": {}, "special": {}}},
        "source": {"scriptPath": "JavaClient"},
        "labels": {"engineType": "shell-1", "userCreator": f"admin-{creator}", **labels},
        "executeUser": "admin",
        "formatCode": False,
    }


@pytest.mark.parametrize("strategy", ["static", "token"])
def test_the_java_sdk(served: Served, strategy: str) -> None:
    """Submit, then status, progress and log in turn, from ``size=1`` on by the returned cursor."""
    user = User(served, "admin")
    http = client(served, **{"Token-Code": user.token, "Token-User": "admin"})
    if strategy == "static":
        http = client(served)
        password = admin_password(served.data)
        logged = http.post("user/login", json={"userName": "admin", "password": password}).json()
        assert type(logged["data"]["sessionTimeOut"]) is int

    def data(path: str, /, **query: object) -> dict[str, Any]:
        reply = http.get(path, params={name: str(value) for name, value in query.items()})
        envelope = reply.json()
        assert (reply.status_code, envelope["status"]) == (200, 0), envelope
        return dict(envelope["data"])

    code = f"for i in $(seq {COUNT}); do echo line $i; echo; done; sleep 0.5; {TABLES}"
    made = http.post("entrance/submit", json=body("JAVA", code)).json()["data"]
    assert (type(made["taskID"]), type(made["execID"])) == (int, str)
    shown: list[str] = []
    query: dict[str, object] = {"size": 1}
    while True:
        status = data(f"entrance/{made['execID']}/status")["status"]
        assert status in EIGHT
        progress = data(f"entrance/{made['execID']}/progress")
        assert isinstance(progress["progressInfo"], list)
        assert isinstance(progress["progress"], int | float)
        log = data(f"entrance/{made['execID']}/log", **query)
        assert [type(text) for text in log["log"]] == [str] * 4
        shown += log["log"][3].splitlines()
        query = {"fromLine": log["fromLine"]}
        if status in FINAL and not log["log"][3]:
            break
    lines = [line.rpartition(" INFO ")[2] for line in shown if " INFO line " in line]
    assert lines == [f"line {number}" for number in range(1, COUNT + 1)]
    row = typed(data(f"jobhistory/{made['taskID']}/get"))
    assert row["status"] == "Succeed"

    first, second = result_sets(data, row)
    assert pages(data, first, 100) == [[str(n), "first"] for n in range(7)]
    assert pages(data, second, 100) == SECOND
    whole = data("filesystem/openLog", path=row["logPath"])["log"]
    assert [type(text) for text in whole] == [str] * 4
    assert [line for line in whole[3].splitlines() if line] == shown
    late = http.get(f"entrance/{made['execID']}/kill").json()
    assert (late["status"], "already finished" in late["message"]) == (1, True)


def typed(data: dict[str, Any]) -> dict[str, Any]:
    """The row of a task, of which every key that the Java classes know has its type."""
    row: dict[str, Any] = data["task"]
    for name in ("taskID", "createdTime", "updatedTime", "costTime"):
        assert type(row[name]) is int, name
    assert row["costTime"] < 1 << 31
    for name in ("execId", "strongerExecId", "status", "progress", "umUser", "executionCode"):
        assert type(row[name]) is str, name
    for name in ("instance", "logPath", "runType", "engineType", "requestApplicationName"):
        assert type(row[name]) is str, name
    assert float(row["progress"]) <= 1
    assert row["status"] in EIGHT
    assert type(row["errCode"]) in {int, type(None)}
    assert type(row["errDesc"]) in {str, type(None)}
    assert not {"source", "params"} & row.keys()
    return row


def result_sets(data: Callable[..., dict[str, Any]], row: dict[str, Any]) -> list[str]:
    """The paths of a task's result sets, in their order."""
    tree = data("filesystem/getDirFileTrees", path=row["resultLocation"])["dirFileTrees"]
    leaves = [leaf for leaf in tree["children"] if leaf["isLeaf"]]
    return [
        leaf["path"]
        for leaf in sorted(leaves, key=lambda leaf: int(leaf["name"].partition(".")[0][1:]))
    ]


def pages(
    data: Callable[..., dict[str, Any]], path: str, size: int, **more: object
) -> list[list[str | None]]:
    """The rows of a result set, page by page until one is empty."""
    found: list[list[str | None]] = []
    for number in range(1, 100):
        page = data("filesystem/openFile", path=path, page=number, pageSize=size, **more)
        assert [type(column["dataType"]) for column in page["metadata"]] == [str, str]
        assert (page["type"], page["totalLine"]) == ("2", len(page["fileContent"]))
        if not page["totalLine"]:
            return found
        found += page["fileContent"]
    raise AssertionError("the pages do not end")


def test_the_java_sdk_finds_gateways(served: Served) -> None:
    """Discovery reads a list of addresses and that this one is well (2.4); execIDs name it too."""
    data = client(served).get("gateway/heartbeat").json()["data"]
    assert data["isHealthy"] is True
    assert [f"http://{address}" for address in data["gatewayList"]] == [served.url]
    made = User(served, "admin").data("POST", "entrance/execute", json=shell("true"))
    assert str(data["gatewayList"][0]) in made["execID"]


def test_the_cli(served: Served) -> None:
    """Row, status and log until the end, then openLog without what was shown, then the rows (8d).

    It skips as many lines of openLog as its cursor says, blank ones among them.
    """
    user = User(served, "admin")

    def data(path: str, /, **query: object) -> dict[str, Any]:
        return user.data("GET", path, params=query)

    code = f"echo one; echo; sleep 0.3; echo two >&2; echo; {TABLES}echo last"
    labels = {"codeType": "shell", "route": "r", "executeOnce": ""}
    made = user.data("POST", "entrance/submit", json=body("LINKISCLI", code, **labels))
    shown: list[str] = []
    cursor = 0
    while True:
        row = typed(data(f"jobhistory/{made['taskID']}/get"))
        exec_id = row["strongerExecId"]
        status = data(f"entrance/{exec_id}/status")["status"]
        if row["status"] in FINAL:
            break
        log = data(f"entrance/{exec_id}/log", **({"fromLine": cursor} if cursor else {}))
        shown += log["log"][3].splitlines()
        cursor = log["fromLine"]
        assert type(cursor) is int
    assert status == row["status"] == "Succeed"
    persisted = data("filesystem/openLog", path=row["logPath"], proxyUser="admin")["log"]
    shown += persisted[3].split("\n")[cursor:]
    lines = [line.rpartition(" INFO ")[2] for line in shown if line.strip()]
    assert lines[2:-1] == ["one", "two", "last"]
    assert "execute with status Succeed" in lines[-1]
    first, second = result_sets(data, row)
    assert pages(data, first, 5000) == [[str(n), "first"] for n in range(7)]
    assert pages(data, second, 5000) == SECOND
    assert data(f"entrance/{exec_id}/status")["status"] == "Succeed"


@pytest.mark.parametrize("code", ["sleep 1000", "trap '' TERM; sleep 1000; sleep 1000"])
def test_the_cli_kills(served: Served, code: str) -> None:
    """It asks for the row, kills with GET, polls the row; the end is seen within 5 s (8d, 3.7)."""
    user = User(served, "admin")
    made = user.data("POST", "entrance/submit", json=body("LINKISCLI", code))
    wait_until_sync(
        lambda: user.data("GET", f"entrance/{made['execID']}/status")["status"] == "Running",
        "the script to run",
    )
    row = user.data("GET", f"jobhistory/{made['taskID']}/get")["task"]
    killed = user.data("GET", f"entrance/{row['strongerExecId']}/kill")
    assert killed["execID"] == made["execID"]
    began = time.monotonic()

    def cancelled() -> bool:
        found = user.data("GET", f"jobhistory/{made['taskID']}/get")["task"]
        return bool(found["status"] == "Cancelled")

    wait_until_sync(cancelled, "the kill to be true")
    assert time.monotonic() - began < 5


def test_jdbc(served: Served) -> None:
    """It polls the row, takes the last result set, and reads pages with NULL as null (8e)."""
    user = User(served, "admin")

    def data(path: str, /, **query: object) -> dict[str, Any]:
        return user.data("GET", path, params=query)

    made = user.data("POST", "entrance/submit", json=body("JDBCDriver", TABLES, codeType="shell"))

    def ended() -> bool:
        return typed(data(f"jobhistory/{made['taskID']}/get"))["status"] in FINAL

    wait_until_sync(ended, "the statement to end")
    row = typed(data(f"jobhistory/{made['taskID']}/get"))
    last = result_sets(data, row)[-1]
    rows = pages(data, last, 5000, nullValue="LINKIS_NULL")
    assert rows == [[str(n), None if n % 2 else f"row {n}"] for n in range(250)]
    assert {"engineType:shell", "userCreator:admin-JDBCDriver"} <= set(row["labels"])


def test_jdbc_failure(served: Served) -> None:
    """It polls the row and makes its exception of ``errCode`` and ``errDesc`` (8e)."""
    user = User(served, "admin")
    made = user.data("POST", "entrance/submit", json=body("JDBCDriver", "exit 9"))

    def row() -> dict[str, Any]:
        return dict(user.data("GET", f"jobhistory/{made['taskID']}/get")["task"])

    wait_until_sync(lambda: row()["status"] == "Failed", "the failure")
    assert type(row()["errCode"]) is int
    assert "9" in row()["errDesc"]


def test_log_in_again_after_401(served: Served) -> None:
    """A Java client whose session ended is told 401, logs in once more and goes on (2.4)."""
    http = client(served)
    password = admin_password(served.data)
    credentials = {"userName": "admin", "password": password}
    assert http.post("user/login", json=credentials).status_code == 200
    assert http.post("user/login", json=credentials).json()["status"] == 0
    kept = dict(http.cookies)
    http.post("user/logout", json={})
    http.cookies.update(kept)
    assert http.get("user/userInfo").status_code == 401
    http.cookies.clear()
    assert http.post("user/login", json=credentials).status_code == 200
    assert http.get("user/userInfo").json()["data"]["userName"] == "admin"


def test_a_kill_at_once(served: Served) -> None:
    """However soon a kill comes, the polite signal is enough: nobody waits for the grace (3.7)."""
    user = User(served, "admin")
    began = time.monotonic()
    for _ in range(10):
        made = user.data("POST", "entrance/submit", json=body("LINKISCLI", "sleep 1000"))
        user.data("GET", f"entrance/{made['execID']}/kill")
        path = f"entrance/{made['execID']}/status"
        wait_until_sync(
            lambda path=path: user.data("GET", path)["status"] == "Cancelled",  # type: ignore[misc]
            "the kill to be true",
        )
    assert time.monotonic() - began < 30
