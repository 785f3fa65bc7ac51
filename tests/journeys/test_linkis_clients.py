"""The Java clients' call orders and type rules (sections 8c, 8d, 8e), as far as without results."""

import time
from typing import Any

import pytest

from tests.journeys.linkis_people import User, client
from tests.support.served import Served
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
        password = (served.data / "secret" / "admin.password").read_text().strip()
        logged = http.post("user/login", json={"userName": "admin", "password": password}).json()
        assert type(logged["data"]["sessionTimeOut"]) is int

    def data(path: str, **query: object) -> dict[str, Any]:
        reply = http.get(path, params={name: str(value) for name, value in query.items()})
        envelope = reply.json()
        assert (reply.status_code, envelope["status"]) == (200, 0), envelope
        return dict(envelope["data"])

    code = f"for i in $(seq {COUNT}); do echo line $i; done; sleep 0.5"
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
    row = data(f"jobhistory/{made['taskID']}/get")["task"]
    assert row["status"] == "Succeed"
    assert type(row["createdTime"]) is int


def test_the_java_sdk_finds_gateways(served: Served) -> None:
    """Discovery reads a list of addresses and that this one is well (2.4)."""
    data = client(served).get("gateway/heartbeat").json()["data"]
    assert data["isHealthy"] is True
    assert all(":" in address for address in data["gatewayList"])


def test_the_cli(served: Served) -> None:
    """Row, status by its ``strongerExecId``, log from 0, until the end and after it (8d)."""
    user = User(served, "admin")
    made = user.data(
        "POST",
        "entrance/submit",
        json=body("LINKISCLI", "echo one; sleep 0.3; echo two >&2", codeType="shell", route="r"),
    )
    shown: list[str] = []
    cursor = 0
    while True:
        row = user.data("GET", f"jobhistory/{made['taskID']}/get")["task"]
        assert type(row["costTime"]) is int
        exec_id = row["strongerExecId"]
        status = user.data("GET", f"entrance/{exec_id}/status")["status"]
        query = {"fromLine": cursor} if cursor else {}
        log = user.data("GET", f"entrance/{exec_id}/log", params=query)
        shown += log["log"][3].splitlines()
        cursor = log["fromLine"]
        if status in FINAL and not log["log"][3]:
            break
    assert cursor == len(shown)
    assert [line.rpartition(" INFO ")[2] for line in shown[2:4]] == ["one", "two"]
    assert "execute with status Succeed" in shown[-1]


def test_the_cli_kills(served: Served) -> None:
    """Kill asks for the row first, then kills with GET, then polls the row (8d)."""
    user = User(served, "admin")
    made = user.data("POST", "entrance/submit", json=body("LINKISCLI", "sleep 1000"))
    row = user.data("GET", f"jobhistory/{made['taskID']}/get")["task"]
    killed = user.data("GET", f"entrance/{row['strongerExecId']}/kill")
    assert killed["execID"] == made["execID"]
    began = time.monotonic()

    def cancelled() -> bool:
        found = user.data("GET", f"jobhistory/{made['taskID']}/get")["task"]
        return bool(found["status"] == "Cancelled")

    wait_until_sync(cancelled, "the kill to be true")
    assert time.monotonic() - began < 5


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
    password = (served.data / "secret" / "admin.password").read_text().strip()
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
    assert time.monotonic() - began < 10
