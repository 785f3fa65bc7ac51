"""The wall clock jumps while tasks run: durations, limits and identities do not care.

Tokens are judged by it, as they must be: a user has to log in again, or to wait until it is right.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

import engines
import tests.children
from engines.rundir.creation import create_run
from engines.rundir.directory import WORK
from engines.rundir.facts import ExitKind
from gateway.ids import time_of
from tests.faults.clock import Clock
from tests.faults.retrying_client import calling
from tests.faults.storm import complaints
from tests.faults.syscalls import MARKER
from tests.journeys.entrance import Caller, shell
from tests.journeys.linkis_people import client
from tests.support.native import native_program
from tests.support.served import Served, admin_password, command, serving
from tests.support.waiting import wait_until_sync

ROOT = Path(engines.__file__).parent.parent
SHIM = Path(tests.children.__file__).with_name("lone_shim.py")
LIMIT = 2
HOUR = 3600
DAY = 24 * HOUR
YEARS = (3652 * DAY, -3652 * DAY, DAY - int(time.time()), 0)
"""Ten years to and fro, and the second day of 1970."""
LIFE = str(12 * HOUR)
JUMPS = (3 * HOUR, HOUR, 4 * HOUR, 0)
"""Ahead of the token's time and within its life: it is judged by the wall clock, as it must be."""


@pytest.mark.storm
@pytest.mark.parametrize("jump", YEARS[:2])
@pytest.mark.parametrize("native", [False, True], ids=["python", "native"])
def test_the_clock_of_a_shim_jumps(tmp_path: Path, jump: int, *, native: bool) -> None:
    """The limit of a run keeps its length while the clock of its shim is set away by years."""
    clock = Clock(tmp_path / "clock")
    for name in ("new", "live"):
        (tmp_path / name).mkdir()
    run = create_run(tmp_path / "new", tmp_path / "live", str(uuid.uuid4()), b"{}")
    Path(run.file(WORK)).mkdir()
    program = str(native_program()) if native else ""
    words = (str(ROOT), run.path, MARKER, str(tmp_path / "effect"), "alone", program, str(LIMIT))
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-I", "-S", str(SHIM), *words], env={**os.environ, **clock.environment()}
    ) as shim:
        wait_until_sync(lambda: run.started() is not None, "the run to start")
        clock.jump(jump)
        assert shim.wait(20) == 0
    assert LIMIT <= time.monotonic() - began < LIMIT + 5
    end = run.exit()
    assert end is not None
    assert end.kind is ExitKind.TIME_LIMIT
    assert abs(end.ended_ms / 1000 - time.time() - jump) < 60, "the clock did not jump"


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
        accepted = [through]
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
            accepted += [limited, quick]
        go.touch()
        assert caller.finished(through) == "Succeed"
        assert [line["text"] for line in caller.lines(through)] == ["one", "two"]
        assert len(set(accepted)) == len(accepted)
        for one in accepted:
            assert caller.status(one) in {"Succeed", "Timeout"}
        assert not complaints(gateway)


@pytest.mark.storm
@pytest.mark.timeout(300)
def test_the_clock_jumps_by_years(tmp_path: Path) -> None:
    """Nothing that is kept goes and nothing ends; who is refused is told, and it heals."""
    clock, go = Clock(tmp_path / "clock"), tmp_path / "go"
    with serving(tmp_path / "data", **clock.environment()) as gateway, calling(gateway) as caller:
        kept, later = caller.execute("echo kept"), []
        assert caller.finished(kept) == "Succeed"
        through = caller.execute(f"echo one; until [ -e {go} ]; do sleep 0.05; done; echo two")
        wait_until_sync(lambda: caller.status(through) == "Running", "the run to run")
        for jump in YEARS:
            clock.jump(jump)
            ready(gateway, caller)
            if jump:
                refused = caller.http.get(f"{gateway.api}/{kept}/status")
                assert refused.status_code == 401
                assert "the token is not valid or has expired" in refused.json()["message"]
            if jump > 0:
                later.append(logged_in(gateway, kept, through))
            elif jump < 0:
                said = login(gateway, client(gateway))
                assert said.status_code == 503
                assert "the clock of the gateway is wrong" in said.json()["message"]
            clock.jump(0)
            ready(gateway, caller)
            # While it rebuilds the index, the gateway may ask to come again later.
            wait_until_sync(lambda: state(caller.http, gateway, kept) == "Succeed", "the kept one")
            assert [line["text"] for line in caller.lines(kept)] == ["kept"]
            assert caller.status(through) == "Running"
            assert caller.finished(caller.execute("echo now")) == "Succeed"
        go.touch()
        assert caller.finished(through) == "Succeed"
        assert [line["text"] for line in caller.lines(through)] == ["one", "two"]
        assert [caller.status(one) for one in later] == ["Succeed"]
        assert len({kept, through, *later}) == 3
        assert not complaints(gateway)


def logged_in(gateway: Served, kept: str, through: str) -> str:
    """A run of somebody who logged in ten years from now, and sees what there was before."""
    with client(gateway, Origin=gateway.url) as user:
        assert login(gateway, user).status_code == 200
        wait_until_sync(lambda: state(user, gateway, kept) == "Succeed", "the kept one", 30)
        made = user.post("entrance/execute", json=shell("echo later")).json()["data"]["execID"]
        wait_until_sync(lambda: state(user, gateway, made) == "Succeed", "the run to end", 30)
        assert jumped(gateway, YEARS[0]), "the clock did not jump"
        assert state(user, gateway, kept) == "Succeed"
        assert state(user, gateway, through) == "Running"
        return str(made)


def login(gateway: Served, user: httpx.Client) -> httpx.Response:
    """What is said to a login of the administrator."""
    words = {"userName": "admin", "password": admin_password(gateway.data)}
    return user.post("user/login", json=words)


def state(user: httpx.Client, gateway: Served, exec_id: str) -> str:
    """The status of a task; nothing if it cannot be told at the moment."""
    reply = user.get(f"{gateway.api}/{exec_id}/status")
    assert reply.status_code in {200, 503}, reply.text
    return str(reply.json()["data"].get("status", ""))
