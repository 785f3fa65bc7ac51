"""What is said when users and groups are not as they would have to be."""

from __future__ import annotations

from protocol.errors import GatewayError, Kind, Subject

__all__ = ["no_group", "no_user", "taken", "unreadable"]


def no_user(name: str) -> GatewayError:
    """The refusal for a user who is not there."""
    return GatewayError(
        Kind.NOT_FOUND, f"there is no user {name[:64]}", field="user", subject=Subject.USER
    )


def no_group(name: str) -> GatewayError:
    """The refusal for a group that is not there."""
    return GatewayError(
        Kind.NOT_FOUND, f"there is no group {name[:64]}", field="group", subject=Subject.USER_GROUP
    )


def taken(what: str, name: str, subject: Subject) -> GatewayError:
    """The refusal for a name that somebody has."""
    return GatewayError(
        Kind.CONFLICT, f"there is a {what} {name} already", field=what, subject=subject
    )


def unreadable() -> GatewayError:
    """The refusal when nobody can be told from anybody."""
    return GatewayError(Kind.UNAVAILABLE, "the accounts cannot be read or written", retry_after=1.0)
