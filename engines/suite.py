"""The acceptance suite: what every engine must pass, ours or yours.

Derive a test class from EngineSuite in a file that pytest collects, override the fixtures that say
how your engine speaks, and run it. It starts real processes under a real shim; it must never look
inside the engine. Needs pytest and pytest-asyncio (mode auto).
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from engines.contract import Engine, EngineError, Launch, Limits, RunSpec
from engines.launcher import Zygote
from engines.processes import with_cookie
from engines.rundir.creation import create_run
from engines.rundir.directory import Exit, ExitKind, RunDir, RunState
from engines.rundir.replay import Replay

__all__ = ["Dialogue", "EngineSuite", "Stage"]

_TIMEOUT_SECONDS = 20.0
_PAUSE_SECONDS = 0.005
_CODE = 7


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Code in the engine's language for each thing that the suite wants to see.

    ``hello`` prints the line ``hello`` on stdout and the line ``oops`` on stderr and ends well;
    ``fails`` ends with exit code 7; ``many`` prints the lines ``line 1`` to ``line 10000``;
    ``stubborn`` prints the line ``ready``, then stays for minutes and ignores SIGTERM; ``leaves``
    ends well at once but leaves a process behind in a session of its own; ``nonsense`` cannot be
    run and is either refused or fails, empty if all can be run.
    """

    language: str
    hello: str
    fails: str
    many: str
    stubborn: str
    leaves: str
    nonsense: str = ""


class Stage:
    """A place to run an engine's code and look at what comes of it.

    Args:
        engine: the engine.
        zygote: what starts its runs.
        directory: an empty directory to work in.
        environment: what the runs see.
    """

    def __init__(
        self, engine: Engine, zygote: Zygote, directory: Path, environment: Mapping[str, str]
    ) -> None:
        self._engine = engine
        self._zygote = zygote
        self._directory = directory
        self._environment = environment
        for name in ("new", "live"):
            (directory / name).mkdir()

    def prepare(self, language: str, code: str, limits: Limits) -> tuple[RunDir, Launch]:
        """An accepted run and what the engine says is to be started for it."""
        directory = self._directory
        run = create_run(directory / "new", directory / "live", str(uuid.uuid4()), b"")
        work = Path(run.file("work"))
        work.mkdir()
        spec = RunSpec(
            run_id=run.run_id,
            language=language,
            code=code,
            directory=Path(run.path),
            work=work,
            environment=self._environment,
            limits=limits,
        )
        return run, self._engine.prepare(spec)

    async def start(self, language: str, code: str, limits: Limits) -> RunDir:
        """A run that was started."""
        run, launch = self.prepare(language, code, limits)
        assert await self._zygote.launch(run, launch, "")  # noqa: S101 - this is a test
        return run

    async def end(self, run: RunDir) -> Exit:
        """How a run ends, waited for."""
        await until(lambda: run.state() == RunState.ENDED)
        ending = run.exit()
        if ending is None:
            raise AssertionError("an ended run has no ending")
        return ending


class EngineSuite:
    """Tests that hold for every engine; derive from it and override ``engine`` and ``dialogue``."""

    @pytest.fixture
    def engine(self) -> Engine:
        """The engine under test; override it."""
        pytest.fail("the fixture `engine` is not overridden")

    @pytest.fixture
    def dialogue(self) -> Dialogue:
        """What to say to it; override it."""
        pytest.fail("the fixture `dialogue` is not overridden")

    @pytest.fixture
    def environment(self) -> Mapping[str, str]:
        """What the runs see."""
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}

    @pytest.fixture
    def limits(self) -> Limits:
        """Limits that a short test can wait for."""
        return Limits(grace_seconds=0.3, drain_seconds=0.3)

    @pytest.fixture
    async def stage(
        self, engine: Engine, environment: Mapping[str, str], tmp_path: Path
    ) -> AsyncIterator[Stage]:
        """A place to run the engine's code."""
        async with Zygote() as zygote:
            yield Stage(engine, zygote, tmp_path, environment)

    def test_the_engine_says_what_it_is(self, engine: Engine) -> None:
        """Its name and languages are lower-case words that stay the same, and it is well here."""
        languages = engine.capabilities.languages
        check(engine.name == engine.name.lower() != "", "a name in lower case")
        check(bool(languages), "at least one language")
        check(all(word == word.lower() != "" for word in languages), "languages in lower case")
        check(engine.capabilities == engine.capabilities, "the same capabilities at every call")
        health = engine.probe()
        check(health.available, f"available: {health.detail}")
        check(health.detail != "", "a sentence about its health")

    def test_preparing_starts_nothing_and_stays_inside(
        self, stage: Stage, dialogue: Dialogue, limits: Limits
    ) -> None:
        """It writes below the run directory, leaves the working directory empty, keeps limits."""
        run, launch = stage.prepare(dialogue.language, dialogue.hello, limits)
        check(run.state() == RunState.ACCEPTED, "still only accepted")
        check(list(Path(run.file("work")).iterdir()) == [], "an empty working directory")
        check(launch.limits == limits, "the limits of the run")
        check(len(launch.argv) > 0, "a program to start")

    def test_another_language_is_refused(self, stage: Stage, limits: Limits) -> None:
        """Code in a language that is not its own is an EngineError with a sentence."""
        with pytest.raises(EngineError, match=r"\w+ \w+"):
            stage.prepare("no-such-language", "", limits)

    async def test_output_and_success(
        self, stage: Stage, dialogue: Dialogue, limits: Limits
    ) -> None:
        """What is printed is recorded by stream, and exit code 0 is success."""
        run = await stage.start(dialogue.language, dialogue.hello, limits)
        ending = await stage.end(run)
        check((ending.kind, ending.exit_code) == (ExitKind.EXITED, 0), f"success: {ending}")
        lines = read_lines(run)
        check((1, b"hello") in lines, f"hello on stdout: {lines}")
        check((2, b"oops") in lines, f"oops on stderr: {lines}")

    async def test_the_exit_code_is_the_codes_own(
        self, stage: Stage, dialogue: Dialogue, limits: Limits
    ) -> None:
        """A failure is reported with the exit code that the code chose."""
        ending = await stage.end(await stage.start(dialogue.language, dialogue.fails, limits))
        check((ending.kind, ending.exit_code) == (ExitKind.EXITED, _CODE), f"exit code: {ending}")

    async def test_much_output_is_complete(
        self, stage: Stage, dialogue: Dialogue, limits: Limits
    ) -> None:
        """Ten thousand lines arrive once each, in order."""
        run = await stage.start(dialogue.language, dialogue.many, limits)
        await stage.end(run)
        texts = [text for stream, text in read_lines(run) if stream == 1]
        check(texts == [b"line %d" % number for number in range(1, 10001)], "all lines in order")

    async def test_a_stubborn_run_is_killed(
        self, stage: Stage, dialogue: Dialogue, limits: Limits
    ) -> None:
        """A run that ignores the polite signal is gone after the grace, with all its processes."""
        run = await stage.start(dialogue.language, dialogue.stubborn, limits)
        await until(lambda: (1, b"ready") in read_lines(run))
        check(run.request_kill(limits.grace_seconds), "the first request")
        run.notify()
        ending = await stage.end(run)
        check(ending.kind == ExitKind.KILLED, f"killed: {ending}")
        check(ending.verified, "proved that nothing is left")
        check(left(run) == [], "no process left")

    async def test_a_time_limit_ends_the_run(
        self, stage: Stage, dialogue: Dialogue, limits: Limits
    ) -> None:
        """A run that takes longer than it may is stopped, and its ending says why."""
        short = replace(limits, seconds=0.5, grace_seconds=0.1)
        ending = await stage.end(await stage.start(dialogue.language, dialogue.stubborn, short))
        check(ending.kind == ExitKind.TIME_LIMIT, f"stopped at its limit: {ending}")

    async def test_nothing_is_left_behind(
        self, stage: Stage, dialogue: Dialogue, limits: Limits
    ) -> None:
        """Processes that outlive the main one are gone when the run has ended, which is well."""
        run = await stage.start(dialogue.language, dialogue.leaves, limits)
        ending = await stage.end(run)
        check((ending.kind, ending.exit_code) == (ExitKind.EXITED, 0), f"success: {ending}")
        check(left(run) == [], "no process left")

    async def test_nonsense_never_succeeds(
        self, stage: Stage, dialogue: Dialogue, limits: Limits
    ) -> None:
        """Code that makes no sense is refused with a sentence, or fails."""
        if not dialogue.nonsense:
            return
        try:
            run = await stage.start(dialogue.language, dialogue.nonsense, limits)
        except EngineError as error:
            check(str(error) != "", "a sentence about what is wrong")
            return
        ending = await stage.end(run)
        check((ending.kind, ending.exit_code) != (ExitKind.EXITED, 0), f"a failure: {ending}")


def read_lines(run: RunDir) -> list[tuple[int, bytes]]:
    """The whole lines of a run by now: stream (1 stdout, 2 stderr) and bytes."""
    lines: list[tuple[int, bytes]] = []
    with Replay(run) as replay:
        page = replay.read()
        while page.blocks:
            for block in page.blocks:
                streams = [mark.stream for mark in block.marks for _ in range(mark.size)]
                lines.extend(zip(streams, block.data.split(b"\n"), strict=True))
            page = replay.read(page.next_line, page.next_part)
    return lines


def left(run: RunDir) -> list[int]:
    """The processes that carry the cookie of a run."""
    return with_cookie(f"NARTHEX_RUN_ID={run.run_id}".encode())


async def until(condition: Callable[[], bool]) -> None:
    """Waits until something is so; fails after the suite's time limit."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain")
        await asyncio.sleep(_PAUSE_SECONDS)


def check(truth: bool, expectation: str) -> None:  # noqa: FBT001 - it reads as a sentence
    """Fails with the expectation unless it holds; like assert, but never optimised away."""
    if not truth:
        raise AssertionError(f"expected {expectation}")
