"""From a websocket message to a call of the table that HTTP has too.

Follows the contract, section 4.2: a message is the wrapped HTTP body. Its ``method`` is the path;
its ``data`` is the body of a POST and the query of a GET. Extension of ours: ``traceparent`` and
``tracestate`` beside them are what HTTP has in headers of these names.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol.dialect import Frame
from protocol.dialects.linkis.envelope import below
from protocol.dialects.linkis.fields import Fields, invalid
from protocol.dialects.linkis.places import cursor_of
from protocol.errors import GatewayError, Kind
from protocol.http import Request
from protocol.logs import Cursor
from protocol.media import JsonObject, as_object, decode_json, decode_msgpack, encode_json
from protocol.routing import Found, Router, clean_path
from protocol.trace_context import TRACEPARENT, TRACESTATE

__all__ = ["Call", "call_of", "message_of", "method_of", "place_of"]

_ALIASES = {"/ws/user/login": "/api/rest_j/v1/user/login"}
_LONGEST_METHOD = 1024
_LONGEST_TAG = 256


@dataclass(frozen=True, slots=True)
class Call:
    """A message as a request of the table: its method and tag as they came, and its row."""

    method: str
    tag: str
    request: Request
    found: Found

    @property
    def row(self) -> str:
        """The template of its row without the prefix."""
        return below(self.found.route.template)


def message_of(frame: Frame) -> Fields:
    """The fields of a message: JSON in a text frame, msgpack in a binary one."""
    value = decode_msgpack(frame) if isinstance(frame, bytes) else decode_json(frame)
    return Fields(as_object(value))


def method_of(message: Fields) -> str:
    """The method of a message, which must be there."""
    if message.values.get("method") is None:
        raise invalid("method", "is missing")
    return message.text("method", longest=_LONGEST_METHOD)


def call_of(message: Fields, router: Router, now_ms: int, user: str = "") -> Call:
    """The call that a message means; GatewayError of kind NOT_FOUND for an unknown method."""
    method, data = method_of(message), message.object("data")
    path = clean_path(_ALIASES.get(method, method))
    found = router.match("POST", path)
    if not isinstance(found, Found):
        found = router.match("GET", path)
    if not isinstance(found, Found):
        raise GatewayError(Kind.NOT_FOUND, f"unknown method {method!r}", field="method")
    request = Request(
        found.route.method,
        path,
        params=found.params,
        query=_query(data.values),
        headers=_headers(message.values),
        body=encode_json(message.values),
        now_ms=now_ms,
        websocket=True,
        user=user,
    )
    return Call(method, _tag(message) or _tag(data), request, found)


def place_of(request: Request) -> Cursor:
    """Where a subscription begins."""
    return cursor_of(request.query)


def _headers(message: JsonObject) -> dict[str, str]:
    """The trace that a message belongs to. Whatever else stands there is none, and no fault."""
    return {
        name: value
        for name in (TRACEPARENT, TRACESTATE)
        if isinstance(value := message.get(name), str)
    }


def _tag(fields: Fields) -> str:
    return fields.text("websocketTag", longest=_LONGEST_TAG)


def _query(data: JsonObject) -> dict[str, str]:
    """The plain values of an object as a query would hold them."""
    query: dict[str, str] = {}
    for name, value in data.items():
        if isinstance(value, bool):
            query[name] = "true" if value else "false"
        elif isinstance(value, str | int | float):
            query[name] = str(value)
    return query
