"""Collections: items with their total, the offset of the page, and links to the pages around it.

OAR document, *Pagination and common rules into output data*.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote, urlsplit

from protocol.dialects.oar.faults import bad_query
from protocol.dialects.oar.formats import now_of, query_of
from protocol.http import Request
from protocol.media import JsonObject, JsonValue

__all__ = ["Paging", "collected", "link", "number_of", "paged", "paging", "unpaged"]

T = TypeVar("T")

DEFAULT_LIMIT = 500
MAX_LIMIT = 10_000
_NUMBER = re.compile(r"[0-9]{1,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part of a collection is asked for; a limit of 0 is all of it."""

    limit: int = DEFAULT_LIMIT
    offset: int = 0

    def of(self, items: Sequence[T]) -> Sequence[T]:
        """The part of these."""
        if not self.limit:
            return items[self.offset :]
        return items[self.offset : self.offset + self.limit]


def number_of(text: str, name: str) -> int:
    """The whole number from 0 on that a text is.

    Raises:
        OarError: 400.
    """
    if not _NUMBER.fullmatch(text):
        raise bad_query(f"{name} must be a whole number from 0 on")
    return int(text)


def paging(request: Request) -> Paging:
    """Which part is asked for.

    Raises:
        OarError: 400 for what is no number.
    """
    query = query_of(request)
    limit = number_of(query.get("limit") or str(DEFAULT_LIMIT), "limit")
    offset = number_of(query.get("offset") or "0", "offset")
    return Paging(min(limit, MAX_LIMIT), offset)


def link(rel: str, href: str, title: str = "") -> JsonObject:
    """One link."""
    found: JsonObject = {"rel": rel, "href": href}
    return found | ({"title": title} if title else {})


def paged(items: Sequence[JsonValue], total: int, part: Paging, request: Request) -> JsonObject:
    """A page of a collection of ``total`` items; ``items`` are those of the page."""
    if not total:
        return collected([], 0, 0, [], request)
    path, rest = _asked(request)
    if not part.limit:
        links = [link("self", path + (f"?{rest}" if rest else ""))]
        return collected(items, total, part.offset, links, request)
    before = f"{path}?{rest}&" if rest else f"{path}?"
    links = [link("self", f"{before}offset={part.offset}")]
    if part.offset + part.limit < total:
        links.append(link("next", f"{before}offset={part.offset + part.limit}"))
    if part.offset >= part.limit:
        links.append(link("previous", f"{before}offset={part.offset - part.limit}"))
    return collected(items, total, part.offset, links, request)


def unpaged(items: Sequence[JsonValue], request: Request) -> JsonObject:
    """A whole collection, which has one link to itself."""
    return collected(items, len(items), 0, [link("self", _asked(request)[0])], request)


def collected(
    items: Sequence[JsonValue],
    total: int,
    offset: int,
    links: Sequence[JsonObject],
    request: Request,
) -> JsonObject:
    """A collection."""
    return {
        "items": list(items),
        "total": total,
        "offset": offset,
        "links": list(links),
        "api_timestamp": now_of(request),
    }


def _asked(request: Request) -> tuple[str, str]:
    """The path as it was asked for, and the query without an offset."""
    target = urlsplit(request.target)
    pairs = [
        f"{quote(name, safe='')}={quote(value, safe='')}"
        for name, value in query_of(request).pairs
        if name != "offset"
    ]
    return target.path, "&".join(pairs)
