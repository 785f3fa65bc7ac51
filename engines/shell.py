"""The shell engine: scripts for bash and for sh.

Code runs from a file of its own, so that it may be as long as it likes, ``$0`` is a name, and
nobody else on the machine reads it in the list of processes. It must never change the code.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from engines.contract import Capabilities, EngineError, Health, Launch, RunSpec, known

__all__ = ["ShellEngine"]

_FILE = "script.sh"


class ShellEngine:
    """Runs shell code.

    Args:
        settings: ``bash`` and ``sh``, the programs to use; by default those on the PATH.

    Raises:
        ValueError: there is a setting that it does not have.
    """

    name = "shell"

    def __init__(self, settings: Mapping[str, object] | None = None) -> None:
        given = known(self.name, settings, {"bash", "sh"})
        self._bash = str(given.get("bash", "bash"))
        self._sh = str(given.get("sh", "sh"))

    @property
    def capabilities(self) -> Capabilities:
        """Takes ``shell`` and ``bash`` (both for bash) and ``sh``."""
        return Capabilities(frozenset({"shell", "bash", "sh"}))

    def probe(self) -> Health:
        """Available if both programs are found."""
        missing = [name for name in (self._bash, self._sh) if shutil.which(name) is None]
        if missing:
            return Health(available=False, detail=f"not found: {', '.join(missing)}")
        return Health(available=True, detail=f"{shutil.which(self._bash)}")

    def prepare(self, spec: RunSpec) -> Launch:
        """Writes the script into the run directory, outside of the working directory.

        Raises:
            EngineError: the language is none of ours, or the code holds a NUL.
        """
        if "\0" in spec.code:
            raise EngineError("shell code cannot hold a NUL character")
        code = spec.code.encode("utf-8", "surrogateescape")
        if spec.language not in self.capabilities.languages:
            raise EngineError(f"the shell engine does not take {spec.language!r}")
        program = self._program(self._sh if spec.language == "sh" else self._bash)
        argv = (program, str(_write(spec.directory, code)), *spec.arguments)
        return Launch(argv, spec.environment, spec.work, spec.limits)

    @staticmethod
    def _program(name: str) -> str:
        """The path found by the runner, so that a run's own PATH does not decide on the shell."""
        return shutil.which(name) or name


def _write(directory: Path, code: bytes) -> Path:
    path = directory / _FILE
    path.write_bytes(code)
    path.chmod(0o600)
    return path
