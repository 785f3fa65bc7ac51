"""The envelope of every reply and push: ``{method, status, message, data}``.

Follows the seed, *Response specs*, and the contract, section 1.3. ``data`` is always an object,
``method`` always of the form ``/api/rest_j/v1/...``, and ``stack`` is never sent. Beside the data
of an error stands ``errorMsg``, never in that of a success: web clients take it for a refusal. The
message of an error begins with its number, so that people can search for it; ``errorMsg.desc`` is
the sentence alone.
"""

from __future__ import annotations

import math
import re

from protocol.dialects.linkis.words import ERROR_CODES, HTTP_CODES, STATUSES, field_of, numbered
from protocol.errors import GatewayError, Kind, Subject
from protocol.http import Reply, Request
from protocol.media import encode_json

__all__ = [
    "PREFIXES",
    "ROOT",
    "below",
    "canonical",
    "envelope",
    "failure",
    "http_code",
    "retry_headers",
    "success",
]

ROOT = "/api/rest_j/v1"
PREFIXES = (ROOT, "/api/rest_j", "/api/rest_s/v1", "/api/rest_s")

_ROOTED = f"{ROOT}/"
_PREFIX = re.compile(r"/api/rest_[js](?:/v1)?(?=/|\Z)(?!/v[0-9]+/)")
_STRANGER = "You are not logged in, please login first"
_INTERNAL = "something went wrong inside the gateway"


def canonical(path: str) -> str:
    """The path as it stands in ``method``, whichever of the equal paths was called.

    A path of another version is no such path and stays as it is.
    """
    if path.startswith(_ROOTED):
        return path
    return _PREFIX.sub(ROOT, path, count=1) if _PREFIX.match(path) else path


def below(path: str) -> str:
    """The path without its prefix: what follows the version, whichever prefix it has."""
    return canonical(path).removeprefix(ROOT)


def envelope(
    method: str, message: str = "OK", data: dict[str, object] | None = None, status: int = 0
) -> dict[str, object]:
    """One reply or push, not yet encoded."""
    return {"method": method, "status": status, "message": message, "data": data or {}}


def success(
    request: Request,
    message: str,
    data: dict[str, object],
    cookies: dict[str, str] | None = None,
) -> Reply:
    """The reply to a request that was carried out; ``message`` is the seed's own wording."""
    body = encode_json(envelope(canonical(request.path), message, data))
    return Reply(HTTP_CODES[0], body, cookies=cookies or {})


def failure(
    method: str, error: GatewayError, status: int | None = None, *, literal: bool = False
) -> dict[str, object]:
    """The envelope of an error, total over every kind; ``status`` overrides the kind's own.

    ``literal`` keeps the number out of the message, for sentences that clients compare.
    """
    number = STATUSES[error.kind] if status is None else status
    desc = error.message or _INTERNAL
    code = numbered(desc) or ERROR_CODES[error.kind]
    message = desc if literal or numbered(desc) else f"error code({code}): {desc}"
    if number == STATUSES[Kind.UNAUTHENTICATED]:
        # Clients compare the beginning; the sentence of who sent nothing at all is that already.
        known = desc.lower().startswith(_STRANGER.lower())
        message = desc = _STRANGER if known else f"{_STRANGER} ({desc})"
    data: dict[str, object] = {"errorMsg": {"errCode": code, "desc": desc, "level": 2}}
    if error.field:
        data["field"] = field_of(error.field)
    if error.retry_after > 0:
        data["retryAfter"] = error.retry_after
    return envelope(method, message, data, number)


def http_code(error: GatewayError, status: int) -> int:
    """The HTTP code of an error.

    It follows the status, but for what is not the client's fault: a balancer must be able to tell.
    """
    match error.kind:
        case Kind.EXHAUSTED if error.retry_after:
            return 429
        case Kind.UNAVAILABLE:
            return 504 if error.subject is Subject.NODE else 503
        case Kind.INTERNAL:
            return 500
        case _:
            return HTTP_CODES[status]


def retry_headers(error: GatewayError) -> dict[str, str]:
    """The headers that tell when to come back, none if that is pointless."""
    if error.retry_after <= 0:
        return {}
    return {"Retry-After": str(math.ceil(error.retry_after))}
