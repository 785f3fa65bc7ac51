"""Errors of OpenPAI: a code that clients compare, a status and a sentence.

OpenPAI's rest-server document, *error shape*. A code that the core cannot know (a schema of this
dialect, a misspelling of the original) travels in an error of its own; all others are found from
kind and subject in ``refusal.py``.
"""

from __future__ import annotations

from protocol.errors import GatewayError, Kind, Subject

__all__ = ["PaiError", "bad_parameters", "bad_protocol"]


class PaiError(GatewayError):
    """A refusal with the code and the status that OpenPAI's clients compare.

    Args:
        kind: which of the core's reasons it is.
        code: OpenPAI's word for it.
        status: of the HTTP reply.
        message: the sentence as OpenPAI says it; finished, unlike those of the core.
        subject: what it is about.
    """

    def __init__(
        self, kind: Kind, code: str, status: int, message: str, subject: Subject = Subject.NONE
    ) -> None:
        super().__init__(kind, message, subject=subject)
        self.code = code
        self.status = status


def bad_parameters(message: str) -> PaiError:
    """A body or query that is not as the route wants it."""
    return PaiError(Kind.INVALID, "InvalidParametersError", 400, message)


def bad_protocol(message: str) -> PaiError:
    """A job protocol that is not as its schema or its cross checks want it."""
    return PaiError(Kind.INVALID, "InvalidProtocolError", 400, message)
