"""Modes of files as people write them: octal, or who gets what, such as ``a+x``.

Only the nine permission bits: set-user-id, set-group-id and sticky can be neither said nor set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from protocol.errors import GatewayError, Kind, Subject

__all__ = ["ModeChange", "read_mode"]

_OCTAL = re.compile(r"0?[0-7]{3}", re.ASCII)
_ADDED = re.compile(r"([ugoa]{0,4})\+([rwx]{1,3})", re.ASCII)
_BITS = {"r": 4, "w": 2, "x": 1}
_PLACES = {"u": 6, "g": 3, "o": 0}
_ALL = 0o777


@dataclass(frozen=True, slots=True)
class ModeChange:
    """The bits that are kept of a mode, and those that are added."""

    keep: int
    add: int

    def of(self, mode: int) -> int:
        """The permission bits that a file with this mode gets."""
        return (mode & self.keep | self.add) & _ALL


def read_mode(text: str) -> ModeChange:
    """What a text wants of a mode.

    Raises:
        GatewayError: INVALID.
    """
    if _OCTAL.fullmatch(text):
        return ModeChange(0, int(text, 8))
    found = _ADDED.fullmatch(text)
    if found is None:
        raise GatewayError(
            Kind.INVALID,
            "a mode is three octal digits, or who gets what, such as 'a+x'",
            field="mode",
            subject=Subject.FILE,
        )
    bits = sum(_BITS[letter] for letter in set(found[2]))
    who = _PLACES if not found[1] or "a" in found[1] else set(found[1])
    return ModeChange(_ALL, sum(bits << _PLACES[letter] for letter in who))
