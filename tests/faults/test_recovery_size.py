"""A gateway that was killed whole adopts all its live runs, among many finished ones."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import redis

from gateway.stores import keys
from tests.benchmarks.recovery import multiply
from tests.faults.retrying_client import calling
from tests.faults.storm import complaints
from tests.journeys.entrance import Caller
from tests.support.redis_server import index_url
from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync

LIVE = 12
FINISHED = 10
MANY = 1_000
PROMISED_SECONDS = 10
ROOMY = {"NARTHEX_RUNNER_RUNNING_TOTAL": "1000", "NARTHEX_RUNNER_RUNNING_PER_USER": "1000"}


def collapse(gateway: Served) -> None:
    """Kills the supervisor; its parts end with it."""
    os.kill(gateway.process.pid, signal.SIGKILL)
    gateway.process.wait(10)


def test_all_live_runs_are_adopted(tmp_path: Path) -> None:
    """After SIGKILL of everything each run goes on, ends once and has its whole log."""
    data, go = tmp_path / "data", tmp_path / "go"
    with serving(data, **ROOMY) as gateway, calling(gateway) as caller:
        finished = [caller.execute(f"echo done {i}") for i in range(FINISHED)]
        for exec_id in finished:
            assert caller.finished(exec_id) == "Succeed"
        live = [
            caller.execute(
                f"printf x >> {tmp_path}/effect{i}; echo before {i}\n"
                f"until [ -e {go} ]; do sleep 0.1; done; echo after {i}; exit {i}"
            )
            for i in range(LIVE)
        ]
        for exec_id in live:
            wait_until_sync(
                lambda exec_id=exec_id: caller.status(exec_id) == "Running",  # type: ignore[misc]
                "the run to run",
            )
        collapse(gateway)
    with serving(data, **ROOMY) as gateway, calling(gateway) as caller:
        for exec_id in live:
            assert caller.status(exec_id) == "Running"
        go.touch()
        for i, exec_id in enumerate(live):
            assert caller.finished(exec_id) == ("Failed" if i else "Succeed")
            texts = [line["text"] for line in caller.lines(exec_id)]
            assert texts == [f"before {i}", f"after {i}"]
            assert (tmp_path / f"effect{i}").read_bytes() == b"x"
        for i, exec_id in enumerate(finished):
            assert caller.status(exec_id) == "Succeed"
            assert [line["text"] for line in caller.lines(exec_id)] == [f"done {i}"]
        assert not complaints(gateway)


def test_live_runs_come_before_what_has_ended(tmp_path: Path) -> None:
    """After the loss of everything in Redis live runs are whole in time; then all others are."""
    data, go = tmp_path / "data", tmp_path / "go"
    with serving(data, **ROOMY) as gateway, calling(gateway) as caller:
        assert caller.finished(caller.execute("echo done")) == "Succeed"
        done = data / "spool" / "done"
        wait_until_sync(lambda: list(done.glob("*/*")), "the run to be put away")
        multiply(data, MANY)
        code = f"seq 3000; until [ -e {go} ]; do sleep 0.1; done; echo after"
        live = [caller.execute(code) for _ in range(LIVE)]
        for one in live:
            wait_until_sync(lambda one=one: caller.status(one) == "Running", "a run")  # type: ignore[misc]
        with redis.Redis.from_url(index_url(data)) as client:
            client.flushall()
            begun = time.monotonic()
            for one in live:
                wait_until_sync(lambda one=one: seen(caller, one) == "Running", "a run to be known")  # type: ignore[misc]
                assert len(page(caller, one)) == 3000
            assert time.monotonic() - begun < PROMISED_SECONDS
            wait_until_sync(lambda: int(client.zcard(keys.TASKS.key())) > MANY, "all the rest", 60)
        go.touch()
        for one in live:
            assert caller.finished(one) == "Succeed"
        assert not complaints(gateway)


def seen(caller: Caller, exec_id: str) -> str:
    """The status word of a run, nothing while it cannot be told; unknown it is never."""
    reply = caller.http.get(f"{caller.gateway.api}/{exec_id}/status")
    assert reply.status_code in {200, 503}, reply.text
    return str(reply.json()["data"].get("status", ""))


def page(caller: Caller, exec_id: str) -> list[dict[str, object]]:
    """The lines there are by now."""
    query = {"format": "lines", "fromLine": 1, "size": 5000}
    found = caller.call("GET", f"{exec_id}/log", params=query)["lines"]
    assert isinstance(found, list)
    return found
