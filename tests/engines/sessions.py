"""A session with its host on a directory of a test's own, and statements for it."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from engines.contract import EngineError, Limits, RunSpec, SessionSpec
from engines.isolation import own_paths, program_paths
from engines.launcher import Zygote
from engines.python import PythonEngine
from engines.rundir.creation import create_run
from engines.rundir.directory import Exit, RunDir, RunState
from engines.session.sessions import arm, hand_over, host_launch, instruct, status
from engines.shim.sandbox import Sandbox
from engines.suite import read_lines
from tests.support.waiting import wait_until

__all__ = ["Seat", "leave", "python_seat", "seat_in", "seated", "shared_python_seat"]

BASE = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
LIMITS = Limits(grace_seconds=1.0, drain_seconds=0.3)


@dataclass(slots=True)
class Seat:
    """A started session and the folder in which its statements are made."""

    directory: Path
    session: RunDir

    def accept(
        self,
        code: str,
        *,
        limits: Limits = LIMITS,
        environment: Mapping[str, str] | None = None,
        hidden: tuple[str, ...] = (),
        notice: str = "",
        language: str = "python",
    ) -> RunDir:
        """An accepted statement with its order, which nobody has taken yet."""
        run = create_run(self.directory / "new", self.directory / "live", str(uuid.uuid4()), b"")
        work = Path(run.file("work"))
        work.mkdir()
        spec = RunSpec(
            run_id=run.run_id,
            language=language,
            code=code,
            directory=Path(run.path),
            work=work,
            environment={
                **BASE,
                "NARTHEX_RESULTS": run.file("results"),
                "NARTHEX_PROGRESS": run.file("progress"),
                **(environment or {}),
            },
            limits=limits,
        )
        instruct(run, spec, BASE, hidden, "", notice)
        return run

    async def give(self, run: RunDir) -> str:
        """Hands a statement over; the answer, once the host can be asked."""
        answers: list[str] = []

        async def answered() -> bool:
            try:
                answers.append(await asyncio.to_thread(hand_over, self.session, run))
            except EngineError:
                return False
            return True

        await wait_until(answered, "the host to answer", 20)
        return answers[-1]

    async def say(self, code: str, **more: object) -> RunDir:
        """A statement that was taken."""
        run = self.accept(code, **more)  # type: ignore[arg-type]  # named by the callers
        assert await self.give(run) == "taken"
        return run

    async def end(self, run: RunDir, timeout: float = 20.0) -> Exit:  # noqa: ASYNC109 - as wait_until
        """How a statement ends, waited for."""
        await wait_until(lambda: run.state() is RunState.ENDED, "the statement to end", timeout)
        ending = run.exit()
        assert ending is not None
        return ending

    async def run(self, code: str, **more: object) -> list[tuple[int, bytes]]:
        """The lines of a statement that must succeed."""
        run = await self.say(code, **more)
        ending = await self.end(run)
        assert ending.exit_code == 0, (ending, read_lines(run))
        return read_lines(run)

    async def idle(self) -> None:
        """Waits until the host has nothing to do."""
        await wait_until(lambda: status(self.session).state == "idle", "the session to be idle", 20)


async def seat_in(
    directory: Path,
    spec: SessionSpec,
    zygote: Zygote,
    idle_seconds: float = 0.0,
    *,
    enclosed: bool = False,
) -> Seat:
    """A session whose host is starting."""
    for name in ("new", "live", "sessions", "s"):
        (directory / name).mkdir()
    session = create_run(directory / "new", directory / "sessions", str(uuid.uuid4()), b"")
    arm(session)
    work = Path(session.file("work"))
    work.mkdir()
    box = None
    if enclosed:
        seen = (*own_paths(), *(one for path in spec.programs for one in program_paths(path)))
        box = Sandbox("loopback", seen, (str(work), str(directory / "s")))
        box = box._replace(later=str(directory / "live"))
    launch = host_launch(spec, session, work, directory / "s", BASE, LIMITS, idle_seconds, box)
    assert await zygote.launch(session, launch, "")
    return Seat(directory, session)


async def leave(seat: Seat) -> None:
    """Ends the session of a seat, if it has not ended by itself."""
    seat.session.request_kill(1.0)
    seat.session.notify()
    over = (RunState.ENDED, RunState.ORPHANED)
    await wait_until(lambda: seat.session.state() in over, "the session to end")


@asynccontextmanager
async def seated(
    directory: Path,
    spec: SessionSpec,
    zygote: Zygote,
    idle_seconds: float = 0.0,
    *,
    enclosed: bool = False,
) -> AsyncIterator[Seat]:
    """A session for the length of a block; its host is starting."""
    seat = await seat_in(directory, spec, zygote, idle_seconds, enclosed=enclosed)
    try:
        yield seat
    finally:
        await leave(seat)


async def python_seat(folder: Path) -> Seat:
    """A session of the Python engine in a folder, which has to be left by who asked for it."""
    spec = PythonEngine().session(RunSpec("", "python", "", folder, folder))
    assert spec is not None
    async with Zygote() as zygote:
        return await seat_in(folder, spec, zygote)


@contextmanager
def shared_python_seat() -> Iterator[Seat]:
    """A session of the Python engine for many tests, which have to leave it as it was."""
    with tempfile.TemporaryDirectory(prefix="nx") as name:
        seat = asyncio.run(python_seat(Path(name)))
        yield seat
        asyncio.run(leave(seat))
