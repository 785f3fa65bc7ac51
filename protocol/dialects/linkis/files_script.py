"""Submissions for which something must be read first: a script by its path, a user's variables.

Follows the contract, section 3.2: the script is read when code is absent. What it says is then
treated like code that came with the request, directives and all; the configuration that is saved
with it holds where the request says nothing else. Code with ``${`` in it may use the user's global
variables (section 7.1); other code is not kept waiting for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from protocol.charsets import charset_of, decoded
from protocol.command import Command, Then
from protocol.commands.files import ReadFile
from protocol.commands.tasks import Execute
from protocol.commands.variables import ListVariables
from protocol.dialects.linkis.code_checks import CodeChecks
from protocol.dialects.linkis.fields import Fields
from protocol.dialects.linkis.scripts import configured
from protocol.dialects.linkis.submission import body_of, parse_execute
from protocol.files import FileContent, file_url
from protocol.http import Request
from protocol.media import JsonObject, as_object, decode_object, encode_json
from protocol.tasks import Task

__all__ = ["SubmitAfter", "parse_submission"]

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class SubmitAfter(Then[A, Task], Generic[A]):
    """A submission for which something is read first.

    ``execute`` is the submission as far as it is known without: what is recorded as refused if
    there is nothing to be read, or what is made of it is refused.
    """

    execute: Execute


def parse_submission(request: Request, instance: str, checks: CodeChecks) -> Command[Task]:
    """What a body asks to be run: code, or else the script that it names."""
    fields, _ = body_of(request)
    content = fields.object("executionContent")
    given = content.values.get("code") or fields.values.get("executionCode")
    code = given if isinstance(given, str) else ""
    path = fields.object("source").text("scriptPath") or fields.text("scriptPath")
    if given or not path:
        return _submission(request, instance, checks, code)
    script = file_url(path, "source.scriptPath")
    known = parse_execute(_with_code(request, path, as_written=True), instance)

    codec = _codec(fields)

    def made(content: FileContent) -> Command[Task]:
        code, saved = configured(decoded(content.data, codec, "source.charset"))
        return _submission(_with_code(request, code, saved), instance, checks, code)

    return SubmitAfter(ReadFile(script), made, known)


def _codec(fields: Fields) -> str:
    """What the script is read with: ``charset`` beside its path, in either place."""
    source = fields.object("source")
    place = source if source.values.get("charset") is not None else fields
    return charset_of(place.text("charset"), place.path("charset"))


def _submission(request: Request, instance: str, checks: CodeChecks, code: str) -> Command[Task]:
    """What a body with this code asks for; what is put into the code is checked like the rest."""
    execute = checks.passed(parse_execute(request, instance))
    if "${" not in code or not body_of(request)[0].flag("variables", default=True):
        return execute

    def filled(known: Mapping[str, str]) -> Execute:
        return checks.passed(parse_execute(request, instance, known))

    return SubmitAfter(ListVariables(execute.owner), filled, execute)


def _with_code(
    request: Request, code: str, saved: JsonObject | None = None, *, as_written: bool = False
) -> Request:
    """The request as if it had brought the code itself, and the configuration ``saved`` with it."""
    body = decode_object(request.body)
    inner = body
    if not {"executionCode", "executionContent"} & body.keys() and isinstance(
        body.get("data"), dict
    ):
        inner = as_object(body["data"])
    if "executionContent" in inner:
        inner["executionContent"] = {**as_object(inner["executionContent"]), "code": code}
    else:
        inner["executionCode"] = code
    if as_written:
        inner["variables"] = False
    if saved:
        params = as_object(inner.get("params") or {})
        asked = as_object(params.get("configuration") or {})
        inner["params"] = {**params, "configuration": _merged(saved, asked)}
    return replace(request, body=encode_json(body))


def _merged(saved: JsonObject, asked: JsonObject) -> JsonObject:
    """Map by map what was saved, and over it what is asked for."""
    merged: JsonObject = {**saved, **asked}
    for name, values in saved.items():
        over = asked.get(name)
        if isinstance(values, dict) and isinstance(over, dict | None):
            merged[name] = {**values, **(over or {})}
    return merged
