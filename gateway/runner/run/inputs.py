"""What a task finds when it starts: its input files in place and its environment.

Inputs are copies. A hard link would be cheaper, but a run belongs to the same user as the stored
object and could then change what everybody else gets. Blocks on the disk; for worker threads.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gateway.stores.objects import Objects
from protocol.errors import GatewayError, Kind, Subject
from protocol.tasks import FileInput

__all__ = ["environment", "place"]

_PROGRAM = 0o755
_READ_ONLY = 0o444


def place(objects: Objects, owner: str, inputs: Sequence[FileInput], work: Path) -> dict[str, str]:
    """Copies the inputs into the empty directory ``work``; returns the variables that list them.

    An input keeps its stored name; a second one of that name gets the suffix ``.1``, a third
    ``.2``. Aliases are links, and give way to names. Paths in variables start with ``./``.

    Raises:
        GatewayError: NOT_FOUND if an input does not exist (any more) or is not this owner's.
    """
    taken: set[str] = set()
    variables: dict[str, list[str]] = {}
    aliases: list[tuple[str, str]] = []
    for entry in inputs:
        stored = objects.find(owner, entry.object_id)
        name = _free(stored.name, taken)
        try:
            shutil.copyfile(objects.path(owner, entry.object_id), work / name)
        except FileNotFoundError as error:
            missing = f"data object {entry.object_id} does not exist"
            raise GatewayError(Kind.NOT_FOUND, missing, subject=Subject.DATA) from error
        (work / name).chmod(_PROGRAM if entry.executable else _READ_ONLY)
        if entry.alias:
            aliases.append((entry.alias, name))
        if entry.variable:
            variables.setdefault(entry.variable, []).append(f"./{name}")
    for alias, name in aliases:
        if alias not in taken:
            taken.add(alias)
            (work / alias).symlink_to(name)
    return {variable: "\n".join(paths) for variable, paths in variables.items()}


def environment(
    allowed: Iterable[str], own: Mapping[str, str], *given: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a run: of the runner's ``own`` the allowed names, then what was given.

    Raises:
        GatewayError: INVALID if a name or a value cannot be in an environment.
    """
    result = {name: own[name] for name in allowed if name in own}
    for mapping in given:
        for name, value in mapping.items():
            if not name or "=" in name or not _clean(name) or not _clean(value):
                raise GatewayError(Kind.INVALID, f"environment variable {name!r} is not possible")
            result[name] = value
    return result


def _free(name: str, taken: set[str]) -> str:
    """The name, or the first of ``name.1``, ``name.2``, ... that nobody has; takes it."""
    free, serial = name, 0
    while free in taken:
        serial += 1
        free = f"{name}.{serial}"
    taken.add(free)
    return free


def _clean(text: str) -> bool:
    """Whether a string can be handed to a process: no NUL and no lone surrogate."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
