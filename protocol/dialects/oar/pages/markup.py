"""Markup of pages: everything that is no markup is escaped here, and nowhere else.

A text becomes part of a page through ``text`` or as a value of an attribute through ``tag``; what
these return is markup, of a type of its own, so that a plain text cannot be taken for it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import NewType

from protocol.media import JsonValue

__all__ = ["Markup", "cell", "is_ours", "joined", "link", "prose", "table", "tag", "text"]

_OURS = re.compile(r"/[A-Za-z0-9]", re.ASCII)

Markup = NewType("Markup", str)
"""What is markup already."""


def text(value: JsonValue) -> Markup:
    """A value as text; nothing for null."""
    return Markup("" if value is None else html.escape(str(value)))


def joined(parts: Iterable[Markup]) -> Markup:
    """Parts after one another, on lines of their own."""
    return Markup("\n".join(parts))


def tag(name: str, content: Markup = Markup(""), /, **attributes: str | bool) -> Markup:
    """An element; an attribute ``True`` has no value, one ``False`` is left out.

    An underscore at the end of a name is dropped: ``class_`` is ``class``.
    """
    said = "".join(
        f" {key.rstrip('_')}" + ("" if value is True else f'="{html.escape(str(value))}"')
        for key, value in attributes.items()
        if value is not False
    )
    if name in {"input", "link", "meta"}:
        return Markup(f"<{name}{said}>")
    return Markup(f"<{name}{said}>{content}</{name}>")


def is_ours(address: str) -> bool:
    """Whether an address is a path of this server, which no browser takes for another host's."""
    return _OURS.match(address) is not None


def link(address: str, shown: str, *, current: bool = False) -> Markup:
    """A link within the API; any other address is told and not linked."""
    if not is_ours(address):
        return text(shown)
    here = {"aria-current": "page"} if current else {}
    return tag("a", text(shown), href=address, **here)


def cell(content: Markup) -> Markup:
    """A cell of a table."""
    return tag("td", content)


def prose(content: Markup) -> Markup:
    """A text of several lines as a cell."""
    return tag("td", content, class_="text")


def table(heads: Sequence[str], rows: Iterable[Sequence[Markup]]) -> Markup:
    """A table, that can be scrolled where it is wider than the page."""
    head = tag("tr", Markup("".join(tag("th", text(one), scope="col") for one in heads)))
    body = joined(tag("tr", Markup("".join(map(_celled, row)))) for row in rows)
    inner = joined((tag("thead", head), tag("tbody", body)))
    return tag("div", tag("table", inner), class_="scroll")


def _celled(content: Markup) -> Markup:
    return content if content.startswith("<td") else cell(content)
