"""Writes what a run says to its output file, and knows truthfully what could not be kept.

A full disk loses output, never the run: what was not written is counted and shows as a gap record
before the next one that fits. With a cap the head is kept as it comes and the newest of the tail
in memory, to be written at the end. The shim imports this file: standard library only.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections import deque

from engines.records import ERR, GAP, HEADER_SIZE, OUT, Gap, encode_gap, header

__all__ = ["Recorder"]

_TAIL_BYTES = 1 << 18
_TAIL_SHARE = 4
_GAP_SIZE = HEADER_SIZE + len(encode_gap(Gap(0, 0, 0, 0)))


class Recorder:
    """The only writer of one output file.

    Args:
        path: the file; what it held before is not a run's and goes.
        max_bytes: how large it may become, 0 for any size.

    Raises:
        OSError: the file cannot be made.
    """

    def __init__(self, path: str, max_bytes: int = 0) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(path, flags, 0o600)
        self._room = min(_TAIL_BYTES, max_bytes // _TAIL_SHARE)
        self._head = max_bytes - self._room - _GAP_SIZE
        self._capped = max_bytes > 0
        self._tail: deque[tuple[int, int, bytes]] = deque()
        self._tail_size = 0
        self._in_tail = False
        self._gap = Gap(0, 0, 0, 0)
        self.size = 0
        self.checksum = 0
        self.dropped = 0

    def add(self, kind: int, time_ms: int, data: bytes) -> None:
        """Records one read; never fails, and what it cannot keep is counted."""
        size = HEADER_SIZE + len(data)
        if self._capped and (self._in_tail or self.size + size > self._head):
            self._in_tail = True
            self._tail.append((kind, time_ms, data))
            self._tail_size += size
            while self._tail_size > self._room:
                old_kind, _, old = self._tail.popleft()
                self._tail_size -= HEADER_SIZE + len(old)
                self._miss(old_kind, old)
        elif not self._write(kind, time_ms, data):
            self._miss(kind, data)

    def end(self, time_ms: int) -> None:
        """Writes the tail that was kept, and what is missing before it."""
        for record in self._tail:
            if not self._write(*record):
                self._miss(record[0], record[2])
        self._tail.clear()
        if any(self._gap):
            self._append([header(GAP, time_ms, _GAP_SIZE - HEADER_SIZE), encode_gap(self._gap)])
        os.close(self._fd)

    def _write(self, kind: int, time_ms: int, data: bytes) -> bool:
        parts = [header(kind, time_ms, len(data)), data]
        if any(self._gap):
            parts[:0] = [header(GAP, time_ms, _GAP_SIZE - HEADER_SIZE), encode_gap(self._gap)]
        if not self._append(parts):
            return False
        self._gap = Gap(0, 0, 0, 0)
        return True

    def _append(self, parts: list[bytes]) -> bool:
        """Appends all or nothing: a reader takes no record before it is whole."""
        wanted = sum(map(len, parts))
        try:
            written = os.pwritev(self._fd, parts, self.size)
        except OSError:
            written = 0
        if written != wanted:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self.size)
            return False
        self.size += wanted
        for part in parts:
            self.checksum = zlib.crc32(part, self.checksum)
        return True

    def _miss(self, kind: int, data: bytes) -> None:
        gap = self._gap
        feeds = data.count(b"\n")
        self.dropped += len(data)
        self._gap = Gap(
            gap.out_bytes + (len(data) if kind == OUT else 0),
            gap.err_bytes + (len(data) if kind == ERR else 0),
            gap.out_lines + (feeds if kind == OUT else 0),
            gap.err_lines + (feeds if kind == ERR else 0),
        )
