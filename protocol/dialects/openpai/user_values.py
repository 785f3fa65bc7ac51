"""Values in the bodies about users: passwords, addresses, booleans, names."""

from __future__ import annotations

import re

from protocol.dialects.openpai.config_v1 import Fields
from protocol.dialects.openpai.names import QUEUE_NAME
from protocol.media import JsonValue

__all__ = ["SHORTEST_PASSWORD", "boolean_of", "email_of", "names_of", "password_of"]

SHORTEST_PASSWORD = 6
"""As OpenPAI's document has it."""
_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]{1,189}")


def password_of(fields: Fields, name: str) -> str:
    """A new password."""
    text = fields.text(name)
    if len(text) < SHORTEST_PASSWORD:
        raise fields.wrong(name, f"length must be at least {SHORTEST_PASSWORD} characters long")
    return text


def email_of(fields: Fields) -> str:
    """An address, or nothing."""
    text = fields.text("email", "")
    if text and _EMAIL.fullmatch(text) is None:
        raise fields.wrong("email", "must be a valid email")
    return text


def boolean_of(fields: Fields, name: str, *, default: bool) -> bool:
    """A boolean, also as a text."""
    value: JsonValue = fields.value.get(name, default)
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.lower(), value)
    if not isinstance(value, bool):
        raise fields.wrong(name, "must be a boolean")
    return value


def names_of(fields: Fields, name: str) -> list[str]:
    """Names of clusters or groups, each once."""
    value = fields.value.get(name, [])
    if not isinstance(value, list):
        raise fields.wrong(name, "must be an array")
    found = []
    for one in value:
        if not isinstance(one, str) or QUEUE_NAME.fullmatch(one) is None:
            raise fields.wrong(name, "must hold names of letters, digits and underscores")
        found.append(one)
    return list(dict.fromkeys(found))
