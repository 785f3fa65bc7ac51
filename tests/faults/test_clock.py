"""The wall clock jumps while tasks run: durations, limits and identities do not care."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.ids import time_of
from tests.faults.clock import Clock
from tests.faults.storm import complaints
from tests.faults.visitor import calling
from tests.journeys.entrance import Caller
from tests.support.served import Served, command, serving
from tests.support.waiting import wait_until_sync

HOUR = 3600
LIFE = str(12 * HOUR)
JUMPS = (3 * HOUR, HOUR, 4 * HOUR, 0)
"""Ahead of the token's time and within its life: it is judged by the wall clock, as it must be."""


def ready(gateway: Served, caller: Caller) -> None:
    """Waits until the gateway is well with the time as it is now."""

    def well() -> bool:
        return caller.http.get(f"{gateway.url}/readyz").status_code == 200

    wait_until_sync(well, "the gateway to be ready", 20)


def jumped(gateway: Served, jump: int) -> bool:
    """Whether a task was made at the time to which the clock jumped."""
    spool = gateway.data / "spool"
    names = [path.name for places in ("live/*", "done/*/*") for path in spool.glob(places)]
    return any(abs(time_of(name) / 1000 - time.time() - jump) < 60 for name in names)


@pytest.mark.storm
@pytest.mark.timeout(300)
def test_the_clock_jumps_to_and_fro(tmp_path: Path) -> None:
    """A run through all jumps ends by itself, limits keep their length, and no id comes twice."""
    clock, go = Clock(tmp_path / "clock"), tmp_path / "go"
    with serving(tmp_path / "data", **clock.environment()) as gateway, ExitStack() as stack:
        gateway.token = command("token", "--user", "admin", "--ttl", LIFE, data=gateway.data)
        caller = stack.enter_context(calling(gateway))
        through = caller.execute(f"echo one; until [ -e {go} ]; do sleep 0.05; done; echo two")
        wait_until_sync(lambda: caller.status(through) == "Running", "the run to run")
        told = [through]
        for jump in JUMPS:
            limited = caller.execute(
                "sleep 30", params={"configuration": {"runtime": {"jobRunningTimeout": 2}}}
            )
            wait_until_sync(lambda one=limited: caller.status(one) == "Running", "the run to run")  # type: ignore[misc]
            began = time.monotonic()
            clock.jump(jump)
            ready(gateway, caller)
            assert caller.finished(limited) == "Timeout"
            assert 1 < time.monotonic() - began < 15
            quick = caller.execute("echo now")
            assert caller.finished(quick) == "Succeed"
            assert [line["text"] for line in caller.lines(quick)] == ["now"]
            assert jumped(gateway, jump), "the clock did not jump"
            assert caller.status(through) == "Running"
            told += [limited, quick]
        go.touch()
        assert caller.finished(through) == "Succeed"
        assert [line["text"] for line in caller.lines(through)] == ["one", "two"]
        assert len(set(told)) == len(told)
        for one in told:
            assert caller.status(one) in {"Succeed", "Timeout"}
        assert not complaints(gateway)
