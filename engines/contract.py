"""What an engine is to the gateway: it says what it can do and turns code into a process to start.

An engine knows no user, task number, envelope or dialect. Its methods are plain functions that
the runner calls in a worker thread; starting, recording and ending the process is the shim's work.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from engines.shim.launch_request import Bounds
from engines.shim.sandbox import Sandbox

__all__ = [
    "Capabilities",
    "Engine",
    "EngineError",
    "Health",
    "Launch",
    "Limits",
    "RunSpec",
    "SessionEngine",
    "SessionSpec",
    "known",
]

_MAX_NAME = 100
_NONE = "none"


class EngineError(Exception):
    """The engine cannot do what was asked; the message is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may use. 0 means without limit, except for the grace, where it means none.

    ``seconds`` of running time on the monotonic clock; ``grace_seconds`` between the polite and
    the certain signal; ``output_bytes`` of recorded output; ``drain_seconds`` for which a pipe that
    a grandchild holds is read after the main process ended; ``processes``, ``memory_bytes``,
    ``open_files`` and ``file_bytes`` (the largest single file) as resource limits for each process.
    The first two hold for the run as a whole where there are control groups with them.
    ``most_seconds`` is the longest running time that may be asked for later; ``warn_signal`` is
    sent to the main process ``warn_seconds`` before its running time is over. ``cpu_weight``, from
    1 to 10000, is its share of processors that others want too; one without has 100. Control groups
    alone keep that. What begins with ``user`` is for all runs of ``user``, a word for somebody.
    """

    seconds: float = 0.0
    grace_seconds: float = 5.0
    output_bytes: int = 0
    drain_seconds: float = 2.0
    processes: int = 0
    memory_bytes: int = 0
    open_files: int = 0
    file_bytes: int = 0
    most_seconds: float = 0.0
    warn_signal: int = 0
    warn_seconds: float = 0.0
    cpu_weight: int = 0
    user: str = ""
    user_processes: int = 0
    user_memory_bytes: int = 0
    user_cpu_weight: int = 0

    def bounds(self) -> Bounds:
        """The same for a shim, which knows nothing of engines."""
        return Bounds(*(getattr(self, name) for name in Bounds._fields))


@dataclass(frozen=True, slots=True)
class RunSpec:
    """One run as an engine sees it.

    ``directory`` is the run directory, where the engine may write files of its own before the
    start; ``work`` is the fresh working directory below it. ``environment`` is complete and
    already reduced to what a run may see. ``parameters`` are the client's free settings.
    """

    run_id: str
    language: str
    code: str
    directory: Path
    work: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)
    limits: Limits = Limits()

    @property
    def session(self) -> str | None:
        """The session that the parameter ``session`` names; empty for the nameless one.

        None for a process of its own, which is asked for by the name ``none``, or by arguments or
        an input, which a statement cannot have.

        Raises:
            EngineError: it is no text, or too long a one, or has arguments or an input.
        """
        name = self.parameters.get("session", "")
        if not isinstance(name, str) or len(name) > _MAX_NAME:
            raise EngineError(f"the name of a session is a text of at most {_MAX_NAME} characters")
        if name in ("", _NONE) and (self.arguments or self.stdin is not None):
            return None
        if name != _NONE and (self.arguments or self.stdin is not None):
            raise EngineError("a statement in a session has neither arguments nor an input")
        return None if name == _NONE else name

    @property
    def arguments(self) -> tuple[str, ...]:
        """What the parameter ``arguments`` gives the program besides the code.

        Raises:
            EngineError: it is no list of texts without NUL.
        """
        given = self.parameters.get("arguments", ())
        if not isinstance(given, list | tuple) or not all(
            isinstance(one, str) and "\0" not in one for one in given
        ):
            raise EngineError("arguments are a list of texts without NUL characters")
        return tuple(given)

    @property
    def stdin(self) -> str | None:
        """What the parameter ``stdin`` lets the program read; None for nothing.

        Raises:
            EngineError: it is no text.
        """
        given = self.parameters.get("stdin")
        if given is not None and not isinstance(given, str):
            raise EngineError("what a program is to read is a text")
        return given


@dataclass(frozen=True, slots=True)
class Launch:
    """The process to start: its arguments (the first is the program), environment and directory.

    It gets the file ``stdin``, or else /dev/null, as stdin, two pipes as stdout and stderr, the
    file of its progress as descriptor 3 if its environment names that, and no other descriptor.
    ``secrets`` are texts that must not be recorded in what it prints; whoever calls the engine adds
    them, the file and the ``sandbox``, which is what it sees of the machine. ``writable`` are the
    paths of the run directory, besides the working directory, into which the engine lets it write.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path
    limits: Limits = Limits()
    secrets: tuple[str, ...] = ()
    stdin: str = ""
    writable: tuple[str, ...] = ()
    sandbox: Sandbox | None = None


@dataclass(frozen=True, slots=True)
class SessionSpec:
    """The warm process in which a statement belongs, and how one is made if there is none.

    ``key`` tells the sessions of one owner apart, by name and settings: statements of one key share
    a session. ``adapter`` is the ``module:class`` that the host loads and calls with ``settings``,
    which must be what JSON can say. ``environment`` goes over what every run sees.
    ``interpreter`` is the Python (3.11 or newer) of the host, empty for the gateway's own.
    ``programs`` are the whole paths of what the host starts, which a sandbox has to show.
    """

    key: str
    adapter: str
    settings: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    interpreter: str = ""
    programs: tuple[str, ...] = ()

    @classmethod
    def named(
        cls, name: str, adapter: str, settings: Mapping[str, object], *programs: str
    ) -> SessionSpec:
        """The session of that name with these settings; with others it is another session."""
        key = json.dumps([name, settings], sort_keys=True)
        return cls(key, adapter, settings, programs=programs)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do: the languages it takes, in its own words, all lower case.

    ``stands_for`` are names of other engines whose code it takes where they are not enabled.
    """

    languages: frozenset[str]
    stands_for: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Health:
    """Whether an engine can work on this machine, and a sentence about what it found or misses."""

    available: bool
    detail: str


class Engine(Protocol):
    """One way to run code. Constructed once at start with its table of settings."""

    name: str

    @property
    def capabilities(self) -> Capabilities:
        """What the engine can do; the same at every call."""
        ...

    def probe(self) -> Health:
        """Looks whether the engine can work here; may take a second, starts nothing lasting."""
        ...

    def prepare(self, spec: RunSpec) -> Launch:
        """Writes what the run needs into its directory and says which process to start.

        Raises EngineError if the code or the parameters cannot be run.
        """
        ...


@runtime_checkable
class SessionEngine(Engine, Protocol):
    """An engine that can keep a process warm between the statements of one owner."""

    def session(self, spec: RunSpec) -> SessionSpec | None:
        """The session for a statement; None if it is to run in a process of its own.

        Raises EngineError if a session is wanted and there can be none here.
        """
        ...


def known(
    engine: str, settings: Mapping[str, object] | None, names: AbstractSet[str]
) -> Mapping[str, object]:
    """An engine's table of settings; an empty one for None.

    Args:
        engine: its name, for the sentence.
        settings: what its constructor was given.
        names: the settings that it has. A misspelt one must never mean a default.

    Raises:
        ValueError: there is another one in the table. The gateway then does not start.
    """
    table = settings or {}
    for name in sorted(table.keys() - names):
        raise ValueError(f"{name} is not a setting of {engine}")
    return table
