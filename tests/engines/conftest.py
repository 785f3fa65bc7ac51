"""Real runs for the tests of the machinery: directories, a zygote, and a judge of what is left."""

from __future__ import annotations

import contextlib
import os
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engines import cgroups, processes
from engines.contract import Launch, Limits
from engines.launcher import Zygote
from engines.processes import with_cookie
from engines.rundir import Exit, RunDir, RunState
from engines.suite import read_lines
from tests.support.waiting import wait_until

CHILDREN = Path(__file__).resolve().parent.parent / "children"
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
LIMITS = Limits(grace_seconds=0.3, drain_seconds=0.3)


class Runs:
    """Makes, starts and awaits runs below one directory."""

    def __init__(self, directory: Path, zygote: Zygote) -> None:
        self.zygote = zygote
        self.directory = directory
        self.bell = ""
        for name in ("new", "live", "work"):
            (directory / name).mkdir()

    def new(self, run_id: str = "") -> RunDir:
        """An accepted run."""
        directory = self.directory
        return RunDir.create(
            directory / "new", directory / "live", run_id or str(uuid.uuid4()), b"spec"
        )

    def order(self, *argv: str, limits: Limits = LIMITS) -> Launch:
        """What is to be started."""
        return Launch(argv, ENVIRONMENT, self.directory / "work", limits)

    async def launch(self, run: RunDir, *argv: str, limits: Limits = LIMITS) -> bool:
        """Asks for a start."""
        return await self.zygote.launch(run, self.order(*argv, limits=limits), self.bell)

    async def start(self, *argv: str, **limits: float) -> RunDir:
        """A started run, with some limits other than usual."""
        run = self.new()
        assert await self.launch(run, *argv, limits=replace(LIMITS, **limits))  # type: ignore[arg-type]
        return run

    async def child(self, name: str, **limits: float) -> RunDir:
        """A started run of a misbehaving program."""
        program = "sh" if name.endswith(".sh") else sys.executable
        return await self.start(program, str(CHILDREN / name), **limits)

    async def end(self, run: RunDir) -> Exit:
        """How a run ends."""
        await wait_until(lambda: run.state() == RunState.ENDED, f"the end of {run}", timeout=20)
        ending = run.exit()
        assert ending is not None
        return ending

    async def run(self, *argv: str, **limits: float) -> tuple[Exit, RunDir]:
        """A run from its start to its end."""
        run = await self.start(*argv, **limits)
        return await self.end(run), run

    async def ready(self, run: RunDir) -> None:
        """Waits until a child says that it is ready."""
        await wait_until(lambda: (1, b"ready") in read_lines(run), f"{run} says ready")


@pytest.fixture
async def runs(tmp_path: Path) -> AsyncIterator[Runs]:
    """Runs with control groups where this machine allows them."""
    async with Zygote() as zygote:
        yield Runs(tmp_path, zygote)


PAIR = 2
"""So many processes wait for a run: a shim and what will be its task."""


class Judge:
    """Says what is left, by a control group around a zygote and all that comes from it."""

    def __init__(self, group: str, zygote: Zygote) -> None:
        self._group = group
        self._zygote = zygote
        if group:
            # With the shim that already waits for a run: it was born before the group.
            for pid in (zygote.pid, *waiting(zygote)):
                Path(group, "cgroup.procs").write_text(f"{pid}\n")

    def left(self, run: RunDir) -> set[int]:
        """The processes of the run that still are, shim included."""
        cookie = f"NARTHEX_RUN_ID={run.run_id}".encode()
        pids = set(with_cookie(cookie))
        if self._group:
            pids |= set(map(int, Path(self._group, "cgroup.procs").read_text().split()))
        return pids - {self._zygote.pid} - waiting(self._zygote)


def waiting(zygote: Zygote) -> set[int]:
    """What waits for a run: the shims that have not yet gone into its directory, and theirs."""
    shims = {pid for pid in processes.children(zygote.pid) if _place(pid) == "/"}
    return shims.union(*map(processes.descendants, shims))


def _place(pid: int) -> str:
    with contextlib.suppress(OSError):
        return str(Path(f"/proc/{pid}/cwd").readlink())
    return ""


@pytest.fixture
def group() -> Iterator[str]:
    """A control group of the test's own, empty text if this machine allows none."""
    path = cgroups.make(cgroups.own_group(), f"judge-{os.getpid()}-{uuid.uuid4()}")
    yield path
    if path:
        cgroups.kill(path)
        cgroups.remove(path)


@pytest.fixture
async def ungrouped(tmp_path: Path, group: str) -> AsyncIterator[tuple[Runs, Judge]]:
    """Runs without control groups of their own, under the eyes of a judge."""
    async with Zygote(groups=False) as zygote:
        # What is forked while the judge admits what there is could slip through.
        await wait_until(lambda: len(waiting(zygote)) == PAIR, "a shim and what will be its task")
        yield Runs(tmp_path, zygote), Judge(group, zygote)
