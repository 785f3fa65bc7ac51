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
from engines.isolation import missing_for_sandbox, own_paths
from engines.launcher import ShimChoice, Zygote
from engines.processes import with_cookie
from engines.rundir.creation import create_run
from engines.rundir.directory import Exit, ExitKind, RunDir, RunState
from engines.shim.sandbox import Sandbox
from engines.suite import left, read_lines
from tests.support.native import native_program
from tests.support.sanitized import WANTED, sanitized_shim
from tests.support.waiting import wait_until

PROGRAMS = ["stubborn.sh", "daemon.py", "stopped.py", "storm.py", "hopper.py"]
"""Those that do not want to be killed."""
CHILDREN = Path(__file__).resolve().parent.parent / "children"
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
LIMITS = Limits(grace_seconds=0.3, drain_seconds=0.3)


class Runs:
    """Makes, starts and awaits runs below one directory."""

    def __init__(self, directory: Path, zygote: Zygote) -> None:
        self.zygote = zygote
        self.directory = directory
        self.notifier = ""
        self.sandbox: Sandbox | None = None
        for name in ("new", "live", "work"):
            (directory / name).mkdir()

    def new(self, run_id: str = "") -> RunDir:
        """An accepted run."""
        directory = self.directory
        return create_run(
            directory / "new", directory / "live", run_id or str(uuid.uuid4()), b"spec"
        )

    @staticmethod
    def limits(**other: float | str) -> Limits:
        """The usual limits with some others."""
        return replace(LIMITS, **other)  # type: ignore[arg-type]

    def enclosed(self) -> Runs:
        """The same, with each run in a sandbox that shows what the tests' children need."""
        seen = (*own_paths(), str(CHILDREN))
        self.sandbox = Sandbox(read_only=seen, writable=(str(self.directory / "work"),))
        return self

    def order(self, *argv: str, limits: Limits = LIMITS) -> Launch:
        """What is to be started."""
        work = self.directory / "work"
        return Launch(argv, ENVIRONMENT, work, limits, sandbox=self.sandbox)

    async def launch(self, run: RunDir, *argv: str, limits: Limits = LIMITS) -> bool:
        """Asks for a start."""
        return await self.zygote.launch(run, self.order(*argv, limits=limits), self.notifier)

    async def start(self, *argv: str, **limits: float | str) -> RunDir:
        """A started run, with some limits other than usual."""
        run = self.new()
        assert await self.launch(run, *argv, limits=replace(LIMITS, **limits))  # type: ignore[arg-type]
        return run

    async def child(self, name: str, **limits: float | str) -> RunDir:
        """A started run of a misbehaving program."""
        program = "sh" if name.endswith(".sh") else sys.executable
        return await self.start(program, str(CHILDREN / name), **limits)

    async def end(self, run: RunDir) -> Exit:
        """How a run ends."""
        await wait_until(lambda: run.state() == RunState.ENDED, f"the end of {run}", timeout=20)
        ending = run.exit()
        assert ending is not None
        return ending

    async def run(self, *argv: str, **limits: float | str) -> tuple[Exit, RunDir]:
        """A run from its start to its end."""
        run = await self.start(*argv, **limits)
        return await self.end(run), run

    async def killed(self, program: str) -> RunDir:
        """A run of a misbehaving program after its kill, which left nothing."""
        run = await self.child(program)
        await self.ready(run)
        assert run.request_kill(0.2)
        run.notify()
        ending = await self.end(run)
        assert ending.kind == ExitKind.KILLED
        assert ending.verified
        assert left(run) == []
        return run

    async def ready(self, run: RunDir) -> None:
        """Waits until a child says that it is ready."""
        await wait_until(lambda: (1, b"ready") in read_lines(run), f"{run} says ready")


NATIVE = {"test_main", "test_kill", "test_launcher", "test_run_control"}
"""The modules whose tests see the native shim in every run; the others do in long ones."""
SANDBOX = "sandbox"
NATIVE_SANDBOX = "native sandbox"
"""The shims, with each run in a sandbox: in long runs only."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What asks for a shim is done with each."""
    marks = metafunc.definition.iter_markers("parametrize")
    if "shim" in metafunc.fixturenames and not any(mark.args[0] == "shim" for mark in marks):
        often = metafunc.module.__name__.rpartition(".")[2] in NATIVE
        native = pytest.param("native", marks=() if often else (pytest.mark.storm,))
        boxed = [pytest.param(one, marks=pytest.mark.storm) for one in (SANDBOX, NATIVE_SANDBOX)]
        metafunc.parametrize("shim", ["python", native, *boxed], indirect=True)


@pytest.fixture(scope="session", autouse=True)
def _sanitized(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Has the native shims of these tests be built with sanitizers, if that is wanted."""
    wanted = os.environ.get(WANTED)
    with (
        sanitized_shim(tmp_path_factory.mktemp("sanitized")) if wanted else contextlib.nullcontext()
    ):
        yield


@pytest.fixture
def sandboxed(request: pytest.FixtureRequest) -> bool:
    """Whether the runs are in sandboxes."""
    return request.node.callspec.params.get("shim") in {SANDBOX, NATIVE_SANDBOX}


@pytest.fixture
def shim(request: pytest.FixtureRequest) -> ShimChoice:
    """Which shim the runs have."""
    if request.param == SANDBOX:
        enclosable()
        return "python"
    choice: ShimChoice = request.param
    if request.param == NATIVE_SANDBOX:
        enclosable()
        choice = "native"
    if choice == "native":
        native_program()
    return choice


def enclosable() -> None:
    """Skips where no sandbox can be had."""
    if missing := missing_for_sandbox():
        # A permission of the kernel, like that to make control groups: no package brings it, so
        # this is no program that CI could install, and no fault of CI where it is refused.
        pytest.skip(f"this machine allows no sandbox: {missing}")


@pytest.fixture(scope="session")
def walls() -> None:
    """Sandboxes are possible here, or there is nothing to test."""
    enclosable()


def in_mode(runs: Runs, *, sandboxed: bool) -> Runs:
    """The same runs, in sandboxes if that is the mode."""
    return runs.enclosed() if sandboxed else runs


@pytest.fixture
async def runs(tmp_path: Path, shim: ShimChoice, *, sandboxed: bool) -> AsyncIterator[Runs]:
    """Runs with control groups where this machine allows them."""
    async with Zygote(shim=shim) as zygote:
        yield in_mode(Runs(tmp_path, zygote), sandboxed=sandboxed)


@pytest.fixture(params=["python", "native"])
async def boxed(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    walls: None,  # noqa: ARG001 - only asked
) -> AsyncIterator[Runs]:
    """Runs in sandboxes, made by each shim."""
    if request.param == "native":
        native_program()
    async with Zygote(shim=request.param) as zygote:
        yield Runs(tmp_path, zygote).enclosed()


FORKED_AHEAD = 2
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


async def pair(zygote: Zygote) -> tuple[int, int]:
    """The shim that waits for a run, and what will be its task."""
    found: list[int] = []

    def there() -> bool:
        found[:] = [pid for pid in processes.descendants(zygote.pid) if pid in waiting(zygote)]
        return len(found) == FORKED_AHEAD

    await wait_until(there, "a shim and what will be its task")
    return found[0], found[1]


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
async def ungrouped(
    tmp_path: Path, group: str, shim: ShimChoice, *, sandboxed: bool
) -> AsyncIterator[tuple[Runs, Judge]]:
    """Runs without control groups of their own, under the eyes of a judge."""
    async with Zygote(groups=False, shim=shim) as zygote:
        # What is forked while the judge admits what there is could slip through.
        await wait_until(
            lambda: len(waiting(zygote)) == FORKED_AHEAD, "a shim and what will be its task"
        )
        yield in_mode(Runs(tmp_path, zygote), sandboxed=sandboxed), Judge(group, zygote)
