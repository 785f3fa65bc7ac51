"""``<% … %>`` in commands: lookups in what the job says of itself.

Only whole lookups such as ``$parameters.a.b`` or ``$data.uri[0]``, no expressions. Values print as
JavaScript prints them, since that is what rendered them in the original.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from protocol.media import JsonValue

__all__ = ["printed", "rendered"]

_OPEN, _CLOSE = "<%", "%>"
_LOOKUP = re.compile(r"\$([A-Za-z_]\w*)((?:\.[A-Za-z_][\w-]*|\[\d{1,6}\])*)", re.ASCII)
_STEP = re.compile(r"\.([A-Za-z_][\w-]*)|\[(\d{1,6})\]", re.ASCII)
_MISSING = object()


def rendered(
    text: str, roots: Mapping[str, JsonValue], unknown: Callable[[str], None] | None = None
) -> str:
    """The text with its tags filled in and blanks at its ends taken off.

    A name that is not there becomes nothing; ``unknown`` hears of it.
    """
    parts: list[str] = []
    at = 0
    while (begin := text.find(_OPEN, at)) >= 0:
        end = text.find(_CLOSE, begin + len(_OPEN))
        if end < 0:
            break
        said = text[begin + len(_OPEN) : end].strip()
        parts += (text[at:begin], _filled(said, roots, unknown))
        at = end + len(_CLOSE)
    parts.append(text[at:])
    return "".join(parts).strip()


def _filled(
    said: str, roots: Mapping[str, JsonValue], unknown: Callable[[str], None] | None
) -> str:
    value = _found(said, roots)
    if value is not _MISSING:
        return printed(value)  # type: ignore[arg-type]  # what is not missing is a value
    if unknown is not None:
        unknown(said[:100])
    return ""


def _found(said: str, roots: Mapping[str, JsonValue]) -> object:
    match = _LOOKUP.fullmatch(said)
    if match is None or match[1] not in roots:
        return _MISSING
    value: JsonValue = roots[match[1]]
    for step in _STEP.finditer(match[2]):
        name, index = step[1], step[2]
        if name is not None and isinstance(value, dict) and name in value:
            value = value[name]
        elif index is not None and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            return _MISSING
    return value


def printed(value: JsonValue) -> str:
    """A value as JavaScript makes a text of it."""
    if value is None or isinstance(value, bool):
        return {None: "", True: "true", False: "false"}[value]
    match value:
        case float() if value == int(value) and abs(value) < 1e21:  # noqa: PLR2004 - from here on JavaScript writes exponents
            return str(int(value))
        case float():
            return repr(value)
        case list():
            return ",".join(map(printed, value))
        case dict():
            return "[object Object]"
        case _:
            return str(value)
