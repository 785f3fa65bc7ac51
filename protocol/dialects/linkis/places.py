"""Where a reader of numbered lines goes on: ``fromLine``, and ``fromPart`` within a long line.

Who sends ``fromPart``, if only 0, is told exactly where to go on, in the midst of a line too. Who
follows ``fromLine`` alone must always move: a page that ends within a line is then cut before it,
or, if the line alone is more than a page, ends with it; its rest is still to be had, from the
``fromPart`` of that reply, which is negative because it counts parts of the line before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from protocol.commands.logs import LogRead
from protocol.dialects.linkis.fields import whole
from protocol.logs import Cursor, LogPage

__all__ = ["cursor_of", "movable"]

_ENOUGH = 256 * 1024
"""Bytes of a line that may still grow, from which on a page ends with it as it is."""


def cursor_of(query: Mapping[str, str]) -> Cursor:
    """The place that a query names."""
    line, part = max(1, whole(query, "fromLine", 1)), whole(query, "fromPart", 0)
    if part < 0:
        return Cursor(max(1, line - 1), -part)
    return Cursor(line, part)


def movable(read: LogRead, query: Mapping[str, str]) -> tuple[LogPage, int, int]:
    """The page as its reader is to see it, and the ``fromLine`` and ``fromPart`` to go on with."""
    page = read.page
    line, part = page.next
    if not part or "fromPart" in query:
        return page, line, part
    before = tuple(block for block in page.blocks if block.last < line)
    long = sum(len(block.data) for block in page.blocks) >= _ENOUGH
    ended = read.task.state.final or page.last > line
    if before or not (long or ended):
        return replace(page, blocks=before), line, 0
    return page, line + 1, -part
