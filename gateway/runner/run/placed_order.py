"""What the porter of a run is told that was granted its start, and what cannot be placed."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engines.contract import RunSpec
from engines.placed.carry import plain_files
from engines.rundir.directory import WORK, RunDir
from gateway.runner.run.run_environment import INSIDE
from gateway.stores.allotment import Allotment
from gateway.stores.spec import TaskSpec
from protocol.files import file_path
from protocol.place_size import beyond_place
from protocol.resources import Wants

__all__ = [
    "AGAIN",
    "PlacedOrder",
    "placed_allotment",
    "placed_order",
    "unplaceable",
]

_STDIN = "stdin"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,99}", re.ASCII)
_TRY = "NARTHEX_TRY"
_LIMITS = (
    *("seconds", "grace_seconds", "output_bytes", "drain_seconds", "processes", "memory_bytes"),
    *("open_files", "file_bytes", "most_seconds", "warn_signal", "warn_seconds"),
    "cpu_weight",
)


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """What a porter is told when it has the grant: an object for JSON, and files beside it.

    ``files`` are paths below the run directory that the run needs on its machine.
    """

    content: dict[str, object]
    files: tuple[str, ...]


AGAIN = PlacedOrder({}, ())
"""The answer that there is none yet: the porter comes again."""


def placed_order(
    run: RunDir,
    spec: TaskSpec,
    order: RunSpec,
    engine: str,
    settings: Mapping[str, object],
    environment: Mapping[str, str],
    *,
    shared: bool = False,
) -> PlacedOrder:
    """What the porter is told. Blocks on the disk; raises OSError.

    Args:
        run: the run directory here, with its input files.
        spec: what was accepted.
        order: what the engine is to be told, with paths of this machine.
        engine: the ``module:class`` of the engine.
        settings: its table of settings.
        environment: the variables of ``order``, with what its porter said filled in.
        shared: the machines have the folders of users where this one has them.
    """
    content: dict[str, object] = {
        "engine": engine,
        "settings": dict(settings),
        "directory": run.path,
        "inside": INSIDE,
        "language": order.language,
        "code": order.code,
        "environment": dict(environment),
        "parameters": {**order.parameters, "session": "none"},
        "limits": {name: getattr(order.limits, name) for name in _LIMITS},
        "secrets": list(spec.secrets.values()),
    }
    if spec.home and shared:
        content["shared"] = str(order.work)
    elif spec.home:
        parts = file_path(spec.owner, spec.home).parts
        content["home"] = "/".join((_folder_of(spec.owner), *parts))
    files = tuple(_files(run))
    content["modes"] = {name: stat.S_IMODE(os.lstat(run.file(name)).st_mode) for name in files}
    content["links"] = dict(_links(run))
    return PlacedOrder(content, files)


def _folder_of(owner: str) -> str:
    """What the folder of a user is called on a machine: the name, if a folder can have it."""
    if _NAME.fullmatch(owner):
        return owner
    return hashlib.sha256(owner.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def _files(run: RunDir) -> Iterable[str]:
    """What a run needs beside it: its input files, and what it reads."""
    root = Path(run.path)
    if (root / _STDIN).is_file():
        yield _STDIN
    for found in plain_files(root / WORK):
        yield str(found.relative_to(root))


def _links(run: RunDir) -> Iterable[tuple[str, str]]:
    """The other names of input files."""
    work = Path(run.file(WORK))
    for entry in work.iterdir() if work.is_dir() else ():
        if entry.is_symlink():
            yield f"{WORK}/{entry.name}", str(entry.readlink())


def unplaceable(spec: TaskSpec, peers: int) -> str:
    """What a task asks for that a place does not give, empty if nothing.

    ``peers`` is how many members its group has, 0 if it is in none.
    """
    if peers > 1 and not spec.gang and spec.environment.get(_TRY) == "1":
        return "a task of a group whose members do not start together"
    if spec.parameters.get("session") not in (None, "", "none"):
        return "a statement in a session"
    if spec.wants is not None:
        return beyond_place(spec.wants)
    return ""


def placed_allotment(wants: Wants, now_ms: int) -> Allotment:
    """What is on record of a run that is handed over: no leaf of ours, and its time limit."""
    seconds = wants.shapes[0].seconds
    return Allotment((), wants.queue, wants.memory_mb, seconds=seconds, at_ms=now_ms)
