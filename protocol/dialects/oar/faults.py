"""Refusals of the OAR REST API: a title, a sentence and a status.

OAR document, *Errors and debug*. What only this dialect knows travels in an error of its own; the
titles and statuses of all others follow from their kinds.
"""

from __future__ import annotations

from collections.abc import Mapping

from protocol.errors import GatewayError, Kind, Subject

__all__ = ["STATUS", "TITLES", "OarError", "bad_query", "missing", "not_found", "oar_error"]

STATUS: Mapping[Kind, int] = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 400,
    Kind.GONE: 404,
    Kind.UNSUPPORTED: 406,
    Kind.TOO_LARGE: 413,
    Kind.EXHAUSTED: 429,
    Kind.UNAVAILABLE: 503,
    Kind.INTERNAL: 500,
}
TITLES: Mapping[Kind, str] = {
    Kind.INVALID: "Bad query",
    Kind.UNAUTHENTICATED: "Permission denied",
    Kind.FORBIDDEN: "Forbidden",
    Kind.NOT_FOUND: "Not found",
    Kind.CONFLICT: "Oar error",
    Kind.GONE: "Not found",
    Kind.UNSUPPORTED: "Not acceptable",
    Kind.TOO_LARGE: "Too large",
    Kind.EXHAUSTED: "Too many requests",
    Kind.UNAVAILABLE: "Service unavailable",
    Kind.INTERNAL: "Internal error",
}


class OarError(GatewayError):
    """A refusal with the title and the status that this API has for it.

    Args:
        kind: which of the core's reasons it is.
        title: the short name of the error.
        message: the sentence, as it is told.
        status: of the HTTP reply; 0 for what the kind says.
    """

    def __init__(
        self,
        kind: Kind,
        title: str,
        message: str,
        status: int = 0,
        subject: Subject = Subject.NONE,
    ) -> None:
        super().__init__(kind, message, subject=subject)
        self.title = title
        self.status = status or STATUS[kind]


def bad_query(message: str) -> OarError:
    """A parameter or a submission that cannot be understood."""
    return OarError(Kind.INVALID, "Bad query", message)


def missing(message: str) -> OarError:
    """A field that has to be there is not."""
    return OarError(Kind.INVALID, "Missing Required Field", message)


def oar_error(message: str) -> OarError:
    """An action on a job that its state does not allow."""
    return OarError(Kind.CONFLICT, "Oar error", message)


def not_found(title: str, message: str, subject: Subject = Subject.NONE) -> OarError:
    """Something that is not there."""
    return OarError(Kind.NOT_FOUND, title, message, subject=subject)
