"""What was asked of tasks is kept, whatever dies while it is asked.

One table of requests, each made twice at the same time, in every state that a task can be in, while
a part of the gateway is killed or Redis is away. Afterwards each task must be what was asked.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engines.rundir.directory import RunDir
from gateway.client import Client, ClientError, Controlled
from tests.faults.pace import hold_off
from tests.faults.redis_server import OwnRedis, own_redis
from tests.faults.storm import complaints
from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync

SLOTS = 6
TICKS = "trap 'echo caught' USR1; echo ready; while :; do echo t >> ticks; sleep 0.02; done"
TIMEOUT = 60.0
WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Stage:
    """A gateway and its Redis."""

    gateway: Served
    server: OwnRedis


@dataclass(slots=True)
class Cast:
    """The tasks of one round by what is to become of them, by number."""

    client: Client
    tasks: dict[str, str] = field(default_factory=dict)

    def state(self, name: str) -> str:
        """The state of a task in our own words; empty while nobody can be asked."""
        try:
            page = self.client.control.events(self.tasks[name], size=1000)
        except ClientError:
            return ""
        states = [event.state for event in page.events if event.state]
        return states[-1]

    def names(self, name: str) -> list[str]:
        """What was asked of a task and what happened to it."""
        page = self.client.control.events(self.tasks[name], size=1000)
        return [event.event for event in page.events]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One gateway for all faults, with a few slots."""
    folder = tmp_path_factory.mktemp("control")
    with (
        own_redis(folder / "r") as server,
        serving(
            folder / "data",
            NARTHEX_REDIS_URL=f"unix://{server.socket}",
            NARTHEX_RUNNER_RUNNING_TOTAL=str(SLOTS),
            NARTHEX_RUNNER_RUNNING_PER_USER=str(SLOTS),
        ) as gateway,
    ):
        try:
            yield Stage(gateway, server)
        finally:
            for run in map(RunDir, (folder / "data" / "spool" / "live").iterdir()):
                with contextlib.suppress(FileNotFoundError):  # put away by now
                    run.request_kill(0)
                    run.notify()


def quiet(stage: Stage, over: threading.Event) -> None:
    """Nothing happens."""
    del stage, over


def part_killed(name: str) -> Callable[[Stage, threading.Event], None]:
    """A part is killed again and again, as soon as it is there."""

    def kill(stage: Stage, over: threading.Event) -> None:
        for _ in range(6):
            for pid in stage.gateway.parts(name):
                os.kill(pid, signal.SIGKILL)
            if hold_off(0.4, over):
                return

    return kill


def redis_killed(stage: Stage, over: threading.Event) -> None:
    """Redis is away for a moment, and comes back with what its file holds."""
    del over
    stage.server.kill()
    hold_off(1.5)
    stage.server.start()


def redis_emptied(stage: Stage, over: threading.Event) -> None:
    """Everything in Redis is gone, twice."""
    for _ in range(2):
        stage.server.client.flushall()
        if hold_off(0.5, over):
            return


FAULTS = {
    "quiet": quiet,
    "runner killed": part_killed("gateway.runner"),
    "worker killed": part_killed("gateway.app"),
    "redis killed": redis_killed,
    "redis emptied": redis_emptied,
}


CALM = ("quiet", "worker killed")
"""What only the long run does."""


def set_up(client: Client) -> Cast:
    """Tasks in every state; all slots are taken by those that run."""
    cast = Cast(client)
    cast.tasks["end"] = client.execute("true").exec_id
    wait_until_sync(lambda: client.status(cast.tasks["end"]).final, "one to end", WITHIN)
    running = ("suspend", "signal", "limit", "resume", "kill suspended", "kill running")
    assert len(running) == SLOTS
    for name in running:
        cast.tasks[name] = client.execute(TICKS).exec_id
    for name in running:
        wait_until_sync(
            lambda: client.log(cast.tasks[name]).last > 0,  # noqa: B023 - awaited here
            f"{name} to run",
            WITHIN,
        )
    for name in ("resume", "kill suspended"):
        assert client.control.suspend(cast.tasks[name]).state == "suspended"
    cast.tasks["hold"] = client.execute("echo never").exec_id
    for name in ("release", "stay held", "kill held"):
        cast.tasks[name] = client.execute("echo once", hold=True).exec_id
    return cast


def asked(cast: Cast) -> list[Callable[[], object]]:
    """Everything that is asked in a round."""
    tasks, control = cast.tasks, cast.client.control

    def refused() -> None:
        with pytest.raises(ClientError, match="has ended"):
            control.suspend(tasks["end"])

    def perhaps(ask: Callable[[], Controlled], *late: str) -> Callable[[], object]:
        """Asks what the other of the two, or the scheduler, may have made too late."""

        def go() -> None:
            try:
                ask()
            except ClientError as error:
                assert any(word in str(error) for word in ("has ended", *late)), error  # noqa: PT017 - one of two

        return go

    return [
        lambda: control.suspend(tasks["suspend"]),
        lambda: control.resume(tasks["resume"]),
        lambda: control.signal(tasks["signal"], "USR1"),
        perhaps(lambda: control.set_limit(tasks["limit"], 0.01)),
        lambda: control.tag(tasks["suspend"], ["mine"]),
        lambda: control.tag(tasks["end"], ["over"]),
        lambda: cast.client.kill(tasks["kill suspended"], grace=0),
        lambda: cast.client.kill(tasks["kill running"], grace=0),
        lambda: cast.client.kill(tasks["kill held"], grace=0),
        lambda: control.hold(tasks["stay held"]),
        perhaps(lambda: control.resume(tasks["release"])),
        perhaps(lambda: control.hold(tasks["hold"]), "suspend it instead"),
        refused,
    ]


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "fault",
    [pytest.param(one, marks=pytest.mark.storm) if one in CALM else one for one in FAULTS],
)
def test_what_was_asked_is_kept(fault: str, stage: Stage, tmp_path: Path) -> None:
    """In every state, asked twice, while the fault comes and goes."""
    del tmp_path
    over = threading.Event()
    with (
        Client(stage.gateway.url, stage.gateway.token, patience_seconds=TIMEOUT) as client,
        ThreadPoolExecutor(8) as threads,
    ):
        cast = set_up(client)
        trouble = threads.submit(FAULTS[fault], stage, over)

        def ask(number: int) -> None:
            with Client(
                stage.gateway.url,
                stage.gateway.token,
                patience_seconds=TIMEOUT,
                wait_for_gateway=True,
            ) as own:
                asked(Cast(own, cast.tasks))[number]()

        count = len(asked(cast))
        for done in [threads.submit(ask, number % count) for number in range(2 * count)]:
            done.result(TIMEOUT * 2)
        over.set()
        trouble.result(WITHIN)
        judge(cast)
        for task in cast.tasks.values():
            with contextlib.suppress(ClientError):  # it has ended by itself
                client.kill(task, grace=0)
        for name in cast.tasks:
            wait_until_sync(
                lambda: client.status(cast.tasks[name]).final,  # noqa: B023 - awaited here
                f"{name} to end",
                WITHIN,
            )
    assert complaints(stage.gateway) == []


def judge(cast: Cast) -> None:
    """Each task is what was asked, told once for each request."""

    def becomes(name: str, state: str) -> None:
        wait_until_sync(lambda: cast.state(name) == state, f"{name} to be {state}", WITHIN)

    becomes("suspend", "suspended")
    becomes("resume", "running")
    becomes("stay held", "held")
    becomes("limit", "timed_out")
    becomes("kill suspended", "killed")
    becomes("kill running", "killed")
    becomes("kill held", "killed")
    becomes("release", "succeeded")
    client, tasks = cast.client, cast.tasks
    assert client.control.tag(tasks["suspend"]).tags == ("mine",)
    assert client.control.tag(tasks["end"]).tags == ("over",)
    assert client.control.hold(tasks["stay held"]).state == "held"
    assert client.control.suspend(tasks["suspend"]).state == "suspended"
    assert "started" not in cast.names("kill held")
    assert "started" not in cast.names("stay held")
    assert [line.text for line in client.log(tasks["release"]).lines] == ["once"]
    # Two requests to signal with ids of their own, and each was sent once.
    wait_until_sync(
        lambda: [line.text for line in client.log(tasks["signal"]).lines].count("caught") == 2,
        "both signals to be caught",
        WITHIN,
    )
    for name, request in (("suspend", "suspend"), ("resume", "resume"), ("limit", "limit")):
        assert cast.names(name).count(request) == 1, (name, cast.names(name))
    assert cast.names("signal").count("signal") == 2
    if "hold" in cast.names("hold"):
        becomes("hold", "held")
        assert "started" not in cast.names("hold")
