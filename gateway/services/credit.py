"""How far a subscription may run ahead of what its client says that it has dealt with.

Pure counting, in lines (a long one counts when its last part is sent) and in bytes (each line and
part counts one more than it holds).
What is sent and not yet acknowledged is remembered in a bounded number of stretches.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from protocol.commands.subscriptions import Credit
from protocol.logs import Block, Cursor

__all__ = ["CreditWindow"]

_STRETCHES = 256


@dataclass(slots=True)
class _Stretch:
    """Lines that were sent together: ``end`` is the place after them."""

    first: int
    end: Cursor
    lines: int
    size: int


class CreditWindow:
    """What of a credit is left; 0 of either kind in the credit means no bound of that kind."""

    def __init__(self, credit: Credit) -> None:
        self._credit = credit
        self._sent: deque[_Stretch] = deque()
        self._lines = 0
        self._bytes = 0

    def room(self, max_lines: int, max_bytes: int) -> tuple[int, int]:
        """How many lines and bytes the next page may have; 0 lines for none at all."""
        lines = self._credit.lines - self._lines if self._credit.lines else max_lines
        size = self._credit.bytes - self._bytes if self._credit.bytes else max_bytes
        if lines <= 0 or size <= 0:
            return 0, 0
        return min(lines, max_lines), min(size, max_bytes)

    def sent(self, blocks: tuple[Block, ...]) -> None:
        """Counts what was sent."""
        for block in blocks:
            lines = 0 if block.more else block.last - block.first + 1
            end = Cursor(block.first, block.part + 1) if block.more else Cursor(block.last + 1)
            self._add(_Stretch(block.first, end, lines, len(block.data) + 1))

    def acknowledge(self, cursor: Cursor) -> None:
        """The client has dealt with all that is before a place."""
        while self._sent and self._sent[0].end <= cursor:
            done = self._sent.popleft()
            self._lines -= done.lines
            self._bytes -= done.size
        if self._sent and (done_lines := cursor.line - self._sent[0].first) > 0:
            # In the middle of a stretch of whole lines: its lines count, its bytes do at its end.
            rest = self._sent[0]
            done_lines = min(done_lines, rest.lines)
            rest.first += done_lines
            rest.lines -= done_lines
            self._lines -= done_lines

    def _add(self, stretch: _Stretch) -> None:
        self._lines += stretch.lines
        self._bytes += stretch.size
        if len(self._sent) < _STRETCHES:
            self._sent.append(stretch)
            return
        # Too many to tell apart: those at the end are acknowledged together.
        last = self._sent[-1]
        last.end = stretch.end
        last.lines += stretch.lines
        last.size += stretch.size
