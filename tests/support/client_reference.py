"""Writes the reference of the Python client from its code: each public name and signature.

``python -m tests.support.client_reference`` puts it into the page; a test holds the page to it.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gateway.client
from gateway.client import Asked, ClientError

__all__ = ["BEGIN", "PAGE", "reference", "signature"]

PAGE = Path(__file__).resolve().parents[2] / "gateway" / "docs" / "client.md"
BEGIN = "<!-- From here on written by tests/support/client_reference.py -->\n"

_OBJECTS = ("Client", "Task", "Completed", "Result", "Page", "Files", "Control")
_LATER = ("AsyncClient", "AsyncTask", "AsyncCompleted", "AsyncResult", "AsyncFiles", "AsyncControl")


def reference() -> str:
    """All of it, as Markdown."""
    return "\n".join([*_options(), *_objects(), *_later(), *_values(), *_errors(), *_others()])


def signature(function: object) -> str:
    """How a function is called, as one reads it in the code."""
    if isinstance(function, property):
        return ""
    assert callable(function)
    found = inspect.signature(function)
    shown: list[str] = []
    for parameter in found.parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in "".join(shown):
            shown.append("*")
        word = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        text = f"{word}{parameter.name}: {parameter.annotation}"
        if parameter.default is not parameter.empty:
            text += f" = {parameter.default!r}"
        shown.append(text)
    back = "" if found.return_annotation in (found.empty, "None") else found.return_annotation
    return f"({', '.join(shown)})" + (f" -> {back}" if back else "")


def _options() -> Iterator[str]:
    yield "## What a task may have\n"
    yield "`execute`, `run` and `stream` take these by name (`Asked`).\n"
    yield "| Name | Type |\n|---|---|"
    for name, kind in Asked.__annotations__.items():
        text = kind.__forward_arg__ if hasattr(kind, "__forward_arg__") else str(kind)
        yield f"| `{name}` | `{text.replace('|', chr(92) + '|')}` |"
    yield f"\n{_prose(Asked)}\n"


def _objects() -> Iterator[str]:
    for name in _OBJECTS:
        kind = getattr(gateway.client, name)
        yield f"## {name}\n"
        if name == "Client":
            yield f"`Client{signature(kind.__init__)}`\n"
        yield f"{_prose(kind)}\n"
        if dataclasses.is_dataclass(kind):
            yield f"{_fields(kind)}\n"
        for member, value in _members(kind):
            yield f"**`{member}{signature(value)}`**  \n{_prose(value)}\n"


def _later() -> Iterator[str]:
    yield "## The same for asyncio\n"
    yield (
        f"{', '.join(f'`{name}`' for name in _LATER)} have the same names. What asks the gateway is"
        " awaited; what yields (`lines`, `follow`, `news`, `stream`, `pages`, `rows`, `dicts`) is"
        " for `async for`.\n"
    )


def _values() -> Iterator[str]:
    yield "## Values\n"
    yield "Frozen, and equal if all that they hold is.\n"
    for name in gateway.client.__all__:
        kind = getattr(gateway.client, name)
        if not dataclasses.is_dataclass(kind) or name in (*_OBJECTS, *_LATER):
            continue
        yield f"**`{name}`**: {_fields(kind)}  \n{_prose(kind)}\n"


def _errors() -> Iterator[str]:
    yield "## Errors\n"
    yield f"{_prose(ClientError)}\n"
    yield "| Error | Is a | Means |\n|---|---|---|"
    for name in gateway.client.__all__:
        kind = getattr(gateway.client, name)
        if isinstance(kind, type) and issubclass(kind, ClientError):
            above = kind.__bases__[0].__name__
            yield f"| `{name}` | `{above}` | {_prose(kind).partition(chr(10))[0]} |"
    yield ""


def _others() -> Iterator[str]:
    yield "## Words\n"
    for name in ("ACTIVE_WORDS", "FINAL_WORDS"):
        words = ", ".join(f"`{word}`" for word in sorted(getattr(gateway.client, name)))
        yield f"`{name}`: {words}.\n"
    yield "`News`: what `news` and `stream` tell: `Submitted`, `StateChanged`, `ProgressChanged`,"
    yield "`Partial`, `Line`, `Gap`, and once and last `End`.\n"


def _members(kind: type) -> list[tuple[str, object]]:
    """The public methods and properties of a class, in the order of the code."""
    return list(
        {
            name: value
            for one in reversed(kind.__mro__)
            for name, value in vars(one).items()
            if not name.startswith("_")
            and (inspect.isfunction(value) or isinstance(value, property))
        }.items()
    )


def _fields(kind: Any) -> str:  # noqa: ANN401 - any dataclass
    return ", ".join(f"`{one.name}`" for one in dataclasses.fields(kind))


def _prose(thing: object) -> str:
    """A docstring as Markdown: one line a paragraph, its code in single backquotes."""
    text = inspect.getdoc(thing) or ""
    text = re.sub(r"``(.+?)``", r"`\1`", text, flags=re.DOTALL)
    parts: list[str] = []
    for part in text.split("\n\n"):
        head, _, rest = part.partition("\n")
        if head == "Example:":
            code = " ".join(line.strip() for line in rest.splitlines()).strip("`")
            code = code.replace("; ", "\n").replace(": print", ":\n    print")
            parts.append(f"```py\n{code}\n```")
        elif head in {"Args:", "Raises:"}:
            lines = re.sub(r"\n {4,}(?= )", " ", rest)
            lines = re.sub(r"\s*\n {8,}", " ", rest)
            parts.append("\n".join(f"- {line.strip()}" for line in lines.splitlines()))
        else:
            parts.append(" ".join(line.strip() for line in part.splitlines()))
    return "\n\n".join(parts)


if __name__ == "__main__":
    head = PAGE.read_text("utf-8").partition(BEGIN)[0]
    PAGE.write_text(head + BEGIN + "\n" + reference(), "utf-8")
