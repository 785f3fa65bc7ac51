"""YAML as it comes in and as it goes out: what JSON can say, by the core schema of YAML 1.2.

One document of bounded size, depth and number of nodes, read event by event without recursion, so
that a thread can do it beside others. Refused are tags, repeated keys, keys that are no scalars,
numbers that are not finite, and aliases once what they stand for would be too much. ``yes`` and
``010`` mean what YAML 1.2 says: a text and the number ten.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import yaml

from protocol.errors import GatewayError, Kind
from protocol.media import JsonObject, JsonValue

__all__ = ["MAX_YAML_BYTES", "decode_yaml", "encode_yaml"]

MAX_YAML_BYTES = 256 * 1024
MAX_DEPTH = 64
MAX_NODES = 20_000
MAX_EXPANDED = 4 * MAX_YAML_BYTES
"""How many characters all scalars may have, counted as often as aliases repeat them."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+", re.ASCII)
_BASED = re.compile(r"0o[0-7]{1,22}|0x[0-9a-fA-F]{1,16}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", re.ASCII)
_LONGEST_INTEGER = 20
_BITS_64 = (-(1 << 63), (1 << 64) - 1)
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@+-]*(?: [A-Za-z0-9_./@+-]+)*", re.ASCII)
_SPECIAL = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def decode_yaml(data: bytes | str) -> JsonValue:
    """The value of the one document in a text.

    Raises:
        GatewayError: TOO_LARGE, or INVALID with the place; what a client sent is never quoted.
    """
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if len(raw) > MAX_YAML_BYTES:
        raise GatewayError(Kind.TOO_LARGE, f"a YAML document has at most {MAX_YAML_BYTES} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise GatewayError(Kind.INVALID, "the body is not valid UTF-8") from error
    document = _Document()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            document.take(event)
    except yaml.YAMLError as error:
        raise _invalid("it cannot be read", getattr(error, "problem_mark", None)) from error
    except (RecursionError, ValueError) as error:
        raise _invalid("it cannot be read", None) from error
    return document.value


@dataclass(slots=True)
class _Frame:
    """A collection that is open: ``key`` is what the next value of a mapping belongs to."""

    value: list[JsonValue] | JsonObject
    anchor: str | None
    nodes: int
    expanded: int
    key: str | None = None


@dataclass(frozen=True, slots=True)
class _Anchored:
    value: JsonValue
    nodes: int
    expanded: int
    text: str | None


class _Document:
    """Builds the value of a stream of events."""

    def __init__(self) -> None:
        self.value: JsonValue = None
        self._frames: list[_Frame] = []
        self._anchors: dict[str, _Anchored] = {}
        self._nodes = 0
        self._expanded = 0
        self._documents = 0

    def take(self, event: Any) -> None:  # noqa: ANN401 - the library's events have one base
        """Goes on with the next event."""
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._open(event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._close(event)
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise _invalid("there is more than one document", event.start_mark)
            case _:
                pass

    def _scalar(self, event: Any) -> None:  # noqa: ANN401 - as above
        _refuse_tag(event)
        text = event.value
        self._spend(1, len(text), event)
        plain = event.implicit[0]
        value = _resolved(text, event) if plain else text
        self._put(value, text, event)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(value, 1, len(text), text)

    def _open(self, event: Any) -> None:  # noqa: ANN401 - as above
        _refuse_tag(event)
        if len(self._frames) >= MAX_DEPTH:
            raise _invalid(f"it is nested deeper than {MAX_DEPTH} levels", event.start_mark)
        before = (self._nodes, self._expanded)
        self._spend(1, 0, event)
        value: list[JsonValue] | JsonObject = (
            [] if isinstance(event, yaml.SequenceStartEvent) else {}
        )
        self._put(value, None, event)
        self._frames.append(_Frame(value, event.anchor, *before))

    def _close(self, event: Any) -> None:  # noqa: ANN401 - as above
        frame = self._frames.pop()
        if frame.anchor is not None:
            self._anchors[frame.anchor] = _Anchored(
                frame.value, self._nodes - frame.nodes, self._expanded - frame.expanded, None
            )
        del event

    def _alias(self, event: Any) -> None:  # noqa: ANN401 - as above
        found = self._anchors.get(event.anchor)
        if found is None:
            raise _invalid("an alias stands for nothing, or for what it is in", event.start_mark)
        self._spend(found.nodes, found.expanded, event)
        self._put(found.value, found.text, event)

    def _put(self, value: JsonValue, text: str | None, event: Any) -> None:  # noqa: ANN401 - as above
        """Puts a node where the next one belongs; ``text`` is how a scalar is written."""
        if not self._frames:
            self.value = value
            return
        frame = self._frames[-1]
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif frame.key is None:
            if text is None:
                raise _invalid("a key is not a scalar", event.start_mark)
            if text in frame.value:
                raise _invalid("a key is repeated", event.start_mark)
            frame.key = text
        else:
            frame.value[frame.key] = value
            frame.key = None

    def _spend(self, nodes: int, expanded: int, event: Any) -> None:  # noqa: ANN401 - as above
        self._nodes += nodes
        self._expanded += expanded
        if self._nodes > MAX_NODES or self._expanded > MAX_EXPANDED:
            raise GatewayError(
                Kind.TOO_LARGE,
                f"the YAML says too much, at line {event.start_mark.line + 1}:"
                f" at most {MAX_NODES} values and {MAX_EXPANDED} characters, aliases counted",
            )


def _refuse_tag(event: Any) -> None:  # noqa: ANN401 - as above
    if event.tag is not None:
        raise _invalid("a tag is not understood", event.start_mark)


def _resolved(text: str, event: Any) -> JsonValue:  # noqa: ANN401 - as above
    """What a plain scalar means by the core schema."""
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    number = _number(text)
    if number is None:
        return text
    if not math.isfinite(number):
        raise _invalid("a number is not finite", event.start_mark)
    return number


def _number(text: str) -> int | float | None:
    """The number that a text is, one of more than 64 bits as a float; None if it is none."""
    if _NOT_FINITE.fullmatch(text):
        return math.inf
    based = _BASED.fullmatch(text)
    if not based and not _FLOAT.fullmatch(text):
        return None
    if based or (len(text) <= _LONGEST_INTEGER and _INTEGER.fullmatch(text)):
        number = int(text, 0) if based else int(text)
        lowest, highest = _BITS_64
        return number if lowest <= number <= highest else float(number)
    return float(text)


def _invalid(why: str, mark: Any) -> GatewayError:  # noqa: ANN401 - as above
    place = f" at line {mark.line + 1} column {mark.column + 1}" if mark is not None else ""
    return GatewayError(Kind.INVALID, f"the YAML is refused: {why}{place}")


def encode_yaml(value: JsonValue) -> bytes:
    """The value as YAML in block style; read the same by YAML 1.1 and 1.2."""
    return ("\n".join(_lines(value)) + "\n").encode()


def _lines(value: JsonValue) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            if isinstance(inner, dict | list) and inner:
                yield f"{_text(key)}:"
                yield from (f"  {line}" for line in _lines(inner))
            else:
                yield f"{_text(key)}: {_scalar(inner)}"
    elif isinstance(value, list) and value:
        for inner in value:
            mark = "- "
            for line in _lines(inner):
                yield f"{mark}{line}"
                mark = "  "
    else:
        yield _scalar(value)


def _scalar(value: JsonValue) -> str:
    if isinstance(value, str):
        return _text(value)
    text = orjson.dumps(value).decode()
    if isinstance(value, float) and "e" in text:
        # YAML 1.1 takes 1e16 for a text: it wants a point, and a sign before the exponent.
        mantissa, _, exponent = text.partition("e")
        point = "" if "." in mantissa else ".0"
        return f"{mantissa}{point}e{exponent if exponent[0] in '+-' else f'+{exponent}'}"
    return text


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _SPECIAL:
        return text
    quoted = orjson.dumps(text).decode()
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)
