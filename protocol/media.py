"""What bodies and messages are written in: JSON, msgpack and forms, decoded strictly and bounded.

Everything that comes in is refused with a GatewayError of kind INVALID that says in one sentence
what is wrong; what a client sent is never part of the sentence. What goes out is always valid.
This file must never know a dialect or a field.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from typing import TypeAlias, TypeGuard
from urllib.parse import unquote_to_bytes

import msgpack  # type: ignore[import-untyped]  # the package brings no types
import msgspec
import orjson

from protocol.errors import GatewayError, Kind

__all__ = [
    "JsonObject",
    "JsonValue",
    "Written",
    "as_object",
    "decode_form",
    "decode_json",
    "decode_msgpack",
    "decode_object",
    "decode_pairs",
    "encode_json",
    "encode_msgpack",
]

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
"""What JSON can say. A number that needs more than 64 bits is a float."""

JsonObject: TypeAlias = "dict[str, JsonValue]"
"""A JSON object."""

MAX_DEPTH = 100
MAX_VALUES = 100_000
"""How many values a JSON text or message may hold: more keep everybody waiting while they are made.
"""
MAX_FORM_FIELDS = 1000

_COMMA = re.compile(rb'("(?:[^"\\]|\\.)*+"?|[\[{,]\s*+,)|,(?=\s*+[\]}])', re.DOTALL)
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Written(ABC):
    """A value that writes itself, for those that are large and need not become objects first."""

    @abstractmethod
    def json(self) -> bytes:
        """It in JSON."""

    @abstractmethod
    def packed(self) -> bytes:
        """It in msgpack."""


def decode_json(data: bytes | str, *, lenient: bool = False) -> JsonValue:
    """The value that a JSON text stands for; of equal keys the last one counts.

    Refuses what is not strict JSON in UTF-8: ``NaN`` and infinities, also ``1e400``, lone
    surrogates, a byte order mark, nesting beyond MAX_DEPTH and more than about MAX_VALUES values.
    ``lenient`` forgives one comma before a closing bracket.
    """
    try:
        value = _parse(data, lenient=lenient)
    except orjson.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise GatewayError(Kind.INVALID, f"the body is not JSON: {error.msg} at {place}") from error
    except UnicodeEncodeError as error:
        raise GatewayError(Kind.INVALID, "the body is not JSON: it is not valid UTF-8") from error
    _check(value)
    return value


def decode_object(data: bytes | str, *, lenient: bool = False) -> JsonObject:
    """The object that a JSON text stands for; like ``decode_json``, refuses any other value."""
    return as_object(decode_json(data, lenient=lenient))


def as_object(value: JsonValue) -> JsonObject:
    """The value, which must be an object."""
    if not isinstance(value, dict):
        raise GatewayError(Kind.INVALID, "the body must be a JSON object")
    return value


def encode_json(value: object) -> bytes:
    """The value as compact JSON; what is not a finite number becomes null."""
    return orjson.dumps(value, default=_fragment)


def decode_msgpack(data: bytes) -> JsonValue:
    """The value that a msgpack message stands for, if JSON could say it too.

    Refuses binary values, extension types, keys that are no strings, numbers that are not finite,
    text that is not UTF-8, nesting beyond MAX_DEPTH, and bytes before or after the one value.
    """
    try:
        counted = _Counted()
        value: object = msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            max_array_len=MAX_VALUES,
            max_map_len=MAX_VALUES,
            list_hook=counted.list,
            object_hook=counted.map,
        )
    except (ValueError, msgpack.UnpackException) as error:
        raise GatewayError(Kind.INVALID, "the message is not valid msgpack") from error
    if not _check(value):
        raise GatewayError(Kind.INVALID, "the message holds what JSON cannot say")
    return value


def encode_msgpack(value: object) -> bytes:
    """The value as msgpack."""
    return msgspec.msgpack.encode(value, enc_hook=_packed)


def decode_form(data: bytes | str) -> dict[str, str]:
    """The fields of a query string or form body; of equal names the first one counts.

    Read and refused as by ``decode_pairs``.
    """
    fields: dict[str, str] = {}
    for name, value in decode_pairs(data):
        fields.setdefault(name, value)
    return fields


def decode_pairs(data: bytes | str) -> list[tuple[str, str]]:
    """All fields of a query string or form body, in order.

    A field without ``=`` is empty. Refuses broken escapes, text that is not UTF-8, NUL and more
    than MAX_FORM_FIELDS fields.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise GatewayError(Kind.INVALID, "the form is not valid UTF-8") from error
    if text.count("&") >= MAX_FORM_FIELDS:
        raise GatewayError(Kind.INVALID, f"the form has more than {MAX_FORM_FIELDS} fields")
    pairs = []
    for pair in filter(None, text.split("&")):
        name, _, value = pair.partition("=")
        pairs.append((_unquote(name), _unquote(value)))
    return pairs


def _fragment(value: object) -> orjson.Fragment:
    if isinstance(value, Written):
        return orjson.Fragment(value.json())
    raise TypeError


def _packed(value: object) -> msgspec.Raw:
    if isinstance(value, Written):
        return msgspec.Raw(value.packed())
    raise TypeError


def _parse(data: bytes | str, *, lenient: bool) -> JsonValue:
    raw = data.encode() if isinstance(data, str) else data
    if len(raw) > MAX_VALUES and _separators(raw) > MAX_VALUES:
        # Most of them may stand in texts, such as code.
        bare = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
        if bare.count(b'"') > 4 * MAX_VALUES or _separators(_untexted(bare)) > MAX_VALUES:
            raise _too_many()
    try:
        value: JsonValue = orjson.loads(raw)
    except orjson.JSONDecodeError:
        if not lenient:
            raise
        # Strings and commas without a value before them stay; what is left is a trailing comma.
        value = orjson.loads(_COMMA.sub(lambda found: found[1] or b"", raw))
    return value


def _separators(raw: bytes) -> int:
    """At least as many as there are values besides the first, if ``raw`` is JSON without texts."""
    return len(raw) - len(raw.translate(None, b",[{"))


def _untexted(bare: bytes) -> bytes:
    """JSON without its texts; ``bare`` has no escaped quotes."""
    return b"".join(bare.split(b'"')[::2])


def _too_many() -> GatewayError:
    return GatewayError(Kind.TOO_LARGE, f"the body has more than {MAX_VALUES} values")


class _Counted:
    """Counts the values of a message while it is read, and ends that when there are too many."""

    def __init__(self) -> None:
        self._left = MAX_VALUES

    def list(self, values: list[object]) -> list[object]:
        """A list of the message."""
        self._take(len(values) + 1)
        return values

    def map(self, values: dict[object, object]) -> dict[object, object]:
        """A map of the message."""
        self._take(2 * len(values) + 1)
        return values

    def _take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise _too_many()


def _check(value: object) -> TypeGuard[JsonValue]:
    """Whether the value is one that JSON can say; raises if it nests too deep."""
    level: list[object] = [value]
    for _ in range(MAX_DEPTH + 1):
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                if not all(isinstance(key, str) for key in item):
                    return False
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
            elif not _plain(item):
                return False
        if not inner:
            return True
        level = inner
    raise GatewayError(Kind.INVALID, f"the body is nested deeper than {MAX_DEPTH} levels")


def _plain(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | int)


def _unquote(text: str) -> str:
    if _BROKEN_ESCAPE.search(text):
        raise GatewayError(Kind.INVALID, "the form has a broken percent escape")
    try:
        value = unquote_to_bytes(text.replace("+", " ")).decode("utf-8")
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        raise GatewayError(Kind.INVALID, "the form is not valid UTF-8") from error
    if "\0" in value:
        raise GatewayError(Kind.INVALID, "the form holds a NUL")
    return value
