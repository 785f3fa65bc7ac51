"""What proves that a form was sent from a page that its sender was shown.

A value for each user that only we can make and that other sites cannot read, since they cannot read
our pages. It is no credential: it is worth nothing without one.
"""

from __future__ import annotations

import hmac

__all__ = ["FormTokens"]

_PURPOSE = b"narthex forms 1"
_REMEMBERED = 1024


class FormTokens:
    """Makes the values, from a key that all processes of a gateway share."""

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, _PURPOSE, "sha256")
        self._made: dict[str, str] = {}

    def of(self, user: str) -> str:
        """The value of a user; empty for a stranger, whose forms do nothing in anybody's name."""
        if not user:
            return ""
        found = self._made.get(user)
        if found is None:
            if len(self._made) >= _REMEMBERED:
                self._made.clear()
            name = user.encode("utf-8", "surrogatepass")
            found = self._made[user] = hmac.digest(self._key, name, "sha256").hex()
        return found
