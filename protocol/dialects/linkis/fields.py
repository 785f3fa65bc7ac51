"""Reads the fields of a request one by one; a misfit is refused with the path of its field.

Absent and null are the same thing, and in queries the empty text too (contract, section 1.1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from protocol.errors import GatewayError, Kind
from protocol.media import JsonObject

__all__ = ["Fields", "invalid", "number", "whole"]

_MOST_SECONDS = 1e9
_NO_SECONDS = "must be a number of seconds between 0 and 1000000000"
_COUNT = re.compile(r"[0-9]{1,9}", re.ASCII)
_WHOLE = re.compile(r"[+-]?[0-9]{1,15}", re.ASCII)


def invalid(field: str, fault: str) -> GatewayError:
    """The error for a field: its path is in the sentence and beside it."""
    return GatewayError(Kind.INVALID, f"{field} {fault}", field=field)


class Fields:
    """One object of a body.

    Args:
        values: the object.
        path: where it stands in the body, with a dot at the end; empty for the body itself.
    """

    def __init__(self, values: JsonObject, path: str = "") -> None:
        self.values = values
        self._path = path

    def path(self, name: str) -> str:
        """The path of a field of this object."""
        return self._path + name

    def text(self, name: str, default: str = "", longest: int = 0) -> str:
        """A text field; ``longest`` is the most characters that it may have, 0 for any."""
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise invalid(self.path(name), "must be a string")
        if "\0" in value:
            raise invalid(self.path(name), "must not hold a NUL")
        if longest and len(value) > longest:
            raise invalid(self.path(name), f"must have at most {longest} characters")
        return value

    def needed(self, name: str) -> str:
        """A text field that must be there and not be blank, without blanks around it."""
        value = self.text(name).strip()
        if not value:
            raise invalid(self.path(name), "must not be empty")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """A field that is true or false."""
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise invalid(self.path(name), "must be true or false")
        return value

    def object(self, name: str) -> Fields:
        """A field that is an object; empty if it is absent."""
        value = self.values.get(name)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise invalid(self.path(name), "must be an object")
        return Fields(value, f"{self.path(name)}.")

    def seconds(self, name: str) -> float:
        """A field that is a time in seconds, as a number or its digits; 0 if it is absent."""
        value = self.values.get(name)
        if value is None:
            return 0.0
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise invalid(self.path(name), _NO_SECONDS)
        return number({name: str(value)}, name, 0.0, self.path(name))

    def count(self, name: str, default: int, most: int) -> int:
        """A field that counts, from 0 to ``most``, as a number or its digits; blank is absent."""
        value = self.values.get(name)
        text = "" if value is None or isinstance(value, bool) else str(value).strip()
        if value is None or value == "":
            return default
        if not _COUNT.fullmatch(text) or int(text) > most:
            raise invalid(self.path(name), f"must be a whole number from 0 to {most}")
        return int(text)


def whole(query: Mapping[str, str], name: str, default: int) -> int:
    """A whole number in a query."""
    text = query.get(name, "")
    if not text:
        return default
    if not _WHOLE.fullmatch(text):
        raise invalid(name, "must be a whole number")
    return int(text)


def number(query: Mapping[str, str], name: str, default: float, path: str = "") -> float:
    """A number of seconds in a query, finite and not negative; ``path`` names it in errors."""
    text = query.get(name, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= _MOST_SECONDS:
        raise invalid(path or name, _NO_SECONDS)
    return value
