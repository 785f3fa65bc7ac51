"""The tasks that were finished, kept for their time and removed: on disk, so that Redis may forget.

One file for each day on which tombstones end, one line for each task; a file goes when its day is
over. Blocks on the disk, and belongs to the one runner of a node.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from gateway.stores.atomic_file import private_folder
from protocol.tasks import TaskId

__all__ = ["Tombstone", "Tombstones"]


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A task that is answered as gone, by any of its names, until a time (ms, epoch)."""

    task_id: TaskId
    number: int
    owner: str
    name: str
    until_ms: int


class Tombstones:
    """The tombstones in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self) -> None:
        """Makes the folder."""
        private_folder(self._folder)

    def add(self, stone: Tombstone) -> None:
        """Makes a tombstone durable; adding it again does no harm. Raises OSError."""
        line = msgspec.json.encode(stone) + b"\n"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(self._folder / _day(stone.until_ms), flags, 0o600)
        try:
            # After a crash the last line may be torn: it must not take this one along.
            os.write(fd, b"\n" + line)
            os.fsync(fd)
        finally:
            os.close(fd)

    def steps(self, now_ms: int, size: int) -> Iterator[Sequence[Tombstone]]:
        """All that still count, the latest first, in portions; removes the files of days past."""
        today = _day(now_ms)
        for path in sorted(self._folder.iterdir(), reverse=True):
            if path.name < today:
                path.unlink(missing_ok=True)
                continue
            stones = [one for one in _read(path) if one.until_ms > now_ms]
            for end in range(len(stones), 0, -size):
                yield stones[max(0, end - size) : end]


def _read(path: Path) -> Iterator[Tombstone]:
    with path.open("rb") as file:
        for line in file:
            with contextlib.suppress(msgspec.MsgspecError):
                yield msgspec.json.decode(line, type=Tombstone)


def _day(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y%m%d")
