"""Runs that go on while what started them is killed, and kills that are true."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.journeys.entrance import Caller
from tests.support.served import Served
from tests.support.waiting import wait_until_sync

SLOW = "for i in $(seq 1 60); do echo line $i; sleep 0.05; done"


def members(mark: str) -> list[str]:
    """The pids of all living processes whose environment or arguments hold a mark."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            zombie = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            held = mark.encode() in (entry / "environ").read_bytes()
        except OSError:
            continue
        if held and not zombie:
            found.append(entry.name)
    return found


def test_kill_of_what_ignores_it(caller: Caller) -> None:
    """A script that ignores TERM and waits for a child ends as Cancelled with nothing left."""
    mark = f"NARTHEX_TEST_MARK={time.time_ns()}"
    exec_id = caller.execute(f"export {mark}; trap '' TERM; echo ready; sleep 1000 & wait")
    wait_until_sync(lambda: members(mark), "the children to be there")
    caller.call("POST", f"{exec_id}/kill")
    assert caller.finished(exec_id, seconds=12) == "Cancelled"
    assert members(mark) == []


@pytest.mark.parametrize("victim", ["gateway.app", "gateway.runner"])
def test_the_run_outlives_a_part(own: Served, own_caller: Caller, victim: str) -> None:
    """After SIGKILL of a worker or the runner the script runs on and its log is complete."""
    exec_id = own_caller.execute(SLOW)
    wait_until_sync(lambda: own_caller.status(exec_id) == "Running", "the script to run")
    before = own.parts(victim)
    assert len(before) == 1
    os.kill(before[0], signal.SIGKILL)

    def replaced() -> bool:
        now = own.parts(victim)
        return bool(now) and now != before

    wait_until_sync(replaced, "the part to be replaced")
    wait_until_sync(lambda: answers(own_caller, exec_id), "the gateway to answer again")
    lines = own_caller.lines(exec_id)
    assert [line["text"] for line in lines] == [f"line {i}" for i in range(1, 61)]
    assert own_caller.finished(exec_id) == "Succeed"


def answers(caller: Caller, exec_id: str) -> bool:
    """Whether the gateway can say how a task is."""
    reply = caller.http.get(f"{caller.gateway.url}/readyz")
    return reply.status_code == 200 and bool(caller.status(exec_id))
