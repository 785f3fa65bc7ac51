"""Submissions for which something must be read first: a script by its path, a user's variables.

Follows the contract, section 3.2: the script is read when code is absent. What it says is then
treated like code that came with the request, directives and all; the configuration that is saved
with it holds where the request says nothing else. Code with ``${`` in it may use the user's global
variables (section 7.1); other code is not kept waiting for them.
"""

from __future__ import annotations

from dataclasses import replace

from protocol.commands import Execute
from protocol.dialects.linkis.code_checks import CodeChecks
from protocol.dialects.linkis.scripts import configured
from protocol.dialects.linkis.submission import body_of, parse_execute
from protocol.files import ExecuteScript, file_url
from protocol.http import Request
from protocol.media import JsonObject, as_object, decode_object, encode_json
from protocol.variables import ExecuteFilled

__all__ = ["parse_submission"]


def parse_submission(
    request: Request, instance: str, checks: CodeChecks
) -> Execute | ExecuteFilled | ExecuteScript:
    """What a body asks to be run: code, or else the script that it names."""
    fields, _ = body_of(request)
    content = fields.object("executionContent")
    code = content.text("code") or fields.text("executionCode")
    path = fields.object("source").text("scriptPath") or fields.text("scriptPath")
    if code or not path:
        return _submission(request, instance, checks, code)
    script = file_url(path, "source.scriptPath")
    known = parse_execute(_with_code(request, path, as_written=True), instance)

    def made(text: str) -> Execute | ExecuteFilled:
        code, saved = configured(text)
        return _submission(_with_code(request, code, saved), instance, checks, code)

    return ExecuteScript(script, known, made)


def _submission(
    request: Request, instance: str, checks: CodeChecks, code: str
) -> Execute | ExecuteFilled:
    """What a body with this code asks for; what is put into the code is checked like the rest."""
    execute = checks.passed(parse_execute(request, instance))
    if "${" not in code or not body_of(request)[0].flag("variables", default=True):
        return execute
    return ExecuteFilled(
        execute, lambda known: checks.passed(parse_execute(request, instance, known))
    )


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
