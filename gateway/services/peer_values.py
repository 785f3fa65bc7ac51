"""Commands, callers and results as bytes between nodes, and back.

Only what the protocol defines is said: its dataclasses, named tuples and enums by their names, and
plain values. A stream of bytes in a result stands as a mark: its pieces follow apart.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
from collections.abc import AsyncIterable, Mapping
from enum import Enum
from functools import cache
from typing import Any, cast

import msgspec

from protocol.errors import GatewayError, Kind

__all__ = ["decoded", "encoded"]

_MODULE = re.compile(r"protocol(\.[a-z_]+)+", re.ASCII)
_TYPE, _FIELDS, _TUPLE, _VALUE, _PAIRS, _STREAM = "$", "f", "t", "v", "m", "s"
_DEEPEST = 64
_UNREADABLE = (
    *(msgspec.MsgspecError, ImportError, AttributeError, LookupError, TypeError, ValueError),
)


def encoded(value: object) -> tuple[bytes, AsyncIterable[bytes] | None]:
    """A value as bytes, and the one stream in it, if there is one.

    Raises:
        TypeError: something in it is nothing of the protocol.
    """
    streams: list[AsyncIterable[bytes]] = []
    data = msgspec.msgpack.encode(_plain(value, streams))
    if len(streams) > 1:
        raise TypeError("a result has one stream at most")
    return data, streams[0] if streams else None


def decoded(data: bytes, stream: AsyncIterable[bytes] | None = None) -> Any:  # noqa: ANN401 - whatever was said
    """The value of some bytes; ``stream`` stands where it had one.

    Raises:
        GatewayError: INVALID for what is none.
    """
    try:
        return _real(msgspec.msgpack.decode(data), stream, 0)
    except _UNREADABLE as error:
        raise GatewayError(Kind.INVALID, "another node said what this one cannot read") from error


def _plain(value: object, streams: list[AsyncIterable[bytes]]) -> object:
    if isinstance(value, Enum):
        found: object = {_TYPE: _name(type(value)), _VALUE: value.value}
    elif value is None or isinstance(value, bool | int | float | str | bytes):
        found = value
    elif isinstance(value, tuple):
        parts: object = [_plain(one, streams) for one in cast("tuple[object, ...]", value)]
        found = {_TUPLE: parts}
        if hasattr(value, "_fields"):
            found = {_TUPLE: parts, _TYPE: _name(type(cast("object", value)))}
    elif isinstance(value, list):
        found = [_plain(one, streams) for one in cast("list[object]", value)]
    elif isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value).items()
        found = {_PAIRS: [[_plain(key, streams), _plain(one, streams)] for key, one in pairs]}
    elif isinstance(value, AsyncIterable):
        streams.append(cast("AsyncIterable[bytes]", value))
        found = {_STREAM: True}
    elif dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value) if field.init]
        named = {name: _plain(getattr(value, name), streams) for name in names}
        found = {_TYPE: _name(type(value)), _FIELDS: named}
    else:
        raise TypeError(f"nodes do not say {type(value).__name__} to one another")
    return found


def _real(value: object, stream: AsyncIterable[bytes] | None, depth: int) -> object:
    if depth > _DEEPEST:
        raise ValueError("too deep")
    if isinstance(value, list):
        return [_real(one, stream, depth + 1) for one in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    said = cast("dict[str, Any]", value)
    if _PAIRS in said:
        pairs = ((_real(key, None, depth + 1), one) for key, one in said[_PAIRS])
        return {key: _real(one, stream, depth + 1) for key, one in pairs}
    return stream if _STREAM in said else _made(said, stream, depth)


def _made(said: dict[str, Any], stream: AsyncIterable[bytes] | None, depth: int) -> object:
    if _TUPLE in said:
        found = [_real(one, stream, depth + 1) for one in said[_TUPLE]]
        return _kind(said[_TYPE])(*found) if _TYPE in said else tuple(found)
    kind = _kind(said[_TYPE])
    if _VALUE in said:
        return kind(said[_VALUE])
    return kind(**{name: _real(one, stream, depth + 1) for name, one in said[_FIELDS].items()})


def _name(kind: type) -> str:
    if not _MODULE.fullmatch(kind.__module__):
        raise TypeError(f"nodes do not say {kind.__name__} to one another")
    return f"{kind.__module__}:{kind.__qualname__}"


@cache
def _kind(name: str) -> Any:  # noqa: ANN401 - one of the protocol's classes
    module, _, qualified = name.partition(":")
    if not _MODULE.fullmatch(module) or not qualified.isidentifier():
        raise ValueError(f"{name} is nothing of the protocol")
    found = getattr(importlib.import_module(module), qualified)
    plain = isinstance(found, type) and (
        dataclasses.is_dataclass(found) or issubclass(found, Enum | tuple)
    )
    if not plain or found.__module__ != module:
        raise ValueError(f"{name} is nothing of the protocol")
    return found
