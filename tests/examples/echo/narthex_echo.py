# ruff: noqa: INP001 - it stands alone, as in a project of its own
"""A dialect that answers what it was given: to see the whole of a request, and how one logs in.

It takes a name and a password, and its paths may end in the format of the answer. The other one is
open to the pages of any origin and takes tokens only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from protocol.accounts import Principal
from protocol.command import Command
from protocol.commands.login import WhoAmI
from protocol.dialect import Located, Route
from protocol.errors import GatewayError, Kind
from protocol.forms import nested
from protocol.http import Reply, Request
from protocol.media import JsonObject, JsonValue, encode_json
from protocol.yaml_document import decode_yaml, encode_yaml

__all__ = ["EchoDialect", "OpenDialect"]

_STATUS = {
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.UNSUPPORTED: 415,
    Kind.TOO_LARGE: 413,
    Kind.EXHAUSTED: 429,
}


class OpenDialect:
    """Who asks, and with what."""

    name = "open_echo"
    cookie = ""

    def __init__(self, settings: Mapping[str, object]) -> None:
        del settings
        self.routes: Sequence[Route[Any]] = (
            Route("GET", "/see/exactly", _parse, _render),
            Route("GET", "/see/{rest...}", _parse, _render),
            Route("POST", "/see/{rest...}", _parse, _render),
        )

    def credential(self, headers: Mapping[str, str]) -> None:
        """No headers of its own."""

    def refuse(self, error: GatewayError, request: Request) -> Reply:
        """The sentence in the format that was asked for."""
        said: JsonObject = {"error": error.message, "suffix": request.suffix}
        return _reply(_STATUS.get(error.kind, 400), said, request)


class EchoDialect(OpenDialect):
    """The same with passwords and suffixes."""

    name = "echo"
    realm = "echo"

    def locate(self, path: str) -> Located:
        """Takes ``.yaml`` and ``.json`` off the end."""
        stem, dot, suffix = path.rpartition(".")
        return Located(stem, suffix) if dot and suffix in {"yaml", "json"} else Located(path)


def _parse(request: Request) -> Command[Principal]:
    _body(request)  # what cannot be read is refused before anything is asked
    return WhoAmI()


def _body(request: Request) -> JsonValue:
    kind = request.headers.get("content-type", "").partition(";")[0]
    if not request.body:
        return None
    if kind == "text/yaml":
        return decode_yaml(request.body)
    form = request.form()
    files: JsonObject = {file.field: [file.name, len(file.data)] for file in form.files}
    return {"fields": nested(form.values), "files": files}


def _render(principal: Principal, request: Request) -> Reply:
    said: JsonObject = {
        "user": principal.name,
        "base": request.base,
        "target": request.target,
        "path": request.path,
        "suffix": request.suffix,
        "rest": request.params.get("rest", ""),
        "query": [list(pair) for pair in request.query_values.pairs],
        "body": _body(request),
    }
    return _reply(200, said, request)


def _reply(status: int, said: JsonObject, request: Request) -> Reply:
    if request.suffix == "yaml":
        return Reply(status, encode_yaml(said), "text/yaml")
    return Reply(status, encode_json(said))
