"""What a dialect's package says of its routes and messages, beside the tables of its code.

A package may hold ``openapi.json`` and ``asyncapi.json``. The tables say which routes there are;
these files say what goes in and what comes out. Tests hold the two against each other, and both
against what is really sent.

``openapi.json`` is an object:

- ``title``, ``description``: of the dialect.
- ``aliases``: prefixes of paths that mean another one, which alone is described.
- ``schemas``: JSON schemas by name. A reference is ``{"$ref": "#/schemas/Name"}``.
- ``error``: the schema of a refusal; ``error_media`` its media type.
- ``success``: a schema with the member ``data``, around what an operation's ``data`` says.
- ``operations``: by method and template, such as ``GET /job/{id}``: ``summary``, ``query`` (schemas
  by name), ``required`` (those that must be there), ``body`` (a schema), ``body_media``,
  ``status``, ``also`` (what it may be as well if it is done), ``reply`` or ``data`` (a schema),
  ``reply_media``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from protocol.dialect import Dialect, Route

__all__ = ["Description", "Operation", "described", "messages_of"]

Schema = dict[str, Any]


class Operation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of one route."""

    summary: str
    query: dict[str, Schema] = {}
    required: tuple[str, ...] = ()
    body: Schema | None = None
    body_media: tuple[str, ...] = ("application/json",)
    status: int = 200
    also: tuple[int, ...] = ()
    reply: Schema | None = None
    data: Schema | None = None
    reply_media: tuple[str, ...] = ("application/json",)


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of one dialect."""

    title: str
    description: str = ""
    aliases: dict[str, str] = {}
    schemas: dict[str, Schema] = {}
    error: Schema = {}
    error_media: tuple[str, ...] = ("application/json",)
    success: str = ""
    operations: dict[str, Operation] = {}

    def canonical(self, template: str) -> str:
        """The template under which a route is described, whichever of its prefixes it has."""
        prefixes = sorted({*self.aliases, *self.aliases.values()}, key=len, reverse=True)
        for prefix in prefixes:
            if template == prefix or template.startswith(f"{prefix}/"):
                return self.aliases.get(prefix, prefix) + template.removeprefix(prefix)
        return template

    def of(self, route: Route[Any]) -> Operation | None:
        """What is said of a route; None if nothing is."""
        return self.operations.get(f"{route.method} {self.canonical(route.template)}")


def described(dialect: Dialect) -> Description:
    """What the package of a dialect says of its routes; its name alone if it says nothing."""
    found = _file(_package(dialect), "openapi.json")
    if found is None:
        return Description(dialect.name)
    return msgspec.json.decode(found, type=Description)


def messages_of(dialect: Dialect) -> Mapping[str, Any] | None:
    """The package's ``asyncapi.json``; None if there is none."""
    found = _file(_package(dialect), "asyncapi.json")
    return None if found is None else msgspec.json.decode(found, type=dict[str, Any])


def _package(dialect: Dialect) -> str:
    return type(dialect).__module__.rpartition(".")[0]


@cache
def _file(package: str, name: str) -> bytes | None:
    try:
        return files(package).joinpath(name).read_bytes()
    except (OSError, ModuleNotFoundError, ValueError):
        return None
