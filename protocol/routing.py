"""From a path to a row of a table: paths are decoded, normalised and refused here, once.

Nothing behind this file decodes a path again. It must never look at a body, a header or a user.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

from protocol.dialect import Route
from protocol.errors import GatewayError, Kind

__all__ = [
    "Found",
    "Match",
    "NotAllowed",
    "Router",
    "Template",
    "Unknown",
    "clean_beginning",
    "clean_path",
]

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_PLAIN = re.compile(r"(?:/[A-Za-z0-9_~:@!$&'()*+,;=-][A-Za-z0-9._~:@!$&'()*+,;=-]*)+", re.ASCII)
"""A path that is clean as it is: nothing encoded, nothing empty, no segment begins with a dot."""
_FORBIDDEN = re.compile(r"[/\\\x00-\x1f\x7f]")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(\.\.\.)?\}")
_LITERAL, _ANYTHING, _TAIL = range(3)


def clean_path(raw: str | bytes) -> str:
    """The path of a request as it is matched: decoded once, without empty segments at any place.

    ``raw`` is the path as it came, still percent-encoded, without the query. Raises GatewayError
    of kind INVALID for a path that does not begin with a slash, broken escapes, text that is not
    UTF-8, NUL and other control characters, backslashes, an encoded slash, ``.`` and ``..``.
    """
    if isinstance(raw, str) and _PLAIN.fullmatch(raw):
        return raw
    data = raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")
    if not data.startswith(b"/"):
        raise GatewayError(Kind.INVALID, "the path does not begin with a slash")
    if _BROKEN_ESCAPE.search(data):
        raise GatewayError(Kind.INVALID, "the path has a broken percent escape")
    return "/" + "/".join(_segment(part) for part in data.split(b"/") if part)


def clean_beginning(raw: str) -> str:
    """The segments of a path before the first that is refused: whose path it would have been.

    Goes with a path that ``clean_path`` refuses; ``/`` if nothing of it is clean.
    """
    found: list[str] = []
    for part in raw.encode("utf-8", "surrogatepass").split(b"/"):
        if _BROKEN_ESCAPE.search(part):
            break
        try:
            found += [_segment(part)] if part else []
        except GatewayError:
            break
    return "/" + "/".join(found)


@dataclass(frozen=True, slots=True)
class Template:
    """A path template: its segments in order, None for one that may be anything.

    With a ``tail`` the last of the names stands for one or more segments at the end.
    """

    segments: tuple[str | None, ...]
    names: tuple[str, ...]
    tail: bool = False

    @classmethod
    def of(cls, text: str) -> Template:
        """The template that ``text`` is, such as ``/tasks/{id}/log`` or ``/media/{path...}``.

        Raises:
            ValueError: it is none.
        """
        if not text.startswith("/"):
            raise ValueError(f"template {text!r} does not begin with a slash")
        segments: list[str | None] = []
        names: list[str] = []
        tail = False
        for part in _split(text):
            placeholder = _PLACEHOLDER.fullmatch(part)
            if tail:
                raise ValueError(f"template {text!r} goes on after its tail")
            if placeholder:
                names.append(placeholder[1])
                tail = placeholder[2] is not None
                if tail:
                    continue
            elif "{" in part or "}" in part:
                raise ValueError(f"template {text!r} has a placeholder that is not a whole segment")
            segments.append(None if placeholder else part)
        if len(set(names)) < len(names):
            raise ValueError(f"template {text!r} names a segment twice")
        return cls(tuple(segments), tuple(names), tail)

    @property
    def rank(self) -> tuple[int, ...]:
        """How literal it is: of templates that fit one path, the least is the most literal."""
        ranks = [_ANYTHING if segment is None else _LITERAL for segment in self.segments]
        return (*ranks, *([_TAIL] if self.tail else []))

    @property
    def shape(self) -> tuple[object, ...]:
        """Equal for templates that fit the same paths, whatever they call the segments."""
        return (self.segments, self.tail)

    def match(self, path: str) -> dict[str, str] | None:
        """The named segments of a clean path, or None if it is not of this form."""
        parts = _split(path)
        count = len(self.segments)
        if len(parts) <= count if self.tail else len(parts) != count:
            return None
        rest = "/".join(parts[count:])
        pairs = list(zip(self.segments, parts[:count], strict=True))
        if any(segment not in {None, part} for segment, part in pairs):
            return None
        free = [part for segment, part in pairs if segment is None] + [rest] * self.tail
        return dict(zip(self.names, free, strict=True))


@dataclass(frozen=True, slots=True)
class Found:
    """The row that answers, and the segments that its template names."""

    route: Route[Any]
    params: dict[str, str]
    rank: tuple[int, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """The path is known, but not with this method: ``allowed`` are those it is known with."""

    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """No row has this path."""


Match: TypeAlias = Found | NotAllowed | Unknown


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    anything: _Node | None = None
    rows: list[int] = field(default_factory=list)
    tails: list[int] = field(default_factory=list)


class Router:
    """Finds rows of one table. Of several that fit, the first in the table answers.

    Args:
        routes: the table; ValueError if a template in it is none.
    """

    def __init__(self, routes: Sequence[Route[Any]]) -> None:
        self._routes = tuple(routes)
        self._templates = tuple(Template.of(route.template) for route in self._routes)
        self._root = _Node()
        for row, template in enumerate(self._templates):
            self._plant(template, row)

    def match(self, method: str, path: str) -> Match:
        """What the table says of a method and a clean path."""
        rows = sorted(_rows(self._root, _split(path)))
        for row in rows:
            if self._routes[row].method == method:
                template = self._templates[row]
                return Found(self._routes[row], template.match(path) or {}, template.rank)
        if rows:
            return NotAllowed(tuple(sorted({self._routes[row].method for row in rows})))
        return Unknown()

    def shared_prefix(self, path: str) -> int:
        """How many of the first segments of a clean path some template has literally."""
        node, count = self._root, 0
        for part in _split(path):
            if part not in node.literals:
                break
            node = node.literals[part]
            count += 1
        return count

    def _plant(self, template: Template, row: int) -> None:
        node = self._root
        for segment in template.segments:
            if segment is None:
                node.anything = node.anything or _Node()
                node = node.anything
            else:
                node = node.literals.setdefault(segment, _Node())
        (node.tails if template.tail else node.rows).append(row)


def _rows(node: _Node, parts: Sequence[str]) -> list[int]:
    if not parts:
        return list(node.rows)
    found: list[int] = list(node.tails)
    if parts[0] in node.literals:
        found += _rows(node.literals[parts[0]], parts[1:])
    if node.anything:
        found += _rows(node.anything, parts[1:])
    return found


def _split(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _segment(part: bytes) -> str:
    try:
        text = unquote_to_bytes(part).decode("utf-8")
    except UnicodeDecodeError as error:
        raise GatewayError(Kind.INVALID, "the path is not valid UTF-8") from error
    if _FORBIDDEN.search(text):
        raise GatewayError(
            Kind.INVALID, "the path holds an encoded slash, a backslash or a control character"
        )
    if text in {".", ".."}:
        raise GatewayError(Kind.INVALID, "the path holds a segment of dots")
    return text
