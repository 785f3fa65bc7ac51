# ruff: noqa: INP001 - it stands alone, as in a project of its own
"""An engine for Perl, as somebody else would write it: one class with four members.

It is an example to copy. It knows how to check Perl code and which process runs it; everything
else (recording, limits, kills, results) is the gateway's.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from engines.contract import Capabilities, EngineError, Health, Launch, RunSpec, known

__all__ = ["PerlEngine"]


class PerlEngine:
    """Runs Perl scripts.

    Args:
        settings: the table ``[engines.perl]`` of the configuration: ``program``, the Perl to use.

    Raises:
        ValueError: another setting is in the table.
    """

    name = "perl"

    def __init__(self, settings: Mapping[str, object] | None = None) -> None:
        self._program = str(known(self.name, settings, {"program"}).get("program") or "perl")

    @property
    def capabilities(self) -> Capabilities:
        """The languages by which clients may ask for it, in lower case."""
        return Capabilities(frozenset({"perl", "pl"}))

    def probe(self) -> Health:
        """Whether it can work here, in a sentence; ``narthex doctor`` shows it."""
        path = shutil.which(self._program)
        if path is None:
            return Health(available=False, detail=f"not found: {self._program}")
        return Health(available=True, detail=path)

    def prepare(self, spec: RunSpec) -> Launch:
        """Writes the script below the run directory, and says which process to start.

        Raises:
            EngineError: what cannot be run, with a sentence for the person who sent it.
        """
        if spec.language not in self.capabilities.languages:
            raise EngineError(f"the Perl engine does not take {spec.language!r}")
        path = shutil.which(self._program)
        if path is None:
            raise EngineError(f"there is no {self._program!r} on this machine")
        script = spec.directory / "script.pl"
        script.write_text(spec.code, "utf-8", "surrogateescape")
        return Launch((path, str(script)), spec.environment, spec.work, spec.limits)
