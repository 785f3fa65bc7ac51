"""What can go wrong, in the product's own words; each dialect maps every kind to its own."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["GatewayError", "Kind", "Subject"]


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


class Subject(StrEnum):
    """The closed set of things that a refusal may be about, so that a dialect can name its error.

    NONE is a refusal of the request itself, or one for which the kind says enough. TASK_NAME is the
    name that an owner gives to a task, DATA an upload or the output of a task, FILE a user's file
    or folder, RESOURCE what the pool gives out, ROUTE an address at which nothing is. NODE is
    another node, which has what is asked for and cannot be reached.
    """

    NONE = ""
    TASK = "task"
    TASK_NAME = "task_name"
    GROUP = "group"
    USER = "user"
    USER_GROUP = "user_group"
    TOKEN = "token"  # noqa: S105 - a word
    QUEUE = "queue"
    RESOURCE = "resource"
    RULE = "rule"
    ENGINE = "engine"
    SESSION = "session"
    FILE = "file"
    DATA = "data"
    RESULT = "result"
    ROUTE = "route"
    NODE = "node"


class GatewayError(Exception):
    """A refusal that a person can read and a program can act upon.

    Args:
        kind: which of the closed set of reasons.
        message: one sentence for the person; starts in lower case, names the thing and the value.
        field: path of the offending field of the request, such as ``data.runType``; empty if none.
        subject: what it is about, for programs that must not read the sentence.
        retry_after: seconds after which a repetition may succeed; 0 if repeating is pointless.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        field: str = "",
        subject: Subject = Subject.NONE,
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.field = field
        self.subject = subject
        self.retry_after = retry_after
