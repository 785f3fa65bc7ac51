"""What can go wrong, in the product's own words; each dialect maps every kind to its own."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["GatewayError", "Kind"]


class Kind(StrEnum):
    """The closed set of reasons why a request is not answered as asked."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    GONE = "gone"
    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too_large"
    EXHAUSTED = "exhausted"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class GatewayError(Exception):
    """A refusal that a person can read and a program can act upon.

    Args:
        kind: which of the closed set of reasons.
        message: one sentence for the person; starts in lower case, names the thing and the value.
        field: path of the offending field of the request, such as ``data.runType``; empty if none.
        retry_after: seconds after which a repetition may succeed; 0 if repeating is pointless.
    """

    def __init__(
        self, kind: Kind, message: str, *, field: str = "", retry_after: float = 0.0
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.field = field
        self.retry_after = retry_after
