"""The shim is killed at each of its system calls: nothing runs twice, nothing is falsely a success.

After each crash the facts must fit what happened. A run that can be started again, because it was
never started, is started again; one that cannot is swept and must be lost.
"""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

import engines
import tests.children
from engines.rundir.creation import create_run
from engines.rundir.directory import WORK, RunState
from engines.rundir.facts import ExitKind
from engines.shim.orphans import sweep_orphan
from tests.faults.bench import output
from tests.faults.cgroup_judge import Judge, judging
from tests.faults.chance import chance
from tests.faults.syscalls import MARKER, Point, crash, points
from tests.support.native import native_program
from tests.support.waiting import wait_until_sync

T = TypeVar("T")
ROOT = Path(engines.__file__).parent.parent
SHIM = Path(tests.children.__file__).with_name("lone_shim.py")
WAYS = ["ahead", "alone", "native ahead", "native alone"]
"""The shim that waited for its run, as most do, and the one that was forked for it; both in C."""
WALLED = ("walled", "native walled")
"""Those that waited, with the task in a sandbox."""
LONG = [pytest.param(way, marks=pytest.mark.storm) for way in (WAYS[-1], *WALLED)]
"""In long tests only."""
HELD = 3
"""How a shim ends that finds somebody on its run."""
SAMPLE = 20
LAST = 10
ABREAST = 4


def until(attempt: Callable[[], T | None]) -> T:
    """What an attempt gives that needs the lock.

    Several victims are judged by threads of one process: what one of them starts holds for a
    moment, from its fork to its exec, what another looks at.
    """
    found: list[T] = []

    def had() -> bool:
        if (one := attempt()) is not None:
            found.append(one)
        return bool(found)

    wait_until_sync(had, "the lock of the run")
    return found[0]


class Victim:
    """One run directory, the command that is its shim, and the file of its side effect."""

    def __init__(self, folder: Path, way: str) -> None:
        for name in ("new", "live"):
            (folder / name).mkdir(exist_ok=True)
        self.run = create_run(folder / "new", folder / "live", str(uuid.uuid4()), b"{}")
        Path(self.run.file(WORK)).mkdir()
        self.effect = folder / f"{self.run.run_id}.effect"
        kind, _, when = way.rpartition(" ")
        program = str(native_program()) if kind else ""
        self.command = (
            *(sys.executable, "-I", "-S", str(SHIM), str(ROOT)),
            *(self.run.path, MARKER, str(self.effect), when, program),
        )

    @property
    def effects(self) -> int:
        """How often its task has begun."""
        return self.effect.stat().st_size if self.effect.exists() else 0

    def start(self) -> int:
        """Starts it once more, without a fault; the exit status of the shim."""
        return subprocess.run(self.command, timeout=30, check=False).returncode

    def judge(self) -> str:
        """Holds the facts against what happened; a word for what became of it."""
        run = self.run
        # Nobody inherits the lock from a shim: it is free as soon as that is dead.
        wait_until_sync(lambda: not run.locked(), "the lock to be free")
        state = run.state()
        if state is RunState.ACCEPTED:
            assert self.effects == 0
            assert until(lambda: code if (code := self.start()) != HELD else None) == 0
            assert self._truth() == "done"
            return "never started"
        if state is RunState.ORPHANED:
            exit_ = until(lambda: sweep_orphan(run))
            assert (exit_.kind, exit_.reason) == (ExitKind.LOST, "shim_died")
            assert self.effects <= 1
            assert self.start() == HELD
            return "lost"
        return self._truth()

    def _truth(self) -> str:
        """Checks an ending that the shim has written."""
        exit_ = self.run.exit()
        assert exit_ is not None
        assert (exit_.kind, exit_.exit_code) == (ExitKind.EXITED, 7), exit_
        assert self.effects == 1
        assert sorted(output(self.run).split()) == [b"one", b"two"]
        assert self.start() == HELD
        assert self.effects == 1
        return "done"


def crashed(folder: Path, way: str, point: Point) -> str:
    """Kills a new victim's shim at a point and says what became of it."""
    victim = Victim(folder, way)
    reached = crash(victim.command, point)
    try:
        became = victim.judge()
    except AssertionError as error:
        raise AssertionError(f"killed at {point}: {error}") from error
    return became if reached else f"not reached, {became}"


def all_crashed(folder: Path, way: str, chosen: Sequence[Point], judge: Judge) -> Counter[str]:
    """What became of a victim at each of some points, several at a time."""
    with judge.inside(), ThreadPoolExecutor(ABREAST) as threads:
        found = Counter(threads.map(lambda point: crashed(folder, way, point), chosen))
    wait_until_sync(lambda: not judge.populated, "nobody to be left of all victims")
    return found


def recorded(folder: Path, way: str) -> list[Point]:
    """The points of a shim that is left alone."""
    victim = Victim(folder, way)
    found = points(victim.command, folder / "record")
    assert victim.judge() == "done"
    return found


@pytest.mark.timeout(180)
@pytest.mark.parametrize("way", [*WAYS[:-1], *LONG])
def test_a_crash_at_many_system_calls(tmp_path: Path, way: str) -> None:
    """At every call once the shim states who it is, and at some before, no false word is left.

    Of a shim that did not wait for its run also those after that are a sample, but for the last.
    """
    with judging("crash") as judge:
        found = recorded(tmp_path, way)
        stated = next(point.place for point in found if point.name.startswith("rename"))
        dice = chance("points", way)
        drawn = dice.sample(found[:stated], min(SAMPLE, stated))
        after = found[stated:]
        if way != WAYS[0]:
            after = [*dice.sample(after[:-LAST], SAMPLE), *after[-LAST:]]
        became = all_crashed(tmp_path, way, [*drawn, *after], judge)
    assert became["never started"]
    assert became["lost"]
    assert became["done"]


@pytest.mark.storm
@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", [*WAYS, *WALLED])
def test_a_crash_at_every_system_call(tmp_path: Path, way: str) -> None:
    """At none of all points a run is started twice or called a success falsely."""
    with judging("every-crash") as judge:
        found = recorded(tmp_path, way)
        became = all_crashed(tmp_path, way, found, judge)
    print(len(found), dict(became))  # noqa: T201 - the figures of a long test
    assert became["never started"]
    assert became["lost"]
    assert became["done"]
