"""What values of JSON are like. Read by the gateways that are tested, and by the tests."""

from __future__ import annotations

__all__ = ["shape_of"]

WIDEST = 40
"""So much of a long list, or of a map of names, says what it is like."""


def shape_of(value: object) -> object:
    """What a value is like: the names of members, the kinds of items, the types of the rest."""
    if isinstance(value, dict):
        return tuple((str(name), shape_of(value[name])) for name in [*value][:WIDEST])
    if isinstance(value, list | tuple):
        return frozenset(map(shape_of, value[:WIDEST]))
    return type(value).__name__
