"""Replies and messages of a gateway, held against its API documents."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import best_match  # type: ignore[import-untyped]

from gateway.api_documents.asyncapi import asyncapi
from gateway.api_documents.openapi import openapi
from gateway.config import load
from gateway.plugins import load_dialects

__all__ = ["fault", "fault_of", "message_of"]

_PUSHES = {
    "status": "StatusPush",
    "progress": "ProgressPush",
    "waitingSize": "WaitingSizePush",
    "log": "LogPush",
    "lines": "LinesPush",
    "block": "BlockPush",
    "partial": "PartialPush",
    "eof": "EofPush",
}
"""Which message of the document a push is, by the verb in its method."""
_PLACE = re.compile(r"\{(\w+)\.\.\.\}")


def fault(place: list[Any], value: object) -> str:
    """Why something does not fit the documents, a sentence; empty if it does.

    Args:
        place: ``["message", verb]``, or ``["reply", dialect, method, template, status, media type,
            whether there is a body]``.
        value: what it holds if that is JSON.
    """
    if place[0] == "message":
        return _fault_of_message(str(place[1]), value)
    _, dialect, method, template, status, media, has_body = place
    operation = _operations().get((dialect, method, template))
    if operation is None:
        return ""  # of another package, which describes itself
    name = f"{method} {template} of {dialect}: {status}"
    responses = operation["responses"]
    if 200 <= status < 300 and str(status) not in responses:
        return f"{name} is done, with a status that is not described"
    content = _content(responses, status)
    if media and has_body and media not in content:
        return f"{name} has {media}, which is not described"
    if value is None:
        return ""
    error = best_match(_of_content(dialect, method, template, status, media).iter_errors(value))
    return f"{name}: {error.json_path}: {error.message[:300]}" if error else ""


def _content(responses: dict[str, Any], status: int) -> dict[str, dict[str, Any]]:
    """What a reply of a status may hold, by media type without its parameters."""
    content = responses.get(str(status), responses["default"]).get("content", {})
    return {media.partition(";")[0]: said for media, said in content.items()}


def _fault_of_message(verb: str, value: object) -> str:
    named = message_of(verb)
    found = fault_of(named, value)
    if found and named != "Reply" and not fault_of("Reply", value):
        return ""  # an answer to a call of that name
    return found


def message_of(verb: str) -> str:
    """Which message of the document has that verb in its method; only pushes have their own."""
    return _PUSHES.get(verb, "Reply")


def fault_of(name: str, value: object) -> str:
    """Why a value is not that message; empty if it is. A key that is not described is a fault."""
    error = best_match(_of_message(name).iter_errors(value))
    return f"message {name}: {error.json_path}: {error.message[:300]}" if error else ""


@cache
def _document() -> dict[str, Any]:
    return openapi(load_dialects(load(None, {}), "localhost:8080"), "/")


@cache
def _operations() -> dict[tuple[str, str, str], dict[str, Any]]:
    """Every route by dialect, method and template, whatever it is mounted below."""
    paths, found = _document()["paths"], {}
    for mount in load_dialects(load(None, {}), "localhost:8080"):
        for route in mount.dialect.routes:
            path = mount.prefix + _PLACE.sub(r"{\1}", route.template)
            operation = paths[path][route.method.lower()]
            meant = operation.get("x-alias-of")
            if meant:
                operation = paths[meant][route.method.lower()]
            found[mount.dialect.name, route.method, route.template] = operation
    return found


@cache
def _of_content(dialect: str, method: str, template: str, status: int, media: str) -> Any:  # noqa: ANN401 - no types
    responses = _operations()[dialect, method, template]["responses"]
    schema = _content(responses, status)[media].get("schema", {})
    return Draft202012Validator({**schema, "components": _document()["components"]})


@cache
def _of_message(name: str) -> Any:  # noqa: ANN401 - no types
    document = asyncapi(load_dialects(load(None, {}), "localhost:8080"), "localhost:8080")
    text = json.dumps(document["components"]).replace("#/components/schemas/", "#/schemas/")
    parts: dict[str, Any] = json.loads(text)
    payload = _strict(parts["messages"][name]["payload"])
    return Draft202012Validator({**payload, "schemas": _strict(parts["schemas"])})


def _strict(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """The schema with every object closed that names its members."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _strict(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        found["additionalProperties"] = False
    return found
