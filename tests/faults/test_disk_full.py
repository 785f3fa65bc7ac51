"""A full disk below the run directories: nothing is half accepted, and it is over when it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.rundir.directory import RunDir
from tests.faults.mounts import SmallDisk, fill, small_disk
from tests.faults.retrying_client import calling
from tests.faults.storm import complaints
from tests.journeys.entrance import Caller, shell
from tests.support.processes import lives
from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync

Cramped = tuple[Served, SmallDisk, Caller]


@pytest.fixture
def cramped(tmp_path: Path) -> Iterator[Cramped]:
    """A gateway whose run directories lie on a disk of 8 MB."""
    with (
        small_disk(tmp_path / "data" / "spool", "8m") as disk,
        serving(tmp_path / "data") as gateway,
        calling(gateway) as caller,
    ):
        yield gateway, disk, caller


def execute(caller: Caller, code: str, request_id: str) -> tuple[int, dict[str, object]]:
    """The HTTP code and envelope that answer a submit."""
    reply = caller.http.post(
        f"{caller.gateway.api}/execute", json=shell(code, requestId=request_id)
    )
    envelope = reply.json()
    assert isinstance(envelope, dict)
    return reply.status_code, envelope


def directories(gateway: Served) -> set[str]:
    """The run directories there are, those half made included."""
    spool = gateway.data / "spool"
    return {path.name for part in ("new", "live") for path in (spool / part).iterdir()}


def test_nothing_is_half_accepted(cramped: Cramped) -> None:
    """While the disk is full submits are refused and leave nothing; then the same one is taken."""
    gateway, disk, caller = cramped
    first = caller.execute("echo before")
    assert caller.finished(first) == "Succeed"
    ballast = fill(disk)
    for turn in range(3):
        code, envelope = execute(caller, "echo never", f"refused-{turn}")
        assert code == 503, envelope
        assert "execID" not in envelope["data"]  # type: ignore[operator]  # an object, always
    assert directories(gateway) == set()
    assert caller.http.get(f"{gateway.url}/readyz").status_code == 503
    assert [line["text"] for line in caller.lines(first)] == ["before"]
    ballast.unlink()

    def taken() -> bool:
        return execute(caller, "echo after", "refused-0")[0] == 200

    wait_until_sync(taken, "submits to be taken again", 15)
    code, envelope = execute(caller, "echo after", "refused-0")
    data = envelope["data"]
    assert isinstance(data, dict)
    assert caller.finished(data["execID"]) == "Succeed"
    assert [line["text"] for line in caller.lines(data["execID"])] == ["after"]
    assert not complaints(gateway)


def test_no_room_for_files_is_a_full_disk(cramped: Cramped) -> None:
    """Without inodes submits are refused and leave nothing; with some the same one is taken."""
    gateway, disk, caller = cramped
    assert caller.finished(caller.execute("echo before")) == "Succeed"
    wait_until_sync(lambda: not directories(gateway), "the run to be put away")
    disk.allow(disk.files() + 1)
    for _ in range(3):
        code, envelope = execute(caller, "echo after", "cramped")
        assert code == 503, envelope
    assert directories(gateway) == set()
    disk.allow(100_000)
    code, envelope = execute(caller, "echo after", "cramped")
    data = envelope["data"]
    assert isinstance(data, dict)
    assert caller.finished(data["execID"]) == "Succeed"
    assert not complaints(gateway)


def test_a_running_run_survives_it(cramped: Cramped, tmp_path: Path) -> None:
    """A run that prints into a full disk goes on, ends with its own code and says what is lost."""
    gateway, disk, caller = cramped
    go = tmp_path / "go"
    exec_id = caller.execute(
        f"echo first; until [ -e {go} ]; do sleep 0.05; done\n"
        "head -c 3000000 /dev/zero | tr '\\0' 'x' | fold -w 99; echo; exit 7"
    )
    wait_until_sync(lambda: caller.status(exec_id) == "Running", "the run to run")
    (run_id,) = directories(gateway)
    run = RunDir(gateway.data / "spool" / "live" / run_id)
    disk.resize("1m")
    ballast = fill(disk)
    go.touch()
    wait_until_sync(lambda: run_ended(run, disk), "the run to end although nothing can be written")
    ballast.unlink()
    disk.resize("8m")
    assert caller.finished(exec_id) == "Failed"
    lines = caller.lines(exec_id)
    assert lines[0]["text"] == "first"
    ended = [path for path in (gateway.data / "spool" / "done").rglob(run_id) if path.is_dir()]
    exit_ = RunDir((*ended, Path(run.path))[0]).exit()
    assert exit_ is not None
    assert exit_.exit_code == 7
    assert exit_.dropped > 0
    refused = exit_.refused_line
    assert 1 < refused <= lines[-1]["n"] + 1
    texts = {line["n"]: line["text"] for line in lines}
    assert [texts[n] for n in range(1, refused)] == ["first", *["x" * 99] * (refused - 2)]
    reported = caller.call("GET", f"{exec_id}/status")["logIncompleteFrom"]
    assert reported == refused
    assert not complaints(gateway)


def run_ended(run: RunDir, disk: SmallDisk) -> bool:
    """Whether the main process of a run is gone, or its ending is known already."""
    assert disk.path.exists()
    started = run.started()
    return run.exit() is not None or (started is not None and not lives(started.pid))
