"""Reads what ``execute`` and ``submit`` are sent, in all its forms, into one Execute.

Follows the seed, *Request execution*, and the contract, sections 1.2, 3.2 and 3.3: the body is
wrapped as on the websocket, or bare; it holds ``executionCode``, or ``executionContent`` with
labels. Where the seed calls a field not null, its absence is refused with status 2.

Extensions of ours: ``requestId`` makes a repetition safe, ``push: false`` keeps a websocket's
execute from being followed by pushes, ``variables: false`` leaves the code as it is to the letter,
and a time limit may stand in the ``timeout`` of ``params.configuration.runtime``. Each
``secret.NAME`` in ``params.configuration.special`` becomes the variable NAME of the task and is
remembered nowhere else, and each ``env.NAME`` there one that is no secret; ``session`` in its
parameters names a session, or ``none``. ``extras`` has the rest.

What is malformed is a GatewayError of kind INVALID. What can be read and is refused by a rule is a
RuleError: over HTTP that is an error as well, on a websocket it becomes a task that failed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from protocol.commands.tasks import Execute
from protocol.dialects.linkis.exec_id import APPLICATION, CREATOR, INSTANCE, nameable
from protocol.dialects.linkis.extras import with_extras
from protocol.dialects.linkis.fields import Fields, invalid
from protocol.dialects.linkis.misspelt import warnings_of
from protocol.dialects.linkis.signals import warning
from protocol.dialects.linkis.sql import is_empty, most_rows
from protocol.dialects.linkis.variables import substituted
from protocol.dialects.linkis.words import DEFAULT_CREATOR, language
from protocol.errors import GatewayError, Kind
from protocol.http import Request
from protocol.media import JsonObject, decode_object, encode_json

__all__ = [
    "ACKNOWLEDGED",
    "BY_RULE",
    "WARNINGS",
    "RuleError",
    "body_of",
    "engine_of",
    "parse_execute",
]

BY_RULE = frozenset({Kind.INVALID, Kind.EXHAUSTED, Kind.FORBIDDEN, Kind.UNSUPPORTED})
"""Kinds of refusal that may become a task that failed, if the submit itself was well-formed."""

_CODE = "executionCode"
_CONTENT = "executionContent"
WARNINGS = "warnings"
"""The word of a task whose submit had keys that are almost known ones: a sentence for each."""

ACKNOWLEDGED = "ackMethod"
"""The word of a task that was submitted on a websocket: the method of its acknowledgement."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_LONGEST_TAG = 256
_LONGEST_PATH = 4096
_LONGEST_NAME = 256
_SECRET = "secret."  # noqa: S105 - the beginning of a name
_VARIABLE = "env."
_MASK = "******"
_RETRY_COUNT = "jobRetryCount"
_RETRY_SWITCH = "linkis.task.retry.switch"
_RETRY_NUMBER = "linkis.task.retry.num"
_MOST_RETRIES = 100


def body_of(request: Request) -> tuple[Fields, Fields]:
    """The fields that a body carries and the body around them: the same if it is bare."""
    whole = decode_object(request.body)
    inner = whole.get("data")
    if isinstance(inner, dict) and _CODE not in whole and _CONTENT not in whole:
        return Fields(inner, "data."), Fields(whole)
    return Fields(whole), Fields(whole)


class RuleError(GatewayError):
    """A submit that can be understood and is refused; ``execute`` is what it asked for."""

    def __init__(self, error: GatewayError, execute: Execute) -> None:
        super().__init__(error.kind, error.message, field=error.field)
        self.execute = execute


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the two styles say differently."""

    user: str
    creator: str
    application: str
    engine: str
    run_type: str
    code: str
    fault: GatewayError | None = None


def parse_execute(
    request: Request, instance: str, global_variables: Mapping[str, str] | None = None
) -> Execute:
    """The command that a body asks for.

    ``instance`` becomes part of the execID. ``global_variables`` are those that the user keeps.
    """
    fields, outer = body_of(request)
    labels, source = fields.object("labels"), fields.object("source")
    asked = _submit(fields, labels) if _CONTENT in fields.values else _execute(fields)
    params = fields.object("params")
    variables = _variables(params.object("variable"))
    configuration = params.object("configuration")
    startup, runtime, special = map(configuration.object, ("startup", "runtime", "special"))
    secrets, environment = _named_values(special, _SECRET), _named_values(special, _VARIABLE)
    _check_astray(startup, runtime)
    client: JsonObject = {
        CREATOR: _named(fields.path(CREATOR), asked.creator),
        APPLICATION: _named(fields.path(APPLICATION), asked.application),
        INSTANCE: instance,
        "runType": asked.run_type,
        "websocketTag": _tag(outer) or _tag(fields),
        "scriptPath": _script_path(fields, source),
        "params": _masked(params.values, special.values, secrets),
        "labels": labels.values,
        "source": source.values,
        "push": fields.flag("push", default=True),
        ACKNOWLEDGED: request.path if request.websocket else "",
        WARNINGS: [*warnings_of(fields)],
    }
    execute = Execute(
        engine=asked.engine.lower(),
        language=language(asked.run_type),
        code=asked.code,
        dialect="linkis",
        client={name: value for name, value in client.items() if value not in ("", {}, [], True)},
        parameters={
            name: value
            for place in (startup, runtime, special)
            for name, value in place.values.items()
            if value is not None and not name.startswith((_SECRET, _VARIABLE))
        },
        environment=environment,
        secrets=secrets,
        label=asked.creator,
        request_id=_request_id(fields),
        seconds=_seconds("jobRunningTimeout", labels, params, startup, runtime)
        or runtime.seconds("timeout"),
        retries=_retries(labels, startup),
        queue_seconds=_seconds("jobQueuingTimeout", labels, params, startup, runtime),
        hold=fields.flag("hold", default=False),
        warn=warning(fields),
        owner=_other(fields.text("executeUser", longest=_LONGEST_NAME).strip(), request.user),
    )
    execute = with_extras(execute, fields, request.user)
    if asked.fault is not None:
        raise RuleError(asked.fault, execute)
    as_written = not fields.flag("variables", default=True)
    code, fingerprint = execute.code, ""
    try:
        _check_label(asked, execute, request.user)
        if not as_written:
            code = _prepared(execute, asked, variables, request, global_variables)
        if execute.request_id and code != execute.code:
            # A repetition comes later, and its dates may be others.
            then = replace(request, now_ms=0)
            fingerprint = _prepared(execute, asked, variables, then, global_variables)
    except GatewayError as error:
        raise RuleError(error, execute) from error
    rows = 0
    if asked.creator == DEFAULT_CREATOR and not as_written:
        rows = most_rows(execute.code, asked.run_type.lower())
    same = fingerprint == code
    return replace(execute, code=code, fingerprint="" if same else fingerprint, rows=rows)


def _prepared(
    execute: Execute,
    asked: _Asked,
    variables: Mapping[str, str],
    request: Request,
    global_variables: Mapping[str, str] | None,
) -> str:
    """The code as it will run: directives blanked, variables put in."""
    kind = asked.run_type.lower()
    user = execute.owner or request.user
    code = substituted(
        execute.code,
        kind,
        variables,
        user=user,
        now_ms=request.now_ms,
        global_variables=global_variables,
    )
    if not code.strip():
        raise _empty(20015, "nothing is left of the code without its directives")
    if is_empty(code, kind):
        raise _empty(20014, "nothing is left of the code without its comments")
    return code


def _empty(number: int, why: str) -> GatewayError:
    return GatewayError(Kind.INVALID, f"error code({number}): {why}", field=_CODE)


def _check_label(asked: _Asked, execute: Execute, user: str) -> None:
    """The user in ``userCreator`` must be the one for whom the task is (section 2.1)."""
    wanted = execute.owner or user
    if asked.user and wanted and asked.user.lower() != wanted.lower():
        raise GatewayError(
            Kind.FORBIDDEN,
            f"error code(50079): {wanted} has no permission to submit as {asked.user!r}",
            field="labels.userCreator",
        )


def _other(name: str, user: str) -> str:
    """The user to submit for, empty if it is the caller."""
    return "" if name.lower() == user.lower() else name


def _variables(fields: Fields) -> dict[str, str]:
    """``params.variable``: texts, numbers as their digits, true and false; null sets nothing."""
    found: dict[str, str] = {}
    for name, value in fields.values.items():
        if value is None:
            continue
        if not isinstance(value, str | int | float):
            raise invalid(fields.path(name), "must be a string, a number, true or false")
        found[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def _named_values(special: Fields, prefix: str) -> dict[str, str]:
    """``secret.NAME`` or ``env.NAME``: the variable NAME of the task."""
    return {
        name.removeprefix(prefix): special.text(name)
        for name in special.values
        if name.startswith(prefix)
    }


def _check_astray(*places: Fields) -> None:
    """Refuses a secret in a map that is remembered and shown as it is, and a variable beside it."""
    for place in places:
        for name in place.values:
            if name.startswith((_SECRET, _VARIABLE)):
                raise invalid(place.path(name), "must stand in params.configuration.special")


def _seconds(name: str, *places: Fields) -> float:
    """A time limit (section 5.5), from the first place that has one; 0 if none has."""
    return next(filter(None, [place.seconds(name) for place in places]), 0.0)


def _retries(labels: Fields, startup: Fields) -> int:
    """How many retries are asked for (section 5.3): by the label, or by the two settings."""
    asked = labels.count(_RETRY_COUNT, -1, _MOST_RETRIES)
    if asked < 0 and str(startup.values.get(_RETRY_SWITCH)).lower() == "true":
        asked = startup.count(_RETRY_NUMBER, 1, _MOST_RETRIES)
    return max(asked, 0)


def _masked(params: JsonObject, special: JsonObject, secrets: Mapping[str, str]) -> JsonObject:
    """The parameters as they are remembered and shown."""
    if not secrets:
        return params
    hidden: JsonObject = {**special, **{_SECRET + name: _MASK for name in secrets}}
    configuration = params["configuration"]
    known = configuration if isinstance(configuration, dict) else {}
    return {**params, "configuration": {**known, "special": hidden}}


def _execute(fields: Fields) -> _Asked:
    application = fields.needed(APPLICATION)
    run_type = fields.needed("runType")
    code, fault = _code(fields, _CODE)
    creator = fields.text(CREATOR).strip() or DEFAULT_CREATOR
    return _Asked("", creator, application, engine_of(application), run_type, code, fault)


def _submit(fields: Fields, labels: Fields) -> _Asked:
    content = fields.object(_CONTENT)
    # Both labels are split at the last hyphen: names of users and engines may hold one.
    engine = engine_of(labels.needed("engineType"))
    user_creator = labels.text("userCreator").strip()
    if user_creator and "-" not in user_creator:
        raise invalid(labels.path("userCreator"), "must be user-creator")
    user, _, creator = user_creator.rpartition("-")
    creator = creator or DEFAULT_CREATOR
    run_type = labels.text("codeType").strip() or labels.text("codeLanguageType").strip()
    run_type = run_type or content.needed("runType")
    return _Asked(user, creator, engine, engine, run_type, *_code(content, "code"))


def engine_of(application: str) -> str:
    """The engine's name without its version, which follows the last hyphen."""
    return application.rpartition("-")[0] or application


def _code(fields: Fields, name: str) -> tuple[str, GatewayError | None]:
    """The code, and why it is none that can be run.

    The web clients' background jobs have an object for code: that is refused by a rule and not as
    malformed, because an error would stop all their tabs (contract, section 9, point 9).
    """
    value = fields.values.get(name)
    if value is not None and not isinstance(value, str):
        fault = invalid(fields.path(name), "must be a string: jobs that are objects are not run")
        return encode_json(value).decode(), fault
    # Editors of Windows begin a text with a mark that says how it is encoded.
    code = fields.text(name).lstrip("\ufeff")
    if not code.strip():
        raise invalid(fields.path(name), "must not be empty")
    return code, None


def _named(path: str, name: str) -> str:
    if not nameable(name):
        raise invalid(path, "must have 1 to 99 characters, no blanks and none of / \\ % ? #")
    return name


def _tag(fields: Fields) -> str:
    return fields.text("websocketTag", longest=_LONGEST_TAG)


def _script_path(fields: Fields, source: Fields) -> str:
    return source.text("scriptPath", longest=_LONGEST_PATH) or fields.text(
        "scriptPath", longest=_LONGEST_PATH
    )


def _request_id(fields: Fields) -> str:
    text = fields.text("requestId")
    if text and not _REQUEST_ID.fullmatch(text):
        raise invalid(fields.path("requestId"), "must be 1 to 128 of A-Z a-z 0-9 . _ : -")
    return text
