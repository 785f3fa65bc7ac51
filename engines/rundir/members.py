"""The members of a fact that was read from a file: each is what it must be, or none counts.

A task may write into its run directory, so a fact may hold anything that JSON can say. The shim
imports this file: standard library only.
"""

from __future__ import annotations

import json
import math

__all__ = ["UNREADABLE", "number", "parsed", "seconds", "text", "whole"]

UNREADABLE = (ValueError, LookupError, TypeError, RecursionError, OverflowError)
"""What a fact raises that makes no sense."""

_MAX_WHOLE = (1 << 53) - 1
_MAX_NUMBER = 1 << 32


def parsed(data: bytes) -> dict[str, object]:
    """The members of an object."""
    record = json.loads(data)
    if not isinstance(record, dict):
        raise TypeError("not an object")
    return record


def text(value: object) -> str:
    """A text as it is."""
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def whole(value: object) -> int:
    """A count, a time, or the id of a process: from 0 to what every reader can hold exactly."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_WHOLE:
        raise TypeError("not a count")
    return value


def number(value: object) -> int | None:
    """The status or the signal of a process, or None."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _MAX_NUMBER:
        raise TypeError("not a number")
    return value


def seconds(value: object) -> float:
    """A length of time: never negative, never without end."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError("not a time")
    return float(min(max(value, 0), _MAX_WHOLE))
