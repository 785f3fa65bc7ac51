"""What a subscription to the lines of a task may ask for, an extension of ours.

``credit`` and ``creditBytes`` bound how far the gateway runs ahead of what the client says, by
``ack`` messages, that it has dealt with. Who gives no credit is sent lines as fast as it takes
them. ``partial`` asks for what stands on a line that has not ended; ``state``, ``progress`` and
``queue`` for the messages that a task which is pushed has, with the tag of the subscription.
"""

from __future__ import annotations

from collections.abc import Mapping

from protocol.dialect import Credit, Watch
from protocol.dialects.linkis.fields import invalid, whole
from protocol.logs import Cursor

__all__ = ["acknowledged", "credit_of", "watch_of"]

_MOST_LINES = 100_000
_MOST_BYTES = 64 << 20
_LAST = (1 << 53) - 2


def credit_of(query: Mapping[str, str]) -> Credit | None:
    """The credit that is given; None for a subscription without."""
    lines = _bounded(query, "credit", _MOST_LINES)
    size = _bounded(query, "creditBytes", _MOST_BYTES)
    return Credit(lines, size) if lines or size else None


def watch_of(query: Mapping[str, str]) -> Watch:
    """What is to be told: lines, and what else is asked for."""
    return Watch(**{name: _flag(query, name) for name in ("state", "progress", "queue", "partial")})


def acknowledged(query: Mapping[str, str]) -> Cursor:
    """The place after what is acknowledged: all through ``line``, or through a part of it."""
    line, part = whole(query, "line", -1), whole(query, "part", 0)
    if not 0 <= line <= _LAST:
        raise invalid("data.line", "must be the number of a line")
    if not 0 <= part <= _LAST:
        raise invalid("data.part", "must be the number of a part")
    return Cursor(line, part + 1) if part else Cursor(line + 1)


def _flag(query: Mapping[str, str], name: str) -> bool:
    word = query.get(name, "")
    if word not in {"", "false", "true"}:
        raise invalid(f"data.{name}", "must be true or false")
    return word == "true"


def _bounded(query: Mapping[str, str], name: str, most: int) -> int:
    """A number between 1 and the most; 0 if it is absent."""
    if not query.get(name):
        return 0
    value = whole(query, name, 0)
    if not 1 <= value <= most:
        raise invalid(f"data.{name}", f"must be between 1 and {most}")
    return value
