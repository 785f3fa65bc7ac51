"""What the porter of a run is told that was granted its start, and what cannot be placed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engines.contract import RunSpec
from engines.placed.carry import plain_files
from engines.rundir.directory import WORK, RunDir
from gateway.runner.run.run_environment import INSIDE
from gateway.stores.spec import TaskSpec

__all__ = ["PlacedOrder", "placed_order", "processors", "unplaceable"]

_STDIN = "stdin"
_LIMITS = (
    *("seconds", "grace_seconds", "output_bytes", "drain_seconds", "processes", "memory_bytes"),
    *("open_files", "file_bytes", "most_seconds", "warn_signal", "warn_seconds"),
)


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """What a porter is told when it has the grant: an object for JSON, and files beside it.

    ``files`` are paths below the run directory that the run needs on its machine.
    """

    content: dict[str, object]
    files: tuple[str, ...]


def placed_order(
    run: RunDir, spec: TaskSpec, order: RunSpec, engine: str, settings: Mapping[str, object]
) -> PlacedOrder:
    """What the porter is told. Blocks on the disk; raises OSError.

    Args:
        run: the run directory here, with its input files.
        spec: what was accepted.
        order: what the engine is to be told, with paths of this machine.
        engine: the ``module:class`` of the engine.
        settings: its table of settings.
    """
    content: dict[str, object] = {
        "engine": engine,
        "settings": dict(settings),
        "directory": run.path,
        "inside": INSIDE,
        "language": order.language,
        "code": order.code,
        "environment": dict(order.environment),
        "parameters": {**order.parameters, "session": "none"},
        "limits": {name: getattr(order.limits, name) for name in _LIMITS},
        "secrets": list(spec.secrets.values()),
    }
    files = tuple(_files(run))
    content["modes"] = {name: stat.S_IMODE(os.lstat(run.file(name)).st_mode) for name in files}
    content["links"] = dict(_links(run))
    return PlacedOrder(content, files)


def _files(run: RunDir) -> Iterable[str]:
    """What a run needs beside it: its input files, and what it reads."""
    root = Path(run.path)
    if (root / _STDIN).is_file():
        yield _STDIN
    for found in plain_files(root / WORK):
        yield str(found.relative_to(root))


def _links(run: RunDir) -> Iterable[tuple[str, str]]:
    """The other names of input files."""
    with os.scandir(run.file(WORK)) as found:
        for entry in found:
            if entry.is_symlink():
                yield f"{WORK}/{entry.name}", str(Path(entry.path).readlink())


def unplaceable(spec: TaskSpec) -> str:
    """What a task asks for that a place does not give, empty if nothing."""
    if spec.gang:
        return "a task that starts together with others"
    if spec.home:
        return "a task that works in a folder of its owner"
    if spec.wants is not None and spec.wants.ports:
        return "a task that asks for ports"
    if spec.parameters.get("session") not in (None, "", "none"):
        return "a statement in a session"
    return ""


def processors(spec: TaskSpec) -> int:
    """How many processors: the leaves of the first alternative, at least one."""
    if spec.wants is None:
        return 1
    total = 0
    for pick in spec.wants.shapes[0].groups:
        count = 1
        for _, each in pick.levels:
            count *= max(int(each), 1)
        total += count
    return max(total, 1)
