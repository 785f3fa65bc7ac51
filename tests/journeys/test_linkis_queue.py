"""Queue, limits and fairness (section 5.4): one user's crowd does not delay another's first."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.journeys.entrance import frame, shell
from tests.journeys.linkis_people import User, add_user
from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync

SLOTS = 4
CROWD = 160
BURST = 10_000
FEW = 10


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway that runs few tasks at a time."""
    data = tmp_path_factory.mktemp("narrow") / "data"
    settings = {
        "NARTHEX_RUNNER_RUNNING_TOTAL": str(SLOTS),
        "NARTHEX_RUNNER_RUNNING_PER_USER": str(SLOTS),
        "NARTHEX_LIMITS_QUEUED_PER_USER": str(CROWD),
    }
    with serving(data, **settings) as gateway:
        add_user(gateway, "ann")
        add_user(gateway, "cat")
        add_user(gateway, "bob")
        add_user(gateway, "eve")
        yield gateway


async def submitted(served: Served, user: User, count: int, code: str) -> list[float]:
    """Submits so many tasks in a burst; how long each took."""
    async with httpx.AsyncClient(base_url=served.url, headers=user.headers, timeout=60) as http:
        lane = asyncio.Semaphore(8)

        async def one() -> float:
            async with lane:
                began = time.monotonic()
                reply = await http.post("/api/rest_j/v1/entrance/execute", json=shell(code))
                assert reply.json()["status"] == 0, reply.text
                return time.monotonic() - began

        return list(await asyncio.gather(*(one() for _ in range(count))))


def rows(user: User, **query: object) -> list[dict[str, Any]]:
    """The user's tasks, oldest first, page by page."""
    found: list[dict[str, Any]] = []
    for page in range(1, 100):
        asked = {"pageSize": 1000, "pageNow": page, **query}
        tasks = user.data("GET", "jobhistory/list", params=asked)["tasks"]
        found += tasks
        if not tasks:
            break
    return sorted(found, key=lambda row: row["taskID"])


async def crowded(gateway: Served, ann: User, cat: User, crowd: int) -> None:
    """One submits a crowd and another a few, who start as if the crowd had one share."""
    await submitted(gateway, ann, crowd, "sleep 0.05")
    await submitted(gateway, cat, FEW, "sleep 0.05")
    info = ann.data("GET", "entrance/taskinfo")
    assert info["queuedNumber"] > crowd // 3
    assert info["runningNumber"] <= SLOTS == info["creatorECTypeMaxRunningJobs"]
    wait_until_sync(
        lambda: cat.data("GET", "jobhistory/listundone")["totalPage"] == 0,
        "the few to end",
        timeout=60,
    )
    assert ann.data("GET", "entrance/taskinfo")["queuedNumber"] > 0
    few, many = rows(cat), rows(ann)
    assert len(many) == crowd
    began, last = few[0]["createdTime"], max(row["engineStartTime"] for row in few)
    between = [row for row in many if began <= (row["engineStartTime"] or 0) <= last]
    assert len(between) <= FEW + 2 * SLOTS
    assert running_at_once([*few, *many]) <= SLOTS


async def test_a_crowd_delays_nobody(narrow: Served) -> None:
    """Ten tasks start as if the crowd before them had one share, and no cap is passed."""
    ann, cat = User(narrow, "ann"), User(narrow, "cat")
    await crowded(narrow, ann, cat, CROWD - SLOTS)
    for row in rows(ann, status="Scheduled,Inited,Running"):
        ann.http.get(f"/api/rest_j/v1/entrance/{row['strongerExecId']}/kill")


@pytest.mark.storm
@pytest.mark.timeout(900)
async def test_a_burst_of_ten_thousand_delays_nobody(tmp_path: Path) -> None:
    """The same behind ten thousand tasks, the most that a user may have waiting."""
    settings = {
        "NARTHEX_RUNNER_RUNNING_TOTAL": str(SLOTS),
        "NARTHEX_RUNNER_RUNNING_PER_USER": str(SLOTS),
        "NARTHEX_LIMITS_QUEUED_PER_USER": str(BURST),
    }
    with serving(tmp_path / "data", **settings) as gateway:
        add_user(gateway, "ann")
        add_user(gateway, "cat")
        await crowded(gateway, User(gateway, "ann"), User(gateway, "cat"), BURST)


def running_at_once(found: list[dict[str, Any]]) -> int:
    """The most tasks that ran at one moment, by their own times."""
    moments = [(row["engineStartTime"], 1) for row in found if row["engineStartTime"]]
    moments += [
        (row["updatedTime"], -1)
        for row in found
        if row["engineStartTime"] and row["status"] == "Succeed"
    ]
    most = now = 0
    for _, change in sorted(moments):
        now += change
        most = max(most, now)
    return most


def test_the_place_in_the_queue_is_pushed(narrow: Served) -> None:
    """While a task waits its socket is told how many are before it, each time that changes."""
    eve = User(narrow, "eve")
    blocking = [
        eve.data("POST", "entrance/execute", json=shell("sleep 1000")) for _ in range(SLOTS)
    ]
    wait_until_sync(
        lambda: all(status(eve, one) == "Running" for one in blocking), "the slots to be taken"
    )
    ahead = [eve.data("POST", "entrance/execute", json=shell("true")) for _ in range(2)]
    with connect(narrow.socket_url, additional_headers=eve.headers) as socket:
        socket.send(frame("execute", shell("true"), websocketTag="mine"))
        seen: list[int] = []
        ended = ""
        while not ended:
            message = json.loads(socket.recv(timeout=20))
            data = message["data"]
            if message["websocketTag"] != "mine":
                continue
            if message["method"].endswith("/waitingSize"):
                seen.append(data["waitingSize"])
                if len(seen) == 1:
                    kill(eve, ahead[0])
                elif seen[-1] == 1:
                    kill(eve, blocking[0])
            if data.get("status") in {"Succeed", "Failed"}:
                ended = data["status"]
    assert (seen[0], 1 in seen, ended) == (2, True, "Succeed")
    assert status(eve, ahead[0]) == "Cancelled"
    for one in blocking[1:]:
        kill(eve, one)


def test_a_full_queue(narrow: Served) -> None:
    """Over HTTP a submit is refused with status 1; on a websocket it is a task that failed.

    How many there are is for administrators to know.
    """
    bob = User(narrow, "bob")
    taken = []
    while True:
        reply = bob.http.post("/api/rest_j/v1/entrance/execute", json=shell("sleep 1000")).json()
        if reply["status"]:
            break
        taken.append(reply["data"])
        assert len(taken) <= CROWD + SLOTS
    assert (reply["status"], "are waiting already" in reply["message"]) == (1, True)
    with connect(narrow.socket_url, additional_headers=bob.headers, max_size=None) as socket:
        socket.send(frame("execute", shell("echo late"), websocketTag="late"))
        while True:
            message = json.loads(socket.recv(timeout=20))
            assert message["status"] == 0
            if message["data"].get("status") == "Failed":
                break
    eve = User(narrow, "eve").data("GET", "entrance/runningtask")
    assert eve == {"runningTaskNumber": 0, "isCompleted": True}
    busy = User(narrow, "admin").data("GET", "entrance/runningtask")
    assert busy["runningTaskNumber"] >= len(taken)
    number = message["data"]["taskID"]
    row = bob.data("GET", f"jobhistory/{number}/get")["task"]
    assert (row["status"], row["errCode"], row["executionCode"]) == ("Failed", 92011, "echo late")
    assert "are waiting already" in row["errDesc"]
    log = bob.data("GET", f"entrance/{number}/log", params={"fromLine": 1, "size": -1})["log"]
    assert "are waiting already" in log[0]
    for start in range(0, len(taken), 100):
        some = taken[start : start + 100]
        body = {
            "idList": [one["execID"] for one in some],
            "taskIDList": [one["taskID"] for one in some],
        }
        killed = bob.data("POST", "entrance/0/killJobs", json=body)["messages"]
        assert {one["status"] for one in killed} == {0}
    wait_until_sync(
        lambda: bob.data("GET", "jobhistory/listundone")["totalPage"] == 0,
        "all to be gone",
        timeout=60,
    )


def status(user: User, task: dict[str, Any]) -> str:
    """The status word of a task."""
    return str(user.data("GET", f"entrance/{task['execID']}/status")["status"])


def kill(user: User, task: dict[str, Any]) -> None:
    """Ends a task."""
    user.data("POST", f"entrance/{task['execID']}/kill")
