"""Reads typed values out of a decoded reply; a reply of another shape is a ClientError.

Nothing here guesses: a missing field is the default only where the caller names one.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import TypeGuard

import orjson

from gateway.client.errors import ClientError
from gateway.client.values import Partial
from protocol.logs import Gap, Line, Stream

__all__ = [
    "Document",
    "decode",
    "error_field",
    "error_number",
    "flag",
    "gaps",
    "line",
    "number",
    "optional",
    "partial",
    "real",
    "refusal",
    "rows",
    "section",
    "text",
]

Document = Mapping[str, object]


def decode(body: bytes | str) -> Document:
    """The JSON object in a reply or a message."""
    try:
        document: object = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ClientError("the gateway's answer is not JSON") from error
    if not _is_document(document):
        raise ClientError("the gateway's answer is not a JSON object")
    return document


def section(document: Document, name: str) -> Document:
    """The object under ``name``; an empty one if there is none."""
    value = document.get(name)
    return value if _is_document(value) else {}


def text(document: Document, name: str, default: str | None = None) -> str:
    """The string under ``name``."""
    value = document.get(name, default)
    if not isinstance(value, str):
        raise _unlike(name, "a string")
    return value


def refusal(document: Document) -> str:
    """Why the gateway refused, without the number that stands before it; empty if it does not say.

    The number is for people who search; programs have the status and the HTTP code.
    """
    data = document.get("data")
    reason = data.get("errorMsg") if _is_document(data) else None
    said = text(reason, "desc", "") if _is_document(reason) else ""
    return said or text(document, "message", "")


def error_number(document: Document) -> int:
    """The number of a refusal, 0 if it has none."""
    value = section(section(document, "data"), "errorMsg").get("errCode")
    return value if isinstance(value, int) else 0


def error_field(document: Document) -> str:
    """The field that a refusal is about, empty if it names none."""
    value = section(document, "data").get("field")
    return value if isinstance(value, str) else ""


def number(document: Document, name: str, default: int | None = None) -> int:
    """The whole number under ``name``; digits in a string count, as some dialects send them."""
    value = document.get(name, default)
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _unlike(name, "a whole number")
    return value


def optional(document: Document, name: str) -> int | None:
    """The whole number under ``name``, or None if there is none."""
    return None if document.get(name) is None else number(document, name)


def real(document: Document, name: str, default: float | None = None) -> float:
    """The number under ``name``, which a job's row has as a text."""
    value = document.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _unlike(name, "a number")
    try:
        return float(value)
    except ValueError as error:
        raise _unlike(name, "a number") from error


def flag(document: Document, name: str, *, default: bool | None = None) -> bool:
    """The truth value under ``name``."""
    value = document.get(name, default)
    if not isinstance(value, bool):
        raise _unlike(name, "true or false")
    return value


def rows(document: Document, name: str) -> tuple[Document, ...]:
    """The array of objects under ``name``."""
    value = document.get(name)
    if not isinstance(value, list):
        raise _unlike(name, "an array")
    found = tuple(row for row in value if _is_document(row))
    if len(found) != len(value):
        raise _unlike(name, "an array of objects")
    return found


def gaps(document: Document) -> tuple[Gap, ...]:
    """The stretches of lines that are no longer kept, as pairs of their first and last."""
    value = document.get("gaps", [])
    if not isinstance(value, list):
        raise _unlike("gaps", "an array")
    return tuple(_gap(pair) for pair in value)


def line(row: Document) -> Line:
    """One element of ``lines``: number, time, stream, text, and which part of a long line.

    A line that is no UTF-8 has its bytes in ``base64``.
    """
    return Line(
        number(row, "n"),
        number(row, "t"),
        Stream.ERR if row.get("s") == "err" else Stream.OUT,
        _bytes(text(row, "base64")) if "base64" in row else text(row, "text").encode(),
        number(row, "part", 0),
        flag(row, "more", default=False),
    )


def partial(row: Document) -> Partial:
    """A glimpse of a line that has not ended."""
    stream = Stream.ERR if row.get("s") == "err" else Stream.OUT
    return Partial(number(row, "n"), stream, text(row, "text"))


def _bytes(encoded: str) -> bytes:
    try:
        return b64decode(encoded, validate=True)
    except ValueError as error:
        raise _unlike("base64", "base64") from error


def _gap(pair: object) -> Gap:
    match pair:
        case [int(first), int(last)]:
            return Gap(first, last)
        case _:
            raise _unlike("gaps", "pairs of line numbers")


def _is_document(value: object) -> TypeGuard[Document]:
    return isinstance(value, dict)


def _unlike(name: str, kind: str) -> ClientError:
    return ClientError(f"the gateway's answer has no {name} that is {kind}")
