"""What may be submitted: every bound of a task's request, held before anything is created.

Pure. Refuses with the field at fault; what a client sent is quoted only where it is short and safe.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping

import msgspec

from engines.contract import Capabilities
from gateway.config import Limits
from protocol.commands import Execute
from protocol.errors import GatewayError, Kind

__all__ = ["body_hash", "check", "check_bounds"]

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}", re.ASCII)
_STEERING = frozenset({"BASH_ENV", "ENV", "IFS", "PATH", "PYTHONSTARTUP", "SHELLOPTS", "BASHOPTS"})
_STEERING_PREFIXES = ("LD_", "NARTHEX_", "BASH_FUNC_", "PYTHON", "DYLD_")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_MOST_RETRIES = 100
_MAX_NAME = 128
_MAX_REQUEST_ID = 256


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
    if not 0 <= command.retries <= _MOST_RETRIES:
        raise GatewayError(
            Kind.INVALID, f"a task is retried 0 to {_MOST_RETRIES} times", field="retries"
        )
    if command.life_seconds < 0:
        raise GatewayError(
            Kind.INVALID, "the time to live must not be negative", field="life_seconds"
        )


def body_hash(command: Execute) -> str:
    """A digest of what is asked for, by which a repetition is told from another request."""
    asked = (
        command.engine,
        command.language,
        command.alike or command.code,
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
    return hashlib.sha256(msgspec.msgpack.encode(asked, order="deterministic")).hexdigest()


def _check_engine(command: Execute, engines: Mapping[str, Capabilities]) -> None:
    found = engines.get(command.engine)
    if found is None:
        raise GatewayError(
            Kind.INVALID,
            f"there is no engine {_quoted(command.engine)}: there are {', '.join(sorted(engines))}",
            field="engine",
        )
    if command.language not in found.languages:
        raise GatewayError(
            Kind.INVALID,
            f"engine {command.engine} does not run {_quoted(command.language)}:"
            f" it runs {', '.join(sorted(found.languages))}",
            field="language",
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
