"""What an error becomes: the envelope and the HTTP code, one decision for both faces.

A wrong password is status 1 and not -1: 401 makes the Java clients log in again (contract,
sections 1.4 and 2.1). Of a task that is not there and of one of somebody else, the answer is the
same to the last letter.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol.dialects.linkis.envelope import ROOT, canonical, failure, http_code
from protocol.dialects.linkis.exec_id import unknown_id
from protocol.dialects.linkis.routes import LOGIN
from protocol.dialects.linkis.words import STATUSES, WRONG_PASSWORD
from protocol.errors import GatewayError, Kind
from protocol.routing import Found, Match, NotAllowed

__all__ = ["Refusal", "refusal"]

_REFUSED = 1
_ABOUT_ROUTES = frozenset({Kind.NOT_FOUND, Kind.UNSUPPORTED})
_AT_LOGIN = frozenset({Kind.UNAUTHENTICATED, Kind.INVALID})


@dataclass(frozen=True, slots=True)
class Refusal:
    """An envelope that says no, and the HTTP code and headers that go with it."""

    body: dict[str, object]
    code: int
    allowed: tuple[str, ...] = ()


def refusal(error: GatewayError, path: str, match: Match) -> Refusal:
    """What the error becomes for a clean path of which the table says ``match``."""
    method = canonical(path)
    match match:
        case Found(_, params):
            if error.kind is Kind.NOT_FOUND and "id" in params:
                error = unknown_id(params["id"])
            at_login = method == ROOT + LOGIN and error.kind in _AT_LOGIN
            if at_login and error.kind is Kind.UNAUTHENTICATED:
                error = GatewayError(error.kind, WRONG_PASSWORD)
            status = _REFUSED if at_login else STATUSES[error.kind]
            body = failure(method, error, status, literal=at_login)
            return Refusal(body, http_code(error, status))
        case NotAllowed(allowed) if error.kind in _ABOUT_ROUTES:
            return Refusal(failure(method, error, _REFUSED), 405, allowed)
        case _ if error.kind in _ABOUT_ROUTES:
            return Refusal(failure(method, error, _REFUSED), 404)
        case _:
            status = STATUSES[error.kind]
            return Refusal(failure(method, error, status), http_code(error, status))
