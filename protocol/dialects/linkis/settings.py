"""The settings of the dialect: its table of the configuration, checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocol.dialects.linkis.code_checks import CodeChecks
from protocol.dialects.linkis.exec_id import nameable
from protocol.dialects.linkis.generations import Generation
from protocol.errors import GatewayError, Kind

__all__ = ["Settings"]

_KNOWN = frozenset({"instance", "kill_grace_seconds", "mount", "open_file", "refused"})
_DEFAULT_INSTANCE = "127.0.0.1:9001"
# Sooner than the five seconds after which the old Scriptis takes a kill for failed (section 3.7).
_KILL_GRACE = 3.0
_LONGEST_GRACE = 3600.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be set.

    ``instance`` is the ``host:port`` that becomes part of execIDs and that Java clients are sent
    to; ``refused`` are the words for which code is refused; ``kill_grace_seconds`` is the grace of
    a kill that names none; ``open_file`` is the generation of ``openFile`` for requests that do
    not tell.
    """

    instance: str
    refused: CodeChecks
    kill_grace_seconds: float
    open_file: Generation

    @classmethod
    def of(cls, table: Mapping[str, object]) -> Settings:
        """The settings of a table.

        Raises:
            GatewayError: INVALID for a setting that there is not, or that cannot be.
        """
        for name in sorted(table.keys() - _KNOWN):
            raise _invalid(name, "is not a setting of linkis")
        instance = table.get("instance", "")
        instance = _DEFAULT_INSTANCE if instance == "" else instance
        if not isinstance(instance, str) or not nameable(instance):
            raise _invalid("instance", "must be host:port of 1 to 99 characters")
        generation = table.get("open_file", Generation.AUTO.value)
        if generation not in set(Generation):
            raise _invalid("open_file", "must be auto, old or new")
        return cls(
            instance,
            CodeChecks.of(table.get("refused", {})),
            _grace(table.get("kill_grace_seconds")),
            Generation(str(generation)),
        )


def _grace(setting: object) -> float:
    if setting is None:
        return _KILL_GRACE
    known = isinstance(setting, int | float) and not isinstance(setting, bool)
    if not known or not 0 <= float(str(setting)) <= _LONGEST_GRACE:
        raise _invalid("kill_grace_seconds", f"must be from 0 to {_LONGEST_GRACE:g}")
    return float(str(setting))


def _invalid(name: str, fault: str) -> GatewayError:
    return GatewayError(Kind.INVALID, f"{name} {fault}", field=name)
