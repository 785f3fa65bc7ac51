"""The progress of a run by its own account: lines that it appends to a file of its run directory.

A line is a number from 0 to 1, or a JSON object with ``fraction`` (a number or null) and ``stages``
(a list of objects with ``id``, ``total``, ``succeeded``, ``failed``, ``running``). Anything else is
left out. The newest line counts, but a fraction never goes back. Blocks on the disk.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from typing import NamedTuple

from engines.rundir.texts import plain

__all__ = ["PROGRESS", "ProgressReader", "Report", "StageReport"]

PROGRESS = "progress"
"""The file, below the run directory."""

_READ_BYTES = 1 << 16
_FULL_BYTES = 1 << 20
_MAX_STAGES = 1000
_MAX_NAME = 200
_MAX_COUNT = 1 << 53
_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class StageReport(NamedTuple):
    """One counted part of the work."""

    id: str
    total: int
    succeeded: int
    failed: int
    running: int


class Report(NamedTuple):
    """How much is done: a fraction, None while nobody knows, and counted stages."""

    fraction: float | None = None
    stages: tuple[StageReport, ...] = ()


class ProgressReader:
    """Follows the file of one run.

    Args:
        path: the file, which need not be there yet.
        floor: what is known already.
        mask: takes out of a text what must not be told.
    """

    def __init__(
        self,
        path: str,
        floor: Report = Report(),  # noqa: B008 - it is a constant
        mask: Callable[[str], str] = plain,
    ) -> None:
        self._path = path
        self._mask = mask
        self._offset = 0
        self.report = floor

    def look(self) -> bool:
        """Reads what was appended; whether ``report`` is another now."""
        before = self.report
        try:
            descriptor = os.open(self._path, _FLAGS)
        except OSError:
            return False
        try:
            for line in self._lines(descriptor):
                self._take(line)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return self.report != before

    def _lines(self, descriptor: int) -> list[bytes]:
        """The whole lines that are new; of very many only the last."""
        size = os.fstat(descriptor).st_size
        if size < self._offset:
            self._offset = 0
        start = max(self._offset, size - _READ_BYTES)
        data = os.pread(descriptor, _READ_BYTES, start)
        end = data.rfind(b"\n") + 1
        if end == 0 and len(data) == _READ_BYTES:
            end = len(data)  # no line is this long
        # After a leap the first line is the end of one that began before.
        begin = data.find(b"\n") + 1 if start > self._offset else 0
        self._offset = start + end
        if self._offset == size >= _FULL_BYTES:
            # Everybody appends, so what is read can go; a line that is lost here is an old one.
            os.ftruncate(descriptor, 0)
            self._offset = 0
        return data[begin:end].split(b"\n")

    def _take(self, line: bytes) -> None:
        fraction, stages = _parsed(line.strip(), self._mask)
        known = self.report
        if known.fraction is not None:
            fraction = known.fraction if fraction is None else max(fraction, known.fraction)
        self.report = Report(fraction, known.stages if stages is None else stages)


def _parsed(
    line: bytes, mask: Callable[[str], str]
) -> tuple[float | None, tuple[StageReport, ...] | None]:
    """What a line says: a fraction, None if none, and stages, None if nothing about them."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(value, dict):
        return _fraction(value), None
    stages = value.get("stages")
    # An empty list beside a fraction says nothing about stages that were told before.
    if not isinstance(stages, list) or (not stages and "fraction" in value):
        return _fraction(value.get("fraction")), None
    return _fraction(value.get("fraction")), _stages(stages, mask)


def _fraction(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    # Compared before it becomes a float, for which a whole number may be too large.
    return float(min(max(value, 0), 1))


def _stages(entries: list[object], mask: Callable[[str], str]) -> tuple[StageReport, ...]:
    return tuple(
        StageReport(
            # Cut only after what must not be told is out: half of it must not be left.
            plain(mask(str(entry.get("id", ""))))[:_MAX_NAME],
            *(_count(entry.get(name)) for name in StageReport._fields[1:]),
        )
        for entry in entries[:_MAX_STAGES]
        if isinstance(entry, dict)
    )


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return min(max(value, 0), _MAX_COUNT)
