"""The rest of the rig does what the tests rely on: judge, small disk, own Redis, crash points."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from tests.faults.cgroup_judge import Judge, judging
from tests.faults.mounts import small_disk
from tests.faults.redis_server import own_redis
from tests.faults.syscalls import MARKER, crash, points
from tests.support.waiting import wait_until_sync

HOPPER = Path(__file__).parent.parent / "children" / "hopper.py"


def born_in(judge: Judge, *command: str) -> subprocess.Popen[bytes]:
    """A process that is in the judge's group from its first moment."""
    with judge.inside():
        return subprocess.Popen(command, stdout=subprocess.PIPE)


def test_the_judge_never_loses_sight() -> None:
    """A process that changes its pid all the time is never taken for gone, until it is."""
    with judging("sight") as judge:
        assert not judge.populated
        with born_in(judge, sys.executable, "-I", "-S", str(HOPPER)) as hopper:
            assert hopper.stdout
            assert hopper.stdout.readline() == b"ready\n"
            assert all(judge.populated for _ in range(2_000))
            (judge.path / "cgroup.kill").write_text("1\n")
            wait_until_sync(lambda: not judge.populated, "the hopper to be gone")
            assert hopper.wait(10) == -signal.SIGKILL


def test_a_zombie_is_nobody() -> None:
    """The judge does not count what is dead and only waits to be reaped."""
    with judging("zombie") as judge, born_in(judge, "true") as process:
        wait_until_sync(lambda: not judge.populated, "the process to be no more than a zombie")
        assert process.wait() == 0


def test_a_small_disk_is_full_when_it_is(tmp_path: Path) -> None:
    """No more than its size fits on it, and it can be given more room."""
    with small_disk(tmp_path / "disk", "1m") as disk:
        file = disk.path / "file"
        with pytest.raises(OSError, match="No space left"):
            file.write_bytes(bytes(2_000_000))
        disk.resize("4m")
        file.write_bytes(bytes(2_000_000))
        assert disk.free() < 3_000_000


def test_a_robbed_redis_comes_back_with_less(tmp_path: Path) -> None:
    """After SIGKILL all is there, after a cut tail the last is gone, after emptying nothing is."""
    with own_redis(tmp_path / "redis") as server:
        for i in range(100):
            server.client.set(f"key{i}", "x" * 50)
        server.kill()
        server.start()
        assert server.client.dbsize() == 100
        server.kill()
        server.cut(3000)
        server.start()
        assert 0 < int(server.client.dbsize()) < 100
        assert server.client.exists("key0")
        server.freeze()
        with pytest.raises(redis.TimeoutError):
            server.glance()
        server.thaw()
        server.kill()
        server.empty()
        server.start()
        assert server.client.dbsize() == 0


def test_a_process_dies_at_its_points(tmp_path: Path) -> None:
    """Killed at any call after the marker, a program has done just what came before it."""
    program = (
        "import os, sys\n"
        f"os.access({MARKER!r}, 0)\n"
        "for name in 'abc':\n"
        "    os.mkdir(sys.argv[1] + '/' + name)\n"
    )
    first = tmp_path / "first"
    first.mkdir()
    command = (sys.executable, "-I", "-S", "-c", program)
    # Who is given the marker as an argument has not come to it by that.
    found = points((*command, str(first), MARKER), tmp_path / "record")
    made = [point for point in found if point.name == "mkdir"]
    assert len(made) == 3
    assert found[0].name == "mkdir"
    for done, point in enumerate(made):
        folder = tmp_path / str(done)
        folder.mkdir()
        assert crash((*command, str(folder)), point)
        assert len(os.listdir(folder)) == done  # noqa: PTH208 - a count


def test_a_crash_is_a_kill(tmp_path: Path) -> None:
    """The crash is SIGKILL and nothing that a program could handle."""
    program = f"import os\nos.access({MARKER!r}, 0)\nos.getppid()"
    command = (sys.executable, "-I", "-S", "-c", program)
    (point,) = (p for p in points(command, tmp_path / "record") if p.name == "getppid")
    assert crash(command, point)
    assert not crash(command, point._replace(number=point.number + 1_000))
