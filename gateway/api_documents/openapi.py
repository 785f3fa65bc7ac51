"""The OpenAPI 3.1 document: every row of every mounted dialect's table.

The tables are the one source of which routes there are and who may ask. What goes in and out is
said by the dialects' packages. A route under a further prefix refers to the one that is described.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.api_documents.descriptions import Description, Operation, Schema, described
from gateway.plugins import Mount
from gateway.version import __version__
from protocol.accounts import Reads
from protocol.dialect import PasswordDialect, Route

__all__ = ["openapi"]

_PLACE = re.compile(r"\{(\w+)(\.\.\.)?\}")


def openapi(mounts: Sequence[Mount], address: str) -> dict[str, Any]:
    """The document of what is mounted, for clients that reach it at ``address`` (a URL)."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Schema] = {}
    tags = []
    for mount in mounts:
        said = described(mount.dialect)
        tags.append({"name": mount.dialect.name, "description": said.description or said.title})
        schemas.update(_schemas(mount.dialect.name, said))
        for path, method, operation in _operations(mount, said):
            paths.setdefault(path, {}).setdefault(method, operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Narthex",
            "version": __version__,
            "summary": "An execution gateway: several job APIs on one core.",
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": address}],
        "tags": tags,
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": _security(mounts)},
    }


def _operations(mount: Mount, said: Description) -> Iterator[tuple[str, str, dict[str, Any]]]:
    name = mount.dialect.name
    schemes: list[dict[str, list[str]]] = [{scheme: []} for scheme in _security([mount])]
    for route in mount.dialect.routes:
        meant = said.canonical(route.template)
        if meant == route.template:
            words = _words(mount, route, said.of(route) or Operation(_summary(route)), said)
        else:
            words = _alias(mount, route, _place(mount, meant))
        public = route.open or Reads.PUBLIC in {mount.reads, route.reads}
        words["security"] = [] if public else schemes
        words["operationId"] = _identity(name, route)
        yield _place(mount, route.template), route.method.lower(), words


def _alias(mount: Mount, route: Route[Any], meant: str) -> dict[str, Any]:
    """A route under a further prefix: what it means is said once."""
    return {
        "tags": [mount.dialect.name],
        "summary": f"The same as {meant}.",
        "x-alias-of": meant,
        "parameters": list(_parameters(mount.dialect.name, route, Operation(""))),
        "responses": {"default": {"description": f"As of {meant}."}},
    }


def _place(mount: Mount, template: str) -> str:
    return mount.prefix + _PLACE.sub(r"{\1}", template)


def _words(
    mount: Mount, route: Route[Any], operation: Operation, said: Description
) -> dict[str, Any]:
    """The operation object of a route."""
    name = mount.dialect.name
    words: dict[str, Any] = {"tags": [name], "summary": operation.summary}
    if parameters := list(_parameters(name, route, operation)):
        words["parameters"] = parameters
    if operation.body is not None:
        schema = _within(name, operation.body)
        content = {media: {"schema": schema} for media in operation.body_media}
        words["requestBody"] = {"content": content}
    words["responses"] = {
        **{
            str(status): _reply(name, operation, said)
            for status in (operation.status, *operation.also)
        },
        "default": {
            "description": "The request is refused.",
            "content": {media: _content(name, said.error) for media in said.error_media},
        },
    }
    return words


def _parameters(name: str, route: Route[Any], operation: Operation) -> Iterator[dict[str, Any]]:
    for found in _PLACE.finditer(route.template):
        text: dict[str, Any] = {"name": found[1], "in": "path", "required": True}
        if found[2]:
            text["description"] = "One or more segments."
        yield text | {"schema": {"type": "string", "minLength": 1}}
    for key, schema in operation.query.items():
        wanted = {"required": True} if key in operation.required else {}
        yield {"name": key, "in": "query", **wanted, "schema": _within(name, schema)}


def _reply(name: str, operation: Operation, said: Description) -> dict[str, Any]:
    schema: Schema | None = operation.reply
    if operation.data is not None and said.success:
        schema = {
            "allOf": [
                {"$ref": f"#/schemas/{said.success}"},
                {"properties": {"data": operation.data}},
            ]
        }
    found: dict[str, Any] = {"description": "It is done, or this is what was asked for."}
    if operation.reply_media:
        found["content"] = {
            media: _content(name, schema if "json" in media else {"type": "string"})
            for media in operation.reply_media
        }
    return found


def _content(name: str, schema: Schema | None) -> dict[str, Any]:
    return {"schema": _within(name, schema)} if schema else {}


def _schemas(name: str, said: Description) -> dict[str, Schema]:
    return {f"{name}.{key}": _within(name, schema) for key, schema in said.schemas.items()}


def _within(name: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    """A schema with its references in the whole document."""
    if isinstance(value, dict):
        return {
            key: f"#/components/schemas/{name}.{item.removeprefix('#/schemas/')}"
            if key == "$ref" and isinstance(item, str)
            else _within(name, item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_within(name, item) for item in value]
    return value


def _security(mounts: Sequence[Mount]) -> Mapping[str, Any]:
    found: dict[str, Any] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    }
    for mount in mounts:
        name = mount.dialect.name
        if mount.dialect.cookie:
            cookie = {"type": "apiKey", "in": "cookie", "name": mount.dialect.cookie}
            found[f"{name}_cookie"] = cookie
        if isinstance(mount.dialect, PasswordDialect):
            found[f"{name}_password"] = {"type": "http", "scheme": "basic"}
    return found


def _summary(route: Route[Any]) -> str:
    """What the code says of a route of which its package says nothing."""
    text = (getattr(route.parse, "__doc__", "") or "").strip()
    return text.partition("\n")[0] or f"{route.method} {route.template}"


def _identity(name: str, route: Route[Any]) -> str:
    words = re.sub(r"\W+", "_", route.template).strip("_") or "root"
    return f"{name}_{route.method.lower()}_{words}"
