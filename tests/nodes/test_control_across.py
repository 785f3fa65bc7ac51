"""What is asked of a task at a node that has not got it: the one that has it does it."""

from __future__ import annotations

import pytest

from tests.journeys.entrance import Caller
from tests.nodes.rig import Pair
from tests.support.waiting import wait_until_sync

COUNTS = "trap 'echo caught' USR1; echo ready; while :; do sleep 0.02; done"


def texts(caller: Caller, name: str) -> list[str]:
    """The lines so far."""
    page = caller.call("GET", f"{name}/log", params={"format": "lines", "fromLine": 1})
    return [line["text"] for line in page["lines"]]


def state(caller: Caller, name: str) -> str:
    """Its state in our own words: tags that are not changed are told with it."""
    return asked(caller, name, "tag")


def asked(caller: Caller, name: str, verb: str, **details: object) -> str:
    """The state of a task after something was asked of it."""
    return str(caller.call("POST", f"{name}/{verb}", json=details)["state"])


def test_a_run_is_stopped_signalled_and_limited_from_the_other_node(
    at_a: Caller, at_b: Caller
) -> None:
    """Each takes effect in the run, and its events tell of all at both nodes."""
    name = at_a.execute(COUNTS)
    wait_until_sync(lambda: texts(at_b, name) == ["ready"], "it to be ready")
    assert asked(at_b, name, "suspend") == "suspended"
    assert state(at_a, name) == "suspended"
    assert asked(at_b, name, "tag", add=["seen"]) == "suspended"
    assert asked(at_b, name, "resume") == "running"
    assert asked(at_b, name, "signal", signal="USR1") == "running"
    wait_until_sync(lambda: texts(at_b, name) == ["ready", "caught"], "the signal to arrive")
    assert asked(at_b, name, "limit", seconds=0.2) == "running"
    assert at_b.finished(name) == "Timeout"
    told = [at.call("GET", f"{name}/events")["events"] for at in (at_a, at_b)]
    assert told[0] == told[1]
    names = [event["event"] for event in told[0]]
    assert [one for one in names if one in {"suspend", "resume", "signal", "limit"}] == [
        *("suspend", "resume", "signal", "limit"),
    ]


def test_a_waiting_task_is_held_and_let_go_from_the_other_node(at_a: Caller, at_b: Caller) -> None:
    """It does not start until it is let go, and is killed there as well."""
    first, second = (at_a.execute(f"echo {at}", hold=True) for at in range(2))
    assert state(at_b, first) == "held"
    assert asked(at_b, first, "resume") in {"queued", "starting", "running", "succeeded"}
    assert at_b.finished(first) == "Succeed"
    assert texts(at_b, first) == ["0"]
    at_b.call("GET", f"{second}/kill")
    assert at_b.finished(second) == "Cancelled"


@pytest.mark.parametrize("code", ["true", "exit 3"])
def test_a_task_waits_for_one_of_the_other_node(
    nodes: Pair, at_a: Caller, at_b: Caller, code: str
) -> None:
    """However that one ends; held at the other node it waits on."""
    go = nodes.folder / f"go-{code[:4]}"
    first = at_a.execute(f"until [ -e {go} ]; do sleep 0.02; done; {code}")
    second = at_b.execute("echo then", after=[first])
    wait_until_sync(lambda: at_b.status(first) == "Running", "the first to run")
    said = at_a.call("GET", f"{second}/status")
    assert (said["node"], said["status"]) == ("b", "Scheduled")
    assert asked(at_a, second, "hold") == "held"
    go.touch()
    at_b.finished(first)
    assert state(at_b, second) == "held"
    assert asked(at_a, second, "resume") in {"queued", "starting", "running", "succeeded"}
    assert at_a.finished(second) == "Succeed"
    assert texts(at_a, second) == ["then"]
