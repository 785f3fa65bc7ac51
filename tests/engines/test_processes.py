"""Looking at processes, signalling the right ones, and finding control groups."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engines import cgroups, processes
from engines.shim.notifier import Notifier
from tests.support.waiting import wait_until_sync


def test_descendants_are_all_below(tmp_path: Path) -> None:
    """Children and their children are found, parents first, and signalled together."""
    code = "import os, time; os.fork(); os.fork(); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-S", "-c", code], cwd=tmp_path) as child:
        below: list[int] = []
        try:
            wait_until_sync(lambda: len(processes.descendants(child.pid)) == 3, "three below")
            below = processes.descendants(child.pid)
            assert set(processes.children(child.pid)) < set(below)
            # A harmless one: this process is no reaper, so the children of a dead one would leave.
            assert processes.signal_tree(child.pid, signal.SIGCONT) == below
        finally:
            for pid in [*below, child.pid]:
                processes.signal_checked(pid, lambda _: True, [signal.SIGKILL])


def test_a_process_is_dead_before_its_parent_knows() -> None:
    """One that nobody waited for is dead, as is one that is gone; one that stands still lives."""
    with subprocess.Popen(["sleep", "60"]) as child:
        child.send_signal(signal.SIGSTOP)
        wait_until_sync(lambda: processes.thread_states(child.pid) == b"T", "it to stand still")
        assert not processes.is_dead(child.pid)
        child.kill()
        wait_until_sync(lambda: processes.is_dead(child.pid), "it to be dead")
        assert processes.start_time(child.pid) > 0
    assert processes.is_dead(child.pid)


def test_a_process_that_is_not_meant_is_not_signalled() -> None:
    """The last look decides, and a process that is gone is no error."""
    with subprocess.Popen(["sleep", "60"]) as child:
        assert not processes.signal_checked(child.pid, lambda _: False, [signal.SIGKILL])
        assert child.poll() is None
        assert processes.start_time(child.pid) > 0
        assert processes.signal_checked(child.pid, lambda _: True, [signal.SIGKILL])
    assert not processes.signal_checked(child.pid, lambda _: True, [signal.SIGKILL])
    assert processes.start_time(child.pid) == 0
    assert processes.children(child.pid) == []


def test_a_cookie_is_found_whole_or_not_at_all() -> None:
    """Only the exact entry counts, not a longer one that starts alike."""
    environment = {"NARTHEX_RUN_ID": "abc", "PATH": os.environ["PATH"]}
    with subprocess.Popen(["sleep", "60"], env=environment) as child:
        wait_until_sync(
            lambda: processes.with_cookie(b"NARTHEX_RUN_ID=abc") == [child.pid], "it is found"
        )
        assert processes.with_cookie(b"NARTHEX_RUN_ID=ab") == []
        child.kill()
    assert not processes.has_cookie(child.pid, b"NARTHEX_RUN_ID=abc")


MOUNTS = """\
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
41 31 0:38 {root} {point} rw,relatime shared:9 - cgroup2 cgroup2 rw
"""


@pytest.mark.parametrize(
    ("root", "point", "groups", "found"),
    [
        ("/", "/sys/fs/cgroup", "0::/\n", "/sys/fs/cgroup"),
        ("/", "/sys/fs/cgroup", "4:memory:/x\n0::/a/b\n", "/sys/fs/cgroup/a/b"),
        ("/docker/1", "/sys/fs/cgroup", "0::/docker/1/c\n", "/sys/fs/cgroup/c"),
        ("/docker/1", "/sys/fs/cgroup", "0::/docker/1\n", "/sys/fs/cgroup"),
        ("/docker/1", "/sys/fs/cgroup", "0::/docker/10\n", ""),
        ("/", "/sys/fs/cgroup", "4:memory:/x\n", ""),
        ("/", "/sys/fs/cgroup", "0::/../other\n", "/sys/fs/cgroup/../other"),
    ],
)
def test_the_own_group_is_located(root: str, point: str, groups: str, found: str) -> None:
    """The group of /proc/self/cgroup is found below the mount that shows it, or not at all."""
    assert cgroups._locate(MOUNTS.format(root=root, point=point), groups) == found


def test_no_group_is_no_fault(tmp_path: Path) -> None:
    """Where groups cannot be made, nothing is, and what is asked of a missing one is harmless."""
    assert cgroups.make("", "a") == ""
    assert cgroups.make(str(tmp_path / "none"), "a") == ""
    assert cgroups.make(str(tmp_path), "a") == ""
    assert list(tmp_path.iterdir()) == []
    gone = str(tmp_path / "gone")
    cgroups.kill(gone)
    cgroups.remove(gone)
    assert cgroups.empty(gone)
    assert not cgroups.empty(str(tmp_path))


@pytest.mark.parametrize("known", [True, False])
def test_a_child_is_born_in_its_group_or_has_to_enter(
    group: str, tmp_path: Path, *, known: bool
) -> None:
    """Where there is a group the child is in it from the first; elsewhere it is a plain fork."""
    own = group if known else str(tmp_path)
    reported, tell = os.pipe()
    pid, inside = cgroups.fork_into(own)
    if not pid:
        place = b"narthex-judge" in Path("/proc/self/cgroup").read_bytes()
        os.write(tell, bytes((inside, place)))
        os._exit(7)
    os.close(tell)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    said = os.read(reported, 2)
    os.close(reported)
    assert said[0] == said[1] == inside
    assert inside == (known and bool(group))


def test_notifications_close_together_become_one(tmp_path: Path) -> None:
    """The first goes out at once, the next ones wait together; nobody there is no fault."""
    now = time.monotonic()
    silent = Notifier("", "run")
    silent.notify(now)
    silent.close()
    assert silent.owed is None
    notifier = Notifier(str(tmp_path / "nobody"), "run")
    owed = []
    for moment in (now, now + 0.0001, now + 0.0002):
        notifier.notify(moment)
        owed.append(notifier.owed)
    assert owed[0] is None
    assert owed[1] == owed[2] == pytest.approx(now + 0.002)
    notifier.settle(now + 0.003)
    notifier.close()
    assert notifier.owed is None
