"""The file of a script: a text, and before it what a client saved with it.

Its variables are ``@set`` lines, as in Linkis, so that it runs the same when it is named by its
path. Its configuration is one more such line, ``@conf``, as JSON.
"""

from __future__ import annotations

import re

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
    """The text of a script without the lines before it, and what they say."""
    variables: JsonObject = {}
    conf: JsonObject = {}
    while True:
        line, feed, rest = text.partition("\n")
        if found := _SET.fullmatch(line.rstrip("\r")):
            variables[found[1]] = found[2]
        elif found := _CONF.fullmatch(line):
            try:
                conf = as_object(decode_json(found[1]))
            except GatewayError:
                break
        else:
            break
        text = rest
        if not feed:
            break
    return text, {"variable": variables, "configuration": conf}


def configured(text: str) -> tuple[str, JsonObject]:
    """The text of a script without the line of its configuration, and that."""
    configuration = taken_apart(text)[1]["configuration"]
    if not configuration:
        return text, {}
    lines = text.split("\n")
    place = next(number for number, line in enumerate(lines) if _CONF.fullmatch(line))
    return "\n".join(lines[:place] + lines[place + 1 :]), as_object(configuration)
