"""Runs that leave behind what is hard to remove or to read: they harm nobody but themselves."""

from __future__ import annotations

import os
import signal

from gateway.data_paths import DataPaths
from tests.journeys.entrance import Caller
from tests.journeys.test_job_manager import DELETE, ended, pasted, started
from tests.support.served import Served
from tests.support.waiting import wait_until_sync

DEEP = "p=$(printf 'd/%.0s' $(seq 500)); for i in 1 2 3; do mkdir -p $p; cd $p; done; touch bottom"


def parts(served: Served) -> list[int]:
    """The processes of a gateway that must still be the same afterwards."""
    return [*served.parts("gateway.app"), *served.parts("gateway.runner")]


def left(served: Served) -> list[str]:
    """What of removed runs is still on disk."""
    return [path.name for path in (DataPaths.of(served.data).spool / "new").iterdir()]


def test_a_deep_tree_is_deleted_with_its_job(own: Served) -> None:
    """Row A12, D1: a job that made 1,500 nested directories is deleted; nothing dies of it."""
    job = started(own, DEEP)
    assert ended(own, job)["state"] == "done"
    before = parts(own)
    assert pasted(own, DELETE, job).status == 200
    wait_until_sync(lambda: not left(own), "the directories to be removed", 20)
    with Caller(own) as caller:
        exec_id = caller.execute("echo alive")
        assert [line["text"] for line in caller.lines(exec_id)] == ["alive"]
    assert parts(own) == before


def test_a_deep_tree_goes_when_its_time_has_come(own: Served) -> None:
    """Row A12, D1: the same with a time to live; the runner goes on, also after a restart."""
    started(own, DEEP, ttl=4)
    (runner,) = own.parts("gateway.runner")
    os.kill(runner, signal.SIGKILL)
    wait_until_sync(lambda: own.parts("gateway.runner") not in ([], [runner]), "a new runner", 30)
    second = own.parts("gateway.runner")
    spool = DataPaths.of(own.data).spool
    wait_until_sync(
        lambda: not [*(spool / "done").glob("*/*"), *(spool / "live").iterdir()],
        "the job to be buried",
        40,
    )
    wait_until_sync(lambda: not left(own), "its directories to be removed", 20)
    assert own.parts("gateway.runner") == second


HOSTILE = {
    "pipe": "mkfifo {name}",
    "directory": "mkdir {name}",
    "link": "ln -s /dev/zero {name}",
    "socket": "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"{name}\")'",
    "terabyte": "truncate -s 1T {name}",
}
FACTS = (
    *("exit", "kill", "started", "shim", "killed", "output", "index", "hole", "archive", "lock"),
    *("spec", "progress", "forget", "events", "suspended", "statement", "results", "ctl", "fault"),
)


def test_what_is_named_like_a_fact_holds_up_nobody(own: Served) -> None:
    """Row A13: pipes, links, sockets, directories and huge files among the facts of a run."""
    before = parts(own)
    with Caller(own) as caller:
        running = []
        for kind, code in HOSTILE.items():
            made = "; ".join(
                f"rm -rf {name} 2>/dev/null; {code.format(name=name)}"
                for name in FACTS
                if not (kind == "terabyte" and name == "forget")
            )
            running.append(caller.execute(f"echo begun; cd ..; {made}; sleep 1; echo done"))
        for _ in range(3):
            exec_id = caller.execute("echo alive")
            assert caller.finished(exec_id, 60) == "Succeed"
            assert [line["text"] for line in caller.lines(exec_id)] == ["alive"]
            assert caller.http.get(f"{own.url}/readyz").status_code == 200
        # What becomes of them is their own affair, but something does.
        ended = {"Succeed", "Failed", "Cancelled", "Timeout", ""}
        wait_until_sync(
            lambda: {state(caller, exec_id) for exec_id in running} <= ended,
            "the runs to end",
            60,
        )
    assert parts(own) == before


def state(caller: Caller, exec_id: str) -> str:
    """The status word of a task, empty if it was deleted."""
    reply = caller.http.get(f"{caller.gateway.api}/{exec_id}/status").json()
    return str(reply["data"].get("status", "")) if reply["status"] == 0 else ""
