"""The file of a script: a text, and before it what a client saved with it.

Its variables are ``@set`` lines, as in Linkis, so that it runs the same when it is named by its
path. Its configuration is one more such line, ``@conf``, as JSON.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from protocol.dialects.linkis.fields import Fields, invalid
from protocol.errors import GatewayError
from protocol.files import FilePath
from protocol.media import JsonObject, as_object, decode_json, encode_json

__all__ = ["configured", "put_together", "taken_apart"]

_SET = re.compile(r"(?:--|#|//|!!)\s*@set\s+([^=\s]+)\s*=\s*(.*)")
_CONF = re.compile(r"(?:--|#|//|!!)\s*@conf\s+(\{.*\})\s*")
_MARKERS = {
    **dict.fromkeys(("sql", "hql", "jdbc", "psql", "fql", "tsql"), "--"),
    **dict.fromkeys(("py", "python", "sh", "shell", "r", "ngql"), "#"),
    "scala": "//",
    "java": "!!",
}
_VARIABLE = re.compile(r"[^\s=]{1,256}")


def put_together(path: FilePath, text: str, params: Fields) -> str:
    """The file of a script: a line for each variable, one for the configuration, the text."""
    marker = _MARKERS.get(path.parts[-1].rpartition(".")[2].lower(), "") if path.parts else ""
    variables, conf = params.object("variable"), params.object("configuration")
    lines = []
    for name, value in variables.values.items():
        shown = value if isinstance(value, str) else encode_json(value).decode()
        if not _VARIABLE.fullmatch(name) or "\n" in shown or "\r" in shown:
            raise invalid(params.path("variable"), "holds a name or value that is not one line")
        lines.append(f"{marker}@set {name}={shown}")
    if any(conf.values.values()):
        lines.append(f"{marker}@conf {encode_json(conf.values).decode()}")
    return "\n".join((*lines, text)) if marker else text


def taken_apart(text: str) -> tuple[str, JsonObject]:
    """The text of a script without the lines before it, and what they say.

    A mark of its encoding, with which editors of Windows begin a text, is none of either.
    """
    text = text.lstrip("\ufeff")
    head = _head(text)
    return text[head.end :], {"variable": head.variables, "configuration": head.configuration}


def configured(text: str) -> tuple[str, JsonObject]:
    """The text of a script with its configuration's line blank, and that configuration."""
    text = text.lstrip("\ufeff")
    head = _head(text)
    if not head.configuration:
        return text, {}
    begin, end = head.conf_line
    # Errors name the lines of the file.
    return f"{text[:begin]}\n{text[end:]}", head.configuration


class _Head(NamedTuple):
    """The lines before a script: where they end, and where the last configuration stands."""

    end: int
    variables: JsonObject
    configuration: JsonObject
    conf_line: tuple[int, int]


def _head(text: str) -> _Head:
    """Reads the lines one after another, each of them once: there may be very many."""
    variables: JsonObject = {}
    conf: JsonObject = {}
    place, conf_line = 0, (0, 0)
    while place < len(text):
        feed = text.find("\n", place)
        end = len(text) if feed < 0 else feed
        following = len(text) if feed < 0 else feed + 1
        if found := _SET.fullmatch(text[place:end].rstrip("\r")):
            variables[found[1]] = found[2]
        elif found := _CONF.fullmatch(text[place:end]):
            try:
                conf = as_object(decode_json(found[1]))
            except GatewayError:
                break
            conf_line = (place, following)
        else:
            break
        place = following
    return _Head(place, variables, conf, conf_line)
