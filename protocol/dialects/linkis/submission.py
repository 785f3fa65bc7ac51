"""Reads what ``execute`` and ``submit`` are sent, in all its forms, into one Execute.

Follows the seed, *Request execution*, and the contract, sections 1.2, 3.2 and 3.3: the body is
wrapped as on the websocket, or bare; it holds ``executionCode``, or ``executionContent`` with
labels. Where the seed calls a field not null, its absence is refused with status 2.

Extensions of ours: ``requestId`` makes a repetition safe, ``push: false`` keeps a websocket's
execute from being followed by pushes, and a time limit may stand in the ``timeout`` of
``params.configuration.runtime``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from protocol.commands import Execute
from protocol.dialects.linkis.exec_id import APPLICATION, CREATOR, INSTANCE, nameable
from protocol.dialects.linkis.fields import Fields, invalid
from protocol.dialects.linkis.words import DEFAULT_CREATOR, language
from protocol.errors import GatewayError, Kind
from protocol.http import Request
from protocol.media import JsonObject, decode_object

__all__ = ["body_of", "parse_execute"]

_CODE = "executionCode"
_CONTENT = "executionContent"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_LONGEST_TAG = 256
_LONGEST_PATH = 4096


def body_of(request: Request) -> tuple[Fields, Fields]:
    """The fields that a body carries and the body around them: the same if it is bare."""
    whole = decode_object(request.body)
    inner = whole.get("data")
    if isinstance(inner, dict) and _CODE not in whole and _CONTENT not in whole:
        return Fields(inner, "data."), Fields(whole)
    return Fields(whole), Fields(whole)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the two styles say differently."""

    creator: str
    application: str
    engine: str
    run_type: str
    code: str


def parse_execute(request: Request, instance: str) -> Execute:
    """The command that a body asks for; ``instance`` becomes part of the execID."""
    fields, outer = body_of(request)
    labels, source = fields.object("labels"), fields.object("source")
    asked = _submit(fields, labels) if _CONTENT in fields.values else _execute(fields, source)
    params = fields.object("params")
    params.object("variable")
    configuration = params.object("configuration")
    startup, runtime, special = map(configuration.object, ("startup", "runtime", "special"))
    client: JsonObject = {
        CREATOR: _named(fields.path(CREATOR), asked.creator),
        APPLICATION: _named(fields.path(APPLICATION), asked.application),
        INSTANCE: instance,
        "runType": asked.run_type,
        "websocketTag": _tag(outer) or _tag(fields),
        "scriptPath": _script_path(fields, source),
        "params": params.values,
        "labels": labels.values,
        "source": source.values,
        "push": fields.flag("push", default=True),
    }
    return Execute(
        engine=asked.engine.lower(),
        language=language(asked.run_type),
        code=asked.code,
        dialect="linkis",
        client={name: value for name, value in client.items() if value not in ("", {}, True)},
        parameters={**startup.values, **runtime.values, **special.values},
        request_id=_request_id(fields),
        seconds=labels.seconds("jobRunningTimeout")
        or runtime.seconds("jobRunningTimeout")
        or runtime.seconds("timeout"),
    )


def _execute(fields: Fields, source: Fields) -> _Asked:
    application = fields.needed(APPLICATION)
    run_type = fields.needed("runType")
    code = fields.text(_CODE)
    if not code and _script_path(fields, source):
        raise GatewayError(
            Kind.UNSUPPORTED,
            f"{fields.path(_CODE)} is missing: scripts are not read by their path here",
            field=fields.path(_CODE),
        )
    creator = fields.text(CREATOR).strip() or DEFAULT_CREATOR
    code = _full(fields.path(_CODE), code)
    return _Asked(creator, application, _engine(application), run_type, code)


def _submit(fields: Fields, labels: Fields) -> _Asked:
    content = fields.object(_CONTENT)
    # Both labels are split at the last hyphen: names of users and engines may hold one.
    engine = _engine(labels.needed("engineType"))
    user_creator = labels.text("userCreator").strip()
    if user_creator and "-" not in user_creator:
        raise invalid(labels.path("userCreator"), "must be user-creator")
    creator = user_creator.rpartition("-")[2] or DEFAULT_CREATOR
    run_type = labels.text("codeType").strip() or labels.text("codeLanguageType").strip()
    return _Asked(
        creator,
        engine,
        engine,
        run_type or content.needed("runType"),
        _full(content.path("code"), content.text("code")),
    )


def _engine(application: str) -> str:
    """The engine's name without its version, which follows the last hyphen."""
    return application.rpartition("-")[0] or application


def _full(path: str, code: str) -> str:
    if not code.strip():
        raise invalid(path, "must not be empty")
    return code


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
