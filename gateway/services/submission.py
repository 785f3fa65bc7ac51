"""What may be submitted: every bound of a task's request, held before anything is created.

Pure. Refuses with the field at fault; what a client sent is quoted only where it is short and safe.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import replace

import msgspec

from engines.contract import Capabilities
from gateway.config import Limits
from gateway.services.control_rules import MOST_TAGS, check_tags
from gateway.services.wants import check_start, check_wants
from gateway.stores.spec import TaskSpec, taken_over
from protocol.commands.tasks import Execute
from protocol.errors import GatewayError, Kind, Subject
from protocol.run_limits import asked_limits
from protocol.tasks import Again

__all__ = ["again_of", "body_hash", "check", "check_bounds", "placed"]

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.~-]{0,255}", re.ASCII)
"""Names with a dot, a tilde or a hyphen are there for programs; no shell can read them."""
_STEERING = frozenset({"BASH_ENV", "ENV", "IFS", "PATH", "PYTHONSTARTUP", "SHELLOPTS", "BASHOPTS"})
_STEERING_PREFIXES = ("LD_", "NARTHEX_", "BASH_FUNC_", "PYTHON", "DYLD_")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_MOST_RETRIES = 100
_MAX_NAME = 128
_NO_SPACE = ("", "")
"""Stands in digests for a field that there was, so that repetitions of then are still known."""
_MAX_HOME = 1024
_MAX_REQUEST_ID = 256
_MOST_CODE = 255
_SIGNALS = 65


def check(command: Execute, engines: Mapping[str, Capabilities], limits: Limits) -> None:
    """Refuses a submission that cannot be run as asked.

    Raises:
        GatewayError: INVALID or TOO_LARGE, with the field.
    """
    _check_engine(command, engines)
    check_bounds(command, limits)


def check_bounds(command: Execute, limits: Limits) -> None:
    """Refuses a submission that cannot even be recorded, whatever engine it asks for.

    Raises:
        GatewayError: INVALID or TOO_LARGE, with the field.
    """
    _check_text("code", command.code, limits.code_bytes)
    _check_environment({**command.environment, **command.secrets}, limits.environment_bytes)
    _check_words("parameters", command.parameters, limits.parameters_bytes)
    _check_words("client", command.client, limits.parameters_bytes)
    _check_name("name", command.name, _MAX_NAME)
    _check_name("label", command.label, _MAX_NAME)
    _check_name("request_id", command.request_id, _MAX_REQUEST_ID)
    if len(command.inputs) > limits.inputs:
        raise GatewayError(
            Kind.TOO_LARGE, f"a task takes at most {limits.inputs} files", field="inputs"
        )
    _check_seconds("seconds", command.seconds)
    _check_seconds("queue_seconds", command.queue_seconds)
    asked_limits(command.parameters)
    if command.wants is not None:
        check_wants(command.wants)
    check_start(command)
    if command.again is not None:
        _check_again(command.again)
    _check_name("home", command.home, _MAX_HOME)
    check_tags(*command.tags)
    if len(command.tags) > MOST_TAGS:
        raise GatewayError(Kind.TOO_LARGE, f"a task has at most {MOST_TAGS} tags", field="tags")
    for part in command.outputs:
        _check_name("outputs", part, _MAX_HOME)
    if not 0 <= command.retries <= _MOST_RETRIES:
        raise GatewayError(
            Kind.INVALID, f"a task is retried 0 to {_MOST_RETRIES} times", field="retries"
        )
    if command.life_seconds < 0:
        raise GatewayError(
            Kind.INVALID, "the time to live must not be negative", field="life_seconds"
        )


def placed(command: Execute, engines: Mapping[str, Capabilities]) -> Execute:
    """The submission for an engine that is enabled: the one it names, or one that stands for it."""
    if command.engine in engines:
        return command
    for name, known in engines.items():
        if command.engine in known.stands_for:
            return replace(command, engine=name)
    return command


def again_of(spec: TaskSpec, code: str, request_id: str) -> Execute:
    """What a task was given, to be run once more at once; ``code`` in place of its own if any."""
    asked = taken_over(spec) | {
        "code": code or spec.code,
        "request_id": request_id,
        "owner": "",
        "name": "",
        "hold": False,
        "start_at_ms": 0,
        "after": (),
        "again": None,
    }
    return Execute(**asked)


def body_hash(command: Execute) -> str:
    """A digest of what is asked for, by which a repetition is told from another request."""
    asked: tuple[object, ...] = (
        command.engine,
        command.language,
        command.fingerprint or command.code,
        command.dialect,
        command.parameters,
        command.environment,
        command.inputs,
        command.name,
        command.seconds,
        command.life_seconds,
        command.secrets,
        command.label,
        command.queue_seconds,
        command.retries,
    )
    # Only if one is given: what was asked for before there was any has the digest that it had.
    further = (
        command.wants,
        command.hold,
        command.start_at_ms,
        command.after,
        command.warn,
        command.home,
        _NO_SPACE,
        command.shared,
    )
    if further != (None, False, 0, (), None, "", _NO_SPACE, False):
        asked += further
    if command.tags:
        asked += (command.tags,)
    if command.outputs != ("", ""):
        asked += ("outputs", command.outputs)
    if command.again is not None:
        asked += (command.again,)
    return hashlib.sha256(msgspec.msgpack.encode(asked, order="deterministic")).hexdigest()


def _check_again(again: Again) -> None:
    _check_name("again", again.word, _MAX_NAME)
    if not (0 <= again.exit_code <= _MOST_CODE and 0 <= again.signal < _SIGNALS):
        raise GatewayError(
            Kind.INVALID, f"a task ends with a code from 0 to {_MOST_CODE}", field="again"
        )


def _check_engine(command: Execute, engines: Mapping[str, Capabilities]) -> None:
    found = engines.get(command.engine)
    if found is None:
        raise GatewayError(
            Kind.INVALID,
            f"unknown engine {_quoted(command.engine)} (available: {', '.join(sorted(engines))})",
            field="engine",
            subject=Subject.ENGINE,
        )
    if command.language not in found.languages:
        raise GatewayError(
            Kind.INVALID,
            f"engine {command.engine} does not run {_quoted(command.language)}:"
            f" it runs {', '.join(sorted(found.languages))}",
            field="language",
            subject=Subject.ENGINE,
        )


def _check_text(field: str, text: str, max_bytes: int) -> None:
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise GatewayError(Kind.INVALID, f"the {field} is not valid text", field=field) from error
    if "\0" in text:
        raise GatewayError(Kind.INVALID, f"the {field} holds a NUL character", field=field)
    if size > max_bytes:
        raise GatewayError(
            Kind.TOO_LARGE, f"the {field} has {size} bytes, at most {max_bytes} fit", field=field
        )


def _check_environment(environment: Mapping[str, str], max_bytes: int) -> None:
    size = 0
    for name, value in environment.items():
        if not _VARIABLE.fullmatch(name):
            raise GatewayError(
                Kind.INVALID, f"{_quoted(name)} is no name of a variable", field="environment"
            )
        if name in _STEERING or name.startswith(_STEERING_PREFIXES):
            raise GatewayError(
                Kind.INVALID, f"variable {name} may not be set", field=f"environment.{name}"
            )
        _check_text(f"environment.{name}", value, max_bytes)
        size += len(name) + len(value.encode("utf-8")) + 2
    if size > max_bytes:
        raise GatewayError(
            Kind.TOO_LARGE,
            f"the environment has {size} bytes, at most {max_bytes} fit",
            field="environment",
        )


def _check_words(field: str, words: Mapping[str, object], max_bytes: int) -> None:
    try:
        size = len(msgspec.msgpack.encode(words))
    except (OverflowError, TypeError, ValueError, RecursionError) as error:
        raise GatewayError(
            Kind.INVALID, f"the {field} hold a value that cannot be kept exactly", field=field
        ) from error
    if size > max_bytes:
        raise GatewayError(
            Kind.TOO_LARGE, f"the {field} have {size} bytes, at most {max_bytes} fit", field=field
        )


def _check_seconds(field: str, seconds: float) -> None:
    if not math.isfinite(seconds) or seconds < 0:
        raise GatewayError(
            Kind.INVALID, "the time limit must be a number of seconds from 0 on", field=field
        )


def _check_name(field: str, text: str, max_bytes: int) -> None:
    _check_text(field, text, max_bytes)
    if _CONTROL.search(text):
        raise GatewayError(Kind.INVALID, f"the {field} holds a control character", field=field)


def _quoted(text: str) -> str:
    shown = text if len(text) <= 40 else f"{text[:40]}..."  # noqa: PLR2004 - short enough for a sentence
    return repr(shown)
