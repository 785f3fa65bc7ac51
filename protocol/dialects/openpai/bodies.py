"""Bodies as OpenPAI's clients send them: JSON, nested forms, either under the wrong name.

Contract 0.2. One command line of the documents labels a form as JSON, the web portal sends JSON
without a type, and some clients send an empty JSON body where there is nothing to say.
"""

from __future__ import annotations

import re

from protocol.dialects.openpai.faults import PaiError, bad_parameters
from protocol.errors import GatewayError, Kind
from protocol.forms import nested, read_form
from protocol.http import Reply, Request
from protocol.media import JsonObject, JsonValue, decode_json, encode_json

__all__ = ["body_object", "body_value", "json_reply", "said"]

_FORM = "application/x-www-form-urlencoded"
_PAIRS = re.compile(rb"\s*[^\s={\[\"]{1,200}=")
_PLACE = re.compile(r"[0-9]{1,4}")
_JSON = "application/json; charset=utf-8"


def body_value(request: Request) -> JsonValue:
    """What a body says; an object without keys if there is none.

    Raises:
        GatewayError: the body is not what it says it is.
    """
    body = request.body
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not body.strip():
        return {}
    if kind.startswith("multipart/"):
        raise bad_parameters("a multipart body is not understood")
    if kind == _FORM or _PAIRS.match(body) is not None:
        return _with_lists(nested(read_form(body, _FORM).values))
    try:
        return decode_json(body)
    except GatewayError as error:
        if error.kind is Kind.TOO_LARGE:
            raise PaiError(Kind.TOO_LARGE, "InvalidParametersError", 413, error.message) from error
        raise bad_parameters(f"the body is no JSON: {error.message}") from error


def _with_lists(value: JsonValue) -> JsonValue:
    """Objects whose keys are places, as in ``taskRoles[0][name]``, are lists.

    Gaps close up, as they do where the original reads its forms.
    """
    if not isinstance(value, dict):
        return value
    found = {key: _with_lists(inner) for key, inner in value.items()}
    if found and all(map(_PLACE.fullmatch, found)):
        return [found[key] for key in sorted(found, key=int)]
    return found


def body_object(request: Request) -> JsonObject:
    """What a body says, which must be an object."""
    value = body_value(request)
    if not isinstance(value, dict):
        raise bad_parameters('"value" must be an object')
    return value


def json_reply(value: JsonValue, status: int = 200, **headers: str) -> Reply:
    """A reply in JSON."""
    return Reply(
        status,
        encode_json(value),
        _JSON,
        {name.replace("_", "-"): text for name, text in headers.items()},
    )


def said(message: str, status: int, **headers: str) -> Reply:
    """The reply of a route that has nothing to tell but that it did what was asked."""
    return json_reply({"message": message}, status, **headers)
