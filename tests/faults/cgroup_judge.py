"""A control group of a test's own: the only judge of whether something is left of a run.

A scan of /proc must never judge that: it misses processes that change their pid while it goes on.
Where no group of version 2 can be made there is no judge, and a test that needs one is skipped
with that reason.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.waiting import wait_until_sync

__all__ = ["Judge", "hierarchy", "judging", "perhaps_judging"]


class Judge:
    """One control group; whatever is born in it or below it is counted until it is gone."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def admit(self, pid: int) -> None:
        """Takes a process in, and with it all its children to come."""
        (self.path / "cgroup.procs").write_text(f"{pid}\n")

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Has the test itself be in the group for a block, so that what it starts is born there."""
        before = hierarchy()
        assert before
        self.admit(os.getpid())
        try:
            yield
        finally:
            (before / "cgroup.procs").write_text(f"{os.getpid()}\n")

    def childless(self) -> None:
        """Forbids groups below this one, so that a run can have none of its own."""
        (self.path / "cgroup.max.descendants").write_text("0\n")

    @property
    def populated(self) -> bool:
        """Whether any process, zombies apart, is in the group or below it."""
        return "populated 1" in (self.path / "cgroup.events").read_text()

    def members(self) -> list[int]:
        """The pids in the group and below it, as far as one look can say."""
        found: list[int] = []
        for file in sorted(self.path.rglob("cgroup.procs")):
            with contextlib.suppress(OSError):
                found += [int(pid) for pid in file.read_text().split()]
        return found

    def end(self) -> None:
        """Kills whatever is left, then removes the group and those below it."""
        (self.path / "cgroup.kill").write_text("1\n")
        wait_until_sync(lambda: not self.populated, "the judge's group to be empty")
        below = sorted((p for p in self.path.rglob("*") if p.is_dir()), reverse=True)
        for folder in (*below, self.path):
            with contextlib.suppress(OSError):
                folder.rmdir()


def hierarchy() -> Path | None:
    """The directory of this process in the version 2 hierarchy, None if there is none."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 "):
            mounted = Path(fields.split()[4])
            break
    else:
        return None
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            return mounted / line.removeprefix("0::").lstrip("/")
    return None


@contextlib.contextmanager
def judging(name: str) -> Iterator[Judge]:
    """A judge for one test; skips the test where no control group can be made."""
    with perhaps_judging(name) as judge:
        if judge is None:
            pytest.skip("no control group of version 2 can be made here, so nobody could judge")
        yield judge


@contextlib.contextmanager
def perhaps_judging(name: str) -> Iterator[Judge | None]:
    """A judge for one test, None where no control group can be made."""
    above = hierarchy()
    judge = Judge(above / f"narthex-test-{os.getpid()}-{name}") if above else None
    try:
        if judge:
            judge.path.mkdir()
    except OSError:
        judge = None
    try:
        yield judge
    finally:
        if judge:
            judge.end()
