"""Limits of lines so small that small examples reach them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from engines.rundir import lines

__all__ = ["PART", "SLICE", "WAITING", "WAITING_MS", "small_lines"]

PART = 20
WAITING = 60
WAITING_MS = 50
SLICE = 7


@contextmanager
def small_lines(**others: int) -> Iterator[pytest.MonkeyPatch]:
    """Scales the limits down for a block, and others of that module; gives what undoes it."""
    limits = {"MAX_PART": PART, "MAX_WAITING": WAITING, "MAX_WAITING_MS": WAITING_MS}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**limits, "_SLICE": SLICE, **others}.items():
            patch.setattr(lines, name, value)
        yield patch
