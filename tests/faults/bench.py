"""Runs under a shim without a gateway, born inside a judge's control group."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import tests.children
from engines.contract import Launch, Limits
from engines.launcher import ShimChoice, Zygote
from engines.rundir.creation import create_run
from engines.rundir.directory import OUTPUT, WORK, RunDir
from engines.rundir.records import read_records
from tests.faults.cgroup_judge import Judge
from tests.support.native import native_program

__all__ = ["SHIMS", "Bench", "bench", "child", "output"]

CHILDREN = Path(tests.children.__file__).parent
SHIMS = ("native", pytest.param("python", marks=pytest.mark.storm))
"""The shims of a test that has the Python one in long runs."""
BOUNDS = Limits(seconds=90, grace_seconds=5, drain_seconds=1, output_bytes=1 << 26)
"""What every run of the bench may use: none of them lives for long whatever it does."""


class Bench:
    """Makes and launches runs below one folder."""

    def __init__(self, folder: Path, zygote: Zygote) -> None:
        self.folder = folder
        self.zygote = zygote
        for name in ("new", "live"):
            (folder / name).mkdir(exist_ok=True)

    def make(self) -> RunDir:
        """A run directory with a working directory, accepted and not started."""
        run_id = str(uuid.uuid4())
        run = create_run(self.folder / "new", self.folder / "live", run_id, b"{}")
        os.mkdir(run.file(WORK))  # noqa: PTH102 - the run directory speaks in texts
        return run

    async def launch(self, run: RunDir, *argv: str) -> bool:
        """Starts a program as a run."""
        environment = {"PATH": os.environ["PATH"]}
        order = Launch(argv, environment, Path(run.file(WORK)), BOUNDS)
        return await self.zygote.launch(run, order, str(self.folder / "nobody.sock"))


@contextlib.asynccontextmanager
async def bench(folder: Path, judge: Judge, shim: ShimChoice = "python") -> AsyncIterator[Bench]:
    """A bench whose runs are all born in the judge's group; at its end nobody may be left there."""
    if shim == "native":
        native_program()
    zygote = Zygote(shim=shim)
    with judge.inside():
        await zygote.start()
    try:
        yield Bench(folder, zygote)
    finally:
        await zygote.close()


def child(name: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs one of the misbehaving programs."""
    return (sys.executable, "-I", "-S", str(CHILDREN / f"{name}.py"), *arguments)


def output(run: RunDir) -> bytes:
    """What a run has printed so far."""
    try:
        fd = os.open(run.file(OUTPUT), os.O_RDONLY)
    except FileNotFoundError:
        return b""
    try:
        return b"".join(record.data for record in read_records(fd, 0)[0])
    finally:
        os.close(fd)


def spent(began: float) -> float:
    """The seconds since a moment of the monotonic clock."""
    return time.monotonic() - began
