"""Gateways that a user has logged in to, by name, in a file that only this user can read.

``contexts.json`` in the folder ``narthex`` of the user's configuration, or where NARTHEX_CONTEXTS
says. One of them is the current one: what a command means if it names no gateway.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import click

__all__ = ["Context", "Contexts", "load", "path_of", "save"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class Context:
    """A gateway: its address, who the user is there, what proves it, whose certificates count."""

    server: str
    user: str = ""
    token: str = field(default="", repr=False)
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class Contexts:
    """All of them, and the name of the current one: empty for none."""

    current: str = ""
    known: Mapping[str, Context] = field(default_factory=dict)

    def named(self, name: str) -> Context:
        """The one of that name; a UsageError if there is none."""
        found = self.known.get(name)
        if found is None:
            there = ", ".join(sorted(self.known)) or "none"
            raise click.UsageError(f"there is no context {name!r} (there are: {there})")
        return found

    def put(self, name: str, context: Context) -> Contexts:
        """With this one, which is then the current one."""
        if not _NAME.fullmatch(name):
            raise click.UsageError("the name of a context is letters, digits and ._-")
        return Contexts(name, {**self.known, name: context})

    def use(self, name: str) -> Contexts:
        """With another current one; none for the empty name."""
        if name:
            self.named(name)
        return replace(self, current=name)

    def without(self, name: str) -> Contexts:
        """Without that one."""
        self.named(name)
        left = {one: context for one, context in self.known.items() if one != name}
        return Contexts("" if self.current == name else self.current, left)


def path_of(environ: Mapping[str, str] | None = None) -> Path:
    """Where the file is."""
    environ = os.environ if environ is None else environ
    if named := environ.get("NARTHEX_CONTEXTS", ""):
        return Path(named)
    given = environ.get("XDG_CONFIG_HOME", "")
    folder = Path(given) if given.startswith("/") else Path.home() / ".config"
    return folder / "narthex" / "contexts.json"


def load(path: Path | None = None) -> Contexts:
    """What is in the file; a ClickException if it cannot be used, or others can read it."""
    path = path or path_of()
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return Contexts()
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(file.fileno())
        if stat.S_IMODE(facts.st_mode) & 0o077 or facts.st_uid != os.getuid():
            raise click.ClickException(f"{path} holds secrets: it must be yours, with mode 0600")
        data = file.read()
    try:
        document = json.loads(data)
        known = {str(name): Context(**one) for name, one in document["contexts"].items()}
        return Contexts(str(document["current"]), known)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise click.ClickException(f"{path} is no file of contexts; log in again") from error


def save(contexts: Contexts, path: Path | None = None) -> Path:
    """Writes the file as a whole, with mode 0600; where it is."""
    path = path or path_of()
    document = {
        "current": contexts.current,
        "contexts": {name: asdict(one) for name, one in contexts.known.items()},
    }
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, new = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), _PRIVATE)
            json.dump(document, file, indent=2)
        Path(new).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(new).unlink()
        raise
    return path
