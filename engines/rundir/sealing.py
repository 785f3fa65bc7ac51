"""Sealing: an ended run's output becomes its archive, in bounded steps.

Must never be done to an output that somebody may still write. The archive has its name only when it
is whole and was read back, and the output goes after that.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from pathlib import Path

from engines.rundir.archive import ARCHIVE, MAGIC, Archive, Damaged, Frame, closing
from engines.rundir.directory import OUTPUT, RunDir
from engines.rundir.durable import sync_directory
from engines.rundir.output import Output
from engines.rundir.records import header

__all__ = ["Seal"]

_FRAME_BYTES = 1 << 18
_LEVEL = 6


class Seal:
    """Turns the output of an ended run into its archive, one frame a step.

    A crash at any moment leaves a log that can be read: the output goes last.
    """

    def __init__(self, run: RunDir) -> None:
        self._run = run
        self._output = Output(run, sealed=False)
        self._new = Path(run.file(f".{ARCHIVE}"))
        self._frames: list[Frame] = []
        self._offset = 0
        self._place = len(MAGIC)
        self._fd = -1

    def step(self) -> bool:
        """Does a bounded piece; False if it is done, or cannot be done.

        Raises:
            OSError: the disk refused, or the run is gone. Then close it.
        """
        if self._fd < 0:
            self._new.unlink(missing_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
            self._fd = os.open(self._new, flags, 0o400)
            os.pwrite(self._fd, MAGIC, 0)
        chunk = self._output.read(self._offset, _FRAME_BYTES)
        if chunk.records:
            data = b"".join(header(kind, ms, len(text)) + text for kind, ms, text in chunk.records)
            packed = zlib.compress(data, _LEVEL)
            if os.pwrite(self._fd, packed, self._place) != len(packed):
                raise OSError("the archive was not written as a whole")
            checksum = zlib.crc32(data)
            frame = Frame(self._offset, self._place, len(packed), len(data), checksum)
            self._frames.append(frame)
            self._place += len(packed)
        self._offset, before = chunk.end, self._offset
        if chunk.end > before:
            return True
        if self._offset == self._run.output_size():
            self._finish()
        return False

    def close(self) -> None:
        """Gives everything back; an archive that did not become whole goes."""
        self._output.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        with contextlib.suppress(OSError):
            self._new.unlink(missing_ok=True)

    def _finish(self) -> None:
        end = closing(self._frames, self._place, self._offset)
        if os.pwrite(self._fd, end, self._place) != len(end):
            raise OSError("the archive was not written as a whole")
        try:
            Archive(self._fd).verify()
        except Damaged as error:
            raise OSError("the archive is not what was written") from error
        os.fsync(self._fd)
        self._new.rename(self._run.file(ARCHIVE))
        sync_directory(self._run.path)
        Path(self._run.file(OUTPUT)).unlink(missing_ok=True)
