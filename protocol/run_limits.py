"""What a task may ask of its own limits, among its parameters: less than it would have anyway.

The names are the same in every dialect that hands parameters on. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from protocol.errors import GatewayError, Kind

__all__ = ["RunLimits", "asked_limits"]

_PREFIX = "limit."
_SIZE = re.compile(r"([0-9]{1,15})\s*([KMGT]?)i?B?", re.ASCII | re.IGNORECASE)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_MOST = {"memory_bytes": 1 << 50, "processes": 10_000_000, "cpu_weight": 10_000}


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Limits of one run as a whole; 0 is the one that every run has.

    ``cpu_weight`` is its share of processors that others want too: a run without any has 100.
    """

    memory_bytes: int = 0
    processes: int = 0
    cpu_weight: int = 0


def asked_limits(parameters: Mapping[str, object]) -> RunLimits:
    """What ``limit.memory_bytes``, ``limit.processes`` and ``limit.cpu_weight`` ask for.

    Each is a whole number from 1 on, or such a text; the first may end in K, M, G or T, which are
    powers of 1024.

    Raises:
        GatewayError: INVALID, with the field: it is none of that, or there is no such limit.
    """
    known = [one.name for one in fields(RunLimits)]
    asked = {
        name.removeprefix(_PREFIX): value
        for name, value in parameters.items()
        if name.startswith(_PREFIX) and value not in ("", None)
    }
    for name in asked:
        if name not in known:
            raise GatewayError(
                Kind.INVALID,
                f"there is no limit {name[:100]!r} (available: {', '.join(known)})",
                field=f"parameters.{_PREFIX}{name[:100]}",
            )
    return RunLimits(**{name: _number(name, value) for name, value in asked.items()})


def _number(name: str, value: object) -> int:
    number = 0
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and (found := _SIZE.fullmatch(value.strip())):
        unit = found[2].upper()
        number = int(found[1]) * _UNITS[unit] if not unit or name == "memory_bytes" else 0
    if not 1 <= number <= _MOST[name]:
        raise GatewayError(
            Kind.INVALID,
            f"{_PREFIX}{name} is a whole number from 1 to {_MOST[name]}",
            field=f"parameters.{_PREFIX}{name}",
        )
    return number
