"""What a porter makes of what the landing tells it: files of the run, and the process to start.

Paths in it are those at the gateway; here they become those of the run directory on this machine.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import engines.inside
from engines.contract import Engine, Launch, Limits, RunSpec
from engines.placed.wire import WireError
from engines.rundir.directory import WORK, RunDir

__all__ = ["dress", "prepared", "put_piece"]


def dress(run: RunDir, order: Mapping[str, object]) -> None:
    """Gives the input files their permissions and their other names."""
    for name, mode in cast("Mapping[str, int]", order["modes"]).items():
        Path(run.file(name)).chmod(mode)
    for name, target in cast("Mapping[str, str]", order["links"]).items():
        Path(run.file(name)).symlink_to(target)


def put_piece(staged: Path, name: str, offset: int, data: memoryview) -> None:
    """Puts a piece of a file below a folder. Blocks. Raises WireError if it is for elsewhere."""
    path = staged / name
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise WireError("a file outside of the run")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.pwrite(fd, data, offset)
    finally:
        os.close(fd)


def prepared(order: dict[str, object], run: RunDir) -> Launch:
    """What the engine wants started here, for an order whose paths are those of the gateway."""
    module, _, name = str(order["engine"]).partition(":")
    engine: Engine = getattr(importlib.import_module(module), name)(order["settings"])
    there = {str(order["directory"]): run.path, str(order["inside"]): _inside()}
    given = cast("Mapping[str, str]", order["environment"])
    environment = {name: _translated(value, there) for name, value in given.items()}
    slurm = {name: value for name, value in os.environ.items() if name.startswith("SLURM")}
    secret = cast("Sequence[str]", order["secrets"])
    spec = RunSpec(
        run_id=run.run_id,
        language=str(order["language"]),
        code=str(order["code"]),
        directory=Path(run.path),
        work=Path(run.file(WORK)),
        environment={**slurm, **environment},
        parameters=cast("Mapping[str, object]", order["parameters"]),
        limits=Limits(**cast("dict[str, float]", order["limits"])),  # type: ignore[arg-type]  # they were limits before
    )
    launch = engine.prepare(spec)
    stdin = run.file("stdin") if spec.stdin is not None else ""
    return replace(launch, secrets=tuple(secret), stdin=stdin)


def _inside() -> str:
    return str(Path(engines.inside.__file__).parent)


def _translated(value: str, there: Mapping[str, str]) -> str:
    """A value that is a path at the gateway, or a list of them, as it is here."""
    parts = []
    for part in value.split(":"):
        found = part
        for old, new in there.items():
            if part == old or part.startswith(f"{old}/"):
                found = new + part[len(old) :]
        parts.append(found)
    return ":".join(parts)
