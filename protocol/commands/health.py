"""How the parts of the gateway are: for people who look after it or wonder why nothing goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from protocol.command import Command

__all__ = ["HealthPart", "ReadHealth"]


@dataclass(frozen=True, slots=True)
class HealthPart:
    """One part: ``redis``, ``runner``, ``disk``, ``memory`` or ``processors``.

    ``message`` is why it is not ``well``, one sentence for a person. ``figures`` are what was
    measured, by name; names end in their unit.
    """

    name: str
    well: bool = True
    message: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadHealth(Command[tuple[HealthPart, ...]]):
    """Asks how each part is at the moment."""
