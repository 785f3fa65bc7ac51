"""The Python engine: statements in a warm kernel, or a script in a process of its own.

By default code is a statement of a session, a real IPython kernel that keeps its state. With the
parameter ``session`` set to ``none`` it is a script that runs as ``python -u``; any other word
names a session, so that a user may have several. It must never add anything to the code.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping

from engines.contract import (
    Capabilities,
    EngineError,
    Health,
    Launch,
    RunSpec,
    SessionSpec,
    known,
)
from engines.interpreters import can_import, located

__all__ = ["PythonEngine"]

_FILE = "script.py"
_NEEDED = ("ipykernel", "jupyter_client", "zmq")


class PythonEngine:
    """Runs Python code.

    Args:
        settings: ``interpreter``, the Python that runs the code, for scripts and for kernels;
            empty for the gateway's own. Sessions need ipykernel there.

    Raises:
        ValueError: there is a setting that it does not have.
    """

    name = "python"

    def __init__(self, settings: Mapping[str, object] | None = None) -> None:
        given = known(self.name, settings, {"interpreter"})
        self._interpreter = str(given.get("interpreter") or "")
        self._missing: str | None = None

    @property
    def capabilities(self) -> Capabilities:
        """Takes ``python`` and ``py``, which are the same."""
        return Capabilities(frozenset({"python", "py"}))

    def probe(self) -> Health:
        """Available if the interpreter is found; says whether there can be sessions."""
        program = self._program()
        if shutil.which(program) is None:
            return Health(available=False, detail=f"not found: {program}")
        missing = self._without()
        if missing:
            return Health(available=True, detail=f"{program}, no sessions: {missing}")
        return Health(available=True, detail=f"{program}, with sessions")

    def prepare(self, spec: RunSpec) -> Launch:
        """Writes the script into the run directory, outside of the working directory.

        Raises:
            EngineError: the language is none of ours, or the code holds a NUL.
        """
        self._check(spec)
        path = spec.directory / _FILE
        path.write_bytes(spec.code.encode("utf-8", "surrogateescape"))
        path.chmod(0o600)
        argv = (self._program(), "-u", str(path), *spec.arguments)
        return Launch(argv, spec.environment, spec.work, spec.limits)

    def session(self, spec: RunSpec) -> SessionSpec | None:
        """The session that the parameter ``session`` names, the nameless one without it.

        Raises:
            EngineError: the name is none, or sessions need something that is not installed.
        """
        self._check(spec)
        name = spec.session
        if name is None:
            return None
        missing = self._without()
        if missing:
            raise EngineError(
                f"there are no Python sessions here: {missing}; "
                "a script runs without with the parameter session set to none"
            )
        settings = {"interpreter": self._interpreter}
        adapter = "engines.session.kernel:KernelAdapter"
        return SessionSpec.named(name, adapter, settings, self._program())

    def _check(self, spec: RunSpec) -> None:
        if spec.language not in self.capabilities.languages:
            raise EngineError(f"the Python engine does not take {spec.language!r}")
        if "\0" in spec.code:
            raise EngineError("Python code cannot hold a NUL character")

    def _program(self) -> str:
        """The path found by the runner, so that a run's own PATH does not decide on it."""
        return located(self._interpreter)

    def _without(self) -> str:
        """What sessions lack and how to get it, empty if nothing; looked for once it is there."""
        if self._missing != "":
            self._missing = self._look()
        return self._missing

    def _look(self) -> str:
        here = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
        if self._interpreter and "ipykernel" in here:
            here.remove("ipykernel")
        if here:
            return f"{', '.join(here)} is missing, install narthex[kernel]"
        if self._interpreter and not can_import(self._program(), ("ipykernel",)):
            return f"ipykernel is missing, install it for {self._program()}"
        return ""
