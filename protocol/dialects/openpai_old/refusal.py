"""Errors of the old generation: ``{"error", "message"}``, and 500 where its document says so."""

from __future__ import annotations

import math

from protocol.dialects.openpai.bodies import json_reply
from protocol.dialects.openpai.faults import PaiError
from protocol.dialects.openpai.refusal import code_of
from protocol.errors import GatewayError, Kind
from protocol.http import Reply, Request

__all__ = ["NOT_AUTHORIZED", "invalid", "old_error", "refuse"]

NOT_AUTHORIZED = "NotAuthorized"


def old_error(status: int, code: str, message: str, kind: Kind = Kind.INVALID) -> PaiError:
    """An error as the document lists it."""
    return PaiError(kind, code, status, message)


def invalid() -> PaiError:
    """A body that is not as the route wants it; the document has one sentence for all of it."""
    return old_error(500, "ParameterValidationError", "could not validate request data")


def refuse(error: GatewayError, request: Request) -> Reply:
    """The reply to a request that was refused."""
    del request
    status, code = code_of(error)
    message = error.message
    if error.kind is Kind.UNAUTHENTICATED and not isinstance(error, PaiError):
        code, message = NOT_AUTHORIZED, "not authorized"
    elif error.kind in {Kind.NOT_FOUND, Kind.UNSUPPORTED} and not isinstance(error, PaiError):
        status, code, message = 404, "NoApiError", "API not found"
    headers = {}
    if error.retry_after > 0:
        headers["retry_after"] = str(math.ceil(error.retry_after))
    return json_reply({"error": code, "message": message}, status, **headers)
