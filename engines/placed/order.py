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
from engines.contract import Engine, EngineError, Launch, Limits, RunSpec
from engines.placed.machines import machines, per_machine
from engines.placed.wire import WireError
from engines.rundir.directory import WORK, RunDir

__all__ = ["dress", "prepared", "put_piece", "tell_machines", "work_folder"]

_NODE_FILE = "NARTHEX_NODE_FILE"
_LEAF_FILE = "NARTHEX_LEAF_FILE"


def dress(run: RunDir, order: Mapping[str, object]) -> None:
    """Gives the input files their permissions and their other names."""
    for name, mode in cast("Mapping[str, int]", order["modes"]).items():
        Path(run.file(name)).chmod(mode)
    for name, target in cast("Mapping[str, str]", order["links"]).items():
        Path(run.file(name)).symlink_to(target)


def work_folder(run: RunDir, order: Mapping[str, object], homes: Path) -> Path:
    """The directory in which the run works on this machine, made and with its input files.

    Args:
        run: the run directory here.
        order: what the landing told. ``shared`` in it is a folder that machines and gateway have
            in common, ``home`` one of the owner's own on this machine; neither is the run's own.
        homes: where such folders of owners are on this machine.

    Raises:
        EngineError: the shared folder is not there.
        OSError: the folder cannot be made.
    """
    own = Path(run.file(WORK))
    own.mkdir(exist_ok=True)
    if shared := str(order.get("shared", "")):
        if not Path(shared).is_dir():
            raise EngineError("the folder of its owner is not on the machine: it is not shared")
        return Path(shared)
    below = str(order.get("home", ""))
    if not below:
        return own
    found = homes / below
    if ".." in found.parts:
        raise EngineError("the folder of its owner is no folder")
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    for entry in tuple(own.iterdir()):
        entry.replace(found / entry.name)
    return found


def tell_machines(environment: Mapping[str, str]) -> None:
    """Fills the two lists of what the run was given: a line for each processor of its job."""
    names = machines(os.environ.get("SLURM_JOB_NODELIST", ""))
    each = per_machine(os.environ.get("SLURM_JOB_CPUS_PER_NODE", ""), len(names))
    lines = [name for name, count in zip(names, each, strict=True) for _ in range(count)]
    for variable, text in ((_NODE_FILE, "{}\n"), (_LEAF_FILE, "node = '{}'\n")):
        if path := environment.get(variable):
            Path(path).write_text("".join(text.format(name) for name in lines), "utf-8")


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


def prepared(order: dict[str, object], run: RunDir, homes: Path) -> Launch:
    """What the engine wants started here, for an order whose paths are those of the gateway.

    Raises:
        EngineError: the engine does not want to, or the run has nowhere to work.
        OSError: the disk refuses.
    """
    work = work_folder(run, order, homes)
    module, _, name = str(order["engine"]).partition(":")
    engine: Engine = getattr(importlib.import_module(module), name)(order["settings"])
    directory = str(order["directory"])
    there = {
        directory: run.path,
        str(order["inside"]): _inside(),
        f"{directory}/{WORK}": str(work),
    }
    given = cast("Mapping[str, str]", order["environment"])
    environment = {name: _translated(value, there) for name, value in given.items()}
    tell_machines(environment)
    slurm = {name: value for name, value in os.environ.items() if name.startswith("SLURM")}
    secret = cast("Sequence[str]", order["secrets"])
    spec = RunSpec(
        run_id=run.run_id,
        language=str(order["language"]),
        code=str(order["code"]),
        directory=Path(run.path),
        work=work,
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
