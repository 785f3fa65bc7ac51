"""System calls that fail where nobody expects it: no process can be made, the disk gives errors.

``strace`` makes the kernel's answers; the processes are those that a user has.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from engines.processes import descendants
from tests.faults.retrying_client import calling
from tests.faults.storm import complaints
from tests.faults.syscalls import failing
from tests.journeys.entrance import Caller, shell
from tests.support.processes import is_forker
from tests.support.served import Served, serving

Stage = tuple[Served, Caller]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A gateway and somebody who calls it."""
    with serving(tmp_path / "data") as gateway, calling(gateway) as caller:
        yield gateway, caller


@contextmanager
def forkless(gateway: Served) -> Iterator[None]:
    """No process can be made by those that make shims."""
    (runner,) = gateway.parts("gateway.runner")
    with ExitStack() as stack:
        for pid in descendants(runner):
            if is_forker(pid):
                stack.enter_context(failing(pid, "clone,clone3,fork,vfork", "EAGAIN"))
        yield


def test_no_process_can_be_made(stage: Stage) -> None:
    """A run whose shim cannot be made ends as failed with the reason; the next one runs."""
    gateway, caller = stage
    with forkless(gateway):
        # What was forked ahead takes this one.
        assert caller.finished(caller.execute("echo ahead")) == "Succeed"
        exec_id = caller.execute("echo never")
        assert caller.finished(exec_id) == "Failed"
        assert caller.call("GET", f"{exec_id}/status")["exitCode"] is None
    lines = caller.call("GET", f"{exec_id}/log", params={"size": 100})["log"]
    assert "Resource temporarily unavailable" in str(lines)
    again = caller.execute("echo again")
    assert caller.finished(again) == "Succeed"
    assert not complaints(gateway)


def test_the_disk_gives_errors(stage: Stage) -> None:
    """What cannot be synced is not accepted and leaves nothing; afterwards the same one is."""
    gateway, caller = stage
    (app,) = gateway.parts("gateway.app")
    body = shell("echo kept", requestId="one")
    with failing(app, "fsync,fdatasync", "EIO"):
        for _ in range(3):
            reply = caller.http.post(f"{gateway.api}/execute", json=body)
            assert reply.status_code == 503, reply.text
            assert reply.json()["data"]["retryAfter"]
            assert "execID" not in reply.json()["data"]
    spool = gateway.data / "spool"
    assert not [path for part in ("new", "live") for path in (spool / part).iterdir()]
    exec_id = str(caller.call("POST", "execute", json=body)["execID"])
    assert caller.finished(exec_id) == "Succeed"
    assert [line["text"] for line in caller.lines(exec_id)] == ["kept"]
    assert not complaints(gateway)
