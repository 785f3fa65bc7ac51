"""Kills as clients ask for them: with their own grace, and with an account of what was done."""

import asyncio
from typing import Any

from tests.journeys.entrance import Caller, executing, frame, opened, received
from tests.support.served import Served
from tests.support.waiting import wait_until_sync

STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.1; done"


def begun(caller: Caller, code: str) -> str:
    """The execID of a script that has printed something."""
    exec_id = caller.execute(code)
    wait_until_sync(lambda: bool(first_page(caller, exec_id)["lines"]), "the first line")
    return exec_id


def first_page(caller: Caller, exec_id: str) -> dict[str, Any]:
    """The first page of numbered lines."""
    return caller.call("GET", f"{exec_id}/log", params={"format": "lines", "wait": 20})


def killed(caller: Caller, exec_id: str, **query: object) -> dict[str, Any]:
    """The reply to a kill that asks for its report."""
    query = {"report": "true", **query}
    return caller.call("POST", f"{exec_id}/kill", params=query)


def test_a_report_of_a_stubborn_run(caller: Caller) -> None:
    """The polite signal, the certain one, who died of them, and that nothing is left."""
    exec_id = begun(caller, STUBBORN)
    data = killed(caller, exec_id, grace=0.3, wait=20)
    report = data["report"]
    assert (data["status"], report["state"], report["verified"]) == ("Cancelled", "killed", True)
    assert report["graceSeconds"] == 0.3
    assert report["proof"] in {"cgroup", "reaper"}
    assert report["left"] == []
    names = {one["name"] for one in report["signals"]}
    assert names == {"SIGTERM", "SIGKILL"}
    polite, certain = sorted(report["signals"], key=lambda one: one["signal"], reverse=True)
    assert certain["firstTime"] >= polite["firstTime"] + 250
    assert 9 in {one["signal"] for one in report["died"]}
    assert report["wishedTime"] <= report["begunTime"] <= report["endedTime"]


def test_no_grace_is_at_once(caller: Caller) -> None:
    """With ``grace=0`` only the certain signal is sent."""
    exec_id = begun(caller, "trap 'echo bye; exit 0' TERM; echo ready; sleep 60 & wait")
    report = killed(caller, exec_id, grace=0, wait=20)["report"]
    assert [one["name"] for one in report["signals"]] == ["SIGKILL"]
    assert [row["text"] for row in caller.lines(exec_id)] == ["ready"]


def test_killing_is_not_killed(caller: Caller) -> None:
    """While processes are left, the report says killing, names them and proves nothing."""
    exec_id = begun(caller, STUBBORN)
    early = killed(caller, exec_id, grace=2)["report"]
    assert (early["state"], early["verified"], early["proof"]) == ("killing", False, "")

    def left() -> list[int]:
        found = caller.call("GET", f"{exec_id}/killreport")["report"]
        assert found["state"] == "killing"
        pids = found["left"]
        assert isinstance(pids, list)
        return pids

    wait_until_sync(lambda: bool(left()), "who is left to be named")
    again = killed(caller, exec_id, grace=0)["report"]
    assert again["graceSeconds"] == 2, "the first request counts"
    late = caller.call("GET", f"{exec_id}/killreport", params={"wait": 20})["report"]
    assert (late["state"], late["verified"], late["left"]) == ("killed", True, [])


def test_kill_before_the_start(caller: Caller) -> None:
    """A run that is killed at once ends as killed, whether it was started by then or not."""
    for _ in range(5):
        report = killed(caller, caller.execute("sleep 60"), grace=0, wait=20)["report"]
        assert (report["state"], report["verified"], report["left"]) == ("killed", True, [])
        assert report["proof"] in {"unstarted", "cgroup", "reaper"}
        assert (report["proof"] == "unstarted") <= (report["signals"] == [])


def test_kill_after_the_end(caller: Caller) -> None:
    """What ended by itself was not killed, and the report says so instead of a refusal."""
    exec_id = caller.execute("exit 3")
    assert caller.finished(exec_id) == "Failed"
    data = killed(caller, exec_id)
    assert (data["status"], data["exitCode"]) == ("Failed", 3)
    assert (data["report"]["state"], data["report"]["signals"]) == ("ended", [])
    assert data["report"]["verified"]


def test_nobody_asked_for_a_kill(caller: Caller) -> None:
    """Reading the report of a run that goes on changes nothing and does not wait."""
    exec_id = begun(caller, "echo ready; sleep 60")
    report = caller.call("GET", f"{exec_id}/killreport", params={"wait": 20})["report"]
    assert (report["state"], report["wishedTime"]) == ("none", 0)
    assert caller.status(exec_id) == "Running"
    killed(caller, exec_id, grace=0, wait=20)


async def test_a_report_by_websocket(served: Served) -> None:
    """The same words in a message ask for the same."""
    async with asyncio.timeout(40), opened(served) as socket:
        exec_id = await executing(socket, "sleep 60")
        data: dict[str, object] = {"grace": 0, "report": True, "wait": 20}
        await socket.send(frame(f"{exec_id}/kill", data))
        while True:
            message = await received(socket)
            if message["method"].endswith("/kill"):
                break
        assert message["data"]["report"]["state"] == "killed", message
        assert message["data"]["report"]["graceSeconds"] == 0
