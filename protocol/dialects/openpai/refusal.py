"""Errors of the core as OpenPAI says them, where no route said it better.

Total over every kind. Contract 0.4: ``{"code", "message"}``, never a stack, 401 before all else.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping

from protocol.dialects.openpai.bodies import json_reply
from protocol.dialects.openpai.faults import PaiError
from protocol.errors import GatewayError, Kind, Subject
from protocol.http import Reply, Request
from protocol.media import decode_json

__all__ = ["code_of", "refuse"]

_GUEST = "Guest is not allowed to do this operation."
_EXPIRED = "Your token is expired."
_INVALID = "Your token is invalid."
_NON_ADMIN = "Non-admin is not allow to do this operation."

_PARTS = 3
_LONGEST_TOKEN = 8192

_BY_KIND: Mapping[Kind, tuple[int, str]] = {
    Kind.INVALID: (400, "InvalidParametersError"),
    Kind.UNAUTHENTICATED: (401, "UnauthorizedUserError"),
    Kind.FORBIDDEN: (403, "ForbiddenUserError"),
    Kind.NOT_FOUND: (404, "NoApiError"),
    Kind.CONFLICT: (409, "ConflictError"),
    Kind.GONE: (404, "NoJobError"),
    Kind.UNSUPPORTED: (404, "NoApiError"),
    Kind.TOO_LARGE: (413, "InvalidParametersError"),
    Kind.EXHAUSTED: (429, "TooManyRequestsError"),
    Kind.UNAVAILABLE: (503, "UnavailableError"),
    Kind.INTERNAL: (500, "UnknownError"),
}
_NOT_FOUND: Mapping[Subject, tuple[int, str]] = {
    Subject.TASK: (404, "NoJobError"),
    Subject.TASK_NAME: (404, "NoJobError"),
    Subject.GROUP: (404, "NoJobError"),
    Subject.USER: (404, "NoUserError"),
    Subject.USER_GROUP: (400, "NoGroupError"),
    Subject.QUEUE: (404, "NoVirtualClusterError"),
}
_CONFLICT: Mapping[Subject, str] = {
    Subject.GROUP: "ConflictJobError",
    Subject.USER: "ConflictUserError",
    Subject.USER_GROUP: "ConflictGroupError",
    Subject.QUEUE: "ConflictVcError",
}


def code_of(error: GatewayError) -> tuple[int, str]:
    """Status and code of an error."""
    if isinstance(error, PaiError):
        return error.status, error.code
    status, code = _BY_KIND[error.kind]
    if error.subject is Subject.NODE:
        return 504, code
    if error.kind is Kind.NOT_FOUND:
        return _NOT_FOUND.get(error.subject, (status, code))
    if error.kind is Kind.CONFLICT:
        return status, _CONFLICT.get(error.subject, code)
    return status, code


def refuse(error: GatewayError, request: Request) -> Reply:
    """The reply to a request that was refused."""
    status, code = code_of(error)
    headers = {}
    if error.kind is Kind.UNAUTHENTICATED:
        headers["www_authenticate"] = "Bearer"
    if error.retry_after > 0:
        headers["retry_after"] = str(math.ceil(error.retry_after))
    return json_reply({"code": code, "message": _message(error, code, request)}, status, **headers)


def _message(error: GatewayError, code: str, request: Request) -> str:
    if isinstance(error, PaiError):
        return error.message
    if error.kind is Kind.UNAUTHENTICATED:
        return _of_token(request)
    if error.kind is Kind.FORBIDDEN and "administrator" in error.message:
        return _NON_ADMIN
    if code == "NoApiError":
        return f"API {(request.target or request.path)[:1000]} is not found."
    return error.message


def _of_token(request: Request) -> str:
    """Why a request has no user: the core says one sentence for all, clients show three.

    What a token says of its end is read without a proof: it decides about a sentence alone.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    expires = _expires(token) if scheme.lower() == "bearer" else None
    if expires is None:
        return _GUEST
    return _EXPIRED if expires * 1000 <= request.now_ms else _INVALID


def _expires(token: str) -> int | None:
    """When a token says that it ends, in seconds; None if it is no token at all."""
    parts = token.split(".", _PARTS)
    if len(parts) != _PARTS or len(token) > _LONGEST_TOKEN:
        return None
    try:
        claims = decode_json(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, GatewayError):
        return None
    expires = claims.get("exp") if isinstance(claims, dict) else None
    return expires if isinstance(expires, int) else None
