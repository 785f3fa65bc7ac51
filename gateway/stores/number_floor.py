"""The last number of a task, kept on the disk of each of several nodes.

Redis gives the numbers out. If it loses its count, a node that is alone finds the last one in its
own run directories; of several nodes each has some of the tasks only. So each notes how far the
count has come, with room for what is given out until it notes it again.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from gateway.stores.atomic_file import replace
from gateway.stores.disk_errors import disk_refused

__all__ = ["ROOM", "NumberFloor"]

ROOM = 4000
"""So many numbers may be given out between two notes, which are a second apart."""


class NumberFloor:
    """The note in ``file``. Both calls block."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._noted = 0

    def note(self, last: int) -> None:
        """Notes that numbers up to this one were given out. UNAVAILABLE if the disk refuses."""
        if last + ROOM // 2 <= self._noted:
            return
        self._noted = last + ROOM
        try:
            replace(self._file, f"{self._noted}\n".encode())
        except OSError as error:
            self._noted = 0
            raise disk_refused(error) from error

    def lost(self, last: int) -> int:
        """From where on to count if ``last`` is less than was given out; else 0."""
        noted = 0
        with contextlib.suppress(FileNotFoundError, ValueError):
            noted = int(self._file.read_text("ascii"))
        return noted if last < noted - ROOM else 0
