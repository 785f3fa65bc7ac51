"""How replies of Redis are read: bytes in, checked values out.

A value that is not what we wrote is one broken record and never an exception of its own kind.
"""

from __future__ import annotations

from protocol.errors import GatewayError, Kind

__all__ = ["broken", "integer", "items", "text"]


def broken() -> GatewayError:
    """The refusal for a record that somebody else wrote over."""
    return GatewayError(
        Kind.UNAVAILABLE, "a record of the gateway's store is damaged", retry_after=1.0
    )


def items(reply: object) -> list[object]:
    """The reply as a list."""
    if not isinstance(reply, list):
        raise broken()
    return reply


def text(reply: object) -> str:
    """The reply as text; nothing is empty."""
    if reply is None:
        return ""
    if isinstance(reply, bytes):
        return reply.decode("utf-8", "replace")
    return str(reply)


def integer(reply: object) -> int:
    """The reply as a whole number; nothing is 0."""
    if reply is None or reply == b"":
        return 0
    if isinstance(reply, int | bytes):
        try:
            return int(reply)
        except ValueError as error:
            raise broken() from error
    raise broken()
