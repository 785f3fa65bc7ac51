"""A pool in one line, such as ``/nodes=node{2}.x/cpu={2}/core={2}`` (OAR document, *generate*).

    pool   := 1*( '/' level )
    level  := name '=' value
    value  := prefix '{' body '}' suffix | item { ',' item }
    body   := a count, with '%<width>d' and '+<first>offset' or '-<first>offset' anywhere in it
    item   := text with at most one range set in it, as in host-[1-2,5].d

Counters go on through the whole pool and do not begin again below each parent. Besides what is
written, each leaf has ``cpuset``, which counts from 0 on each node.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from protocol.errors import GatewayError, Kind
from protocol.resources import NODE

__all__ = ["MAX_LEAVES", "leaves_of"]

MAX_LEAVES = 100_000
_MAX_TEXT = 4096
_MAX_LEVELS = 8
_MAX_WIDTH = 20
_NODES = frozenset({"node", "nodes", "network_address", "hostname"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_COUNTER = re.compile(r"([^{}]*)\{([^{}]*)\}([^{}]*)")
_WIDTH = re.compile(r"%([0-9]{0,2})d", re.ASCII)
_OFFSET = re.compile(r"([+-][0-9]{1,9})offset", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,6}", re.ASCII)
_RANGES = re.compile(r"([^\[\]]*)\[([^\[\]]*)\]([^\[\]]*)")
_RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Level:
    """One level: names that come one after another, or a counter that goes on for ever."""

    name: str
    count: int
    names: tuple[str, ...] = ()
    before: str = ""
    after: str = ""
    width: int = 0
    first: int = 1

    def value(self, serial: int) -> str:
        """The value of the so manieth member of this level in the pool, from 0."""
        if self.names:
            return self.names[serial % self.count]
        return f"{self.before}{self.first + serial:0{self.width}}{self.after}"


def leaves_of(
    text: str, offsets: Mapping[str, int] | None = None
) -> tuple[Mapping[str, str | int], ...]:
    """The properties of each leaf of a described pool, in order.

    ``offsets`` are by how much the counters of some levels are ahead. The level of machines may be
    called node, nodes, network_address or hostname; its property is ``node``.

    Raises:
        GatewayError: INVALID for what is no description, TOO_LARGE for more than MAX_LEAVES.
    """
    levels = _levels(text, offsets or {})
    total = 1
    for level in levels:
        total *= level.count
        if total > MAX_LEAVES:
            raise GatewayError(Kind.TOO_LARGE, f"a pool has at most {MAX_LEAVES} leaves")
    found: list[Mapping[str, str | int]] = []
    on_node: dict[str, int] = {}
    for at in range(total):
        leaf: dict[str, str | int] = {}
        below = total
        for level in levels:
            below //= level.count
            leaf[level.name] = level.value(at // below)
        node = str(leaf.get(NODE, ""))
        leaf["cpuset"] = on_node.get(node, 0)
        on_node[node] = on_node.get(node, 0) + 1
        found.append(leaf)
    return tuple(found)


def _levels(text: str, offsets: Mapping[str, int]) -> list[_Level]:
    if len(text) > _MAX_TEXT:
        raise GatewayError(Kind.TOO_LARGE, f"a pool is described in {_MAX_TEXT} characters")
    parts = text.strip().split("/")
    if len(parts) < 2 or parts[0]:  # noqa: PLR2004 - what stands before the first slash, and a level
        raise GatewayError(Kind.INVALID, "the description of a pool begins with a slash")
    if len(parts) > _MAX_LEVELS + 1:
        raise GatewayError(Kind.INVALID, f"a pool has at most {_MAX_LEVELS} levels")
    levels = [_level(part, offsets) for part in parts[1:]]
    if len({level.name for level in levels}) != len(levels):
        raise GatewayError(Kind.INVALID, "a pool names a level once")
    return levels


def _level(part: str, offsets: Mapping[str, int]) -> _Level:
    name, equals, value = (piece.strip() for piece in part.partition("="))
    if not equals or not value or not _NAME.fullmatch(name):
        raise _unreadable(part)
    known = NODE if name in _NODES else name
    if known == "cpuset":
        raise GatewayError(Kind.INVALID, "cpuset is counted by itself")
    counter = _COUNTER.fullmatch(value)
    if counter:
        return _counted(known, part, counter, offsets.get(known, 0))
    names = tuple(one for item in _items(value, part) for one in _named(item, part))
    return _Level(known, len(names), names)


def _counted(name: str, part: str, counter: re.Match[str], ahead: int) -> _Level:
    before, body, after = counter.groups()
    width, first = 0, 1
    found = _WIDTH.search(body)
    if found:
        width = min(int(found[1] or "0"), _MAX_WIDTH)
        body = body.replace(found[0], "", 1)
    found = _OFFSET.search(body)
    if found:
        first = int(found[1]) + 1
        body = body.replace(found[0], "", 1)
    body = body.strip()
    if not _COUNT.fullmatch(body) or int(body) < 1:
        raise _unreadable(part)
    return _Level(name, int(body), (), before, after, width, first + ahead)


def _items(value: str, part: str) -> list[str]:
    """The parts between commas, except for those inside brackets."""
    items, depth = [""], 0
    for sign in value:
        depth += (sign == "[") - (sign == "]")
        if sign == "," and not depth:
            items.append("")
        else:
            items[-1] += sign
        if sign in "{}":
            raise _unreadable(part)
    items = [item.strip() for item in items]
    if depth or not all(items):
        raise _unreadable(part)
    return items


def _named(item: str, part: str) -> list[str]:
    ranges = _RANGES.fullmatch(item)
    if ranges is None:
        if "[" in item or "]" in item:
            raise _unreadable(part)
        return [item]
    before, body, after = ranges.groups()
    names: list[str] = []
    for piece in body.split(","):
        found = _RANGE.fullmatch(piece.strip())
        if found is None:
            raise _unreadable(part)
        low, high = int(found[1]), int(found[2] or found[1])
        if high < low or high - low >= MAX_LEAVES or len(names) >= MAX_LEAVES:
            raise _unreadable(part)
        names += [f"{before}{number}{after}" for number in range(low, high + 1)]
    return names


def _unreadable(part: str) -> GatewayError:
    shown = part if len(part) <= 60 else f"{part[:60]}..."  # noqa: PLR2004 - fits a sentence
    return GatewayError(Kind.INVALID, f"{shown!r} describes no level of a pool")
