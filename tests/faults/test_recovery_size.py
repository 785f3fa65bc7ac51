"""A gateway that was killed whole adopts all its live runs, among many finished ones."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.faults.storm import complaints
from tests.faults.visitor import calling
from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync

LIVE = 12
FINISHED = 10
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
