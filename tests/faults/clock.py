"""A wall clock that jumps: libfaketime, preloaded into a gateway and all it starts.

The monotonic clock is left alone. Needs the package ``libfaketime`` (the extra ``clock``).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

__all__ = ["Clock"]


class Clock:
    """A wall clock that is away from the true one by a number of seconds, kept in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.jump(0)

    def jump(self, seconds: int) -> None:
        """Sets it so far away from the true time, at once."""
        new = self.path.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.rename(self.path)

    def environment(self) -> dict[str, str]:
        """What a process needs to live by it."""
        return {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self.path),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_NO_CACHE": "1",
        }


def library() -> Path:
    """The library to preload; skips the test where there is none."""
    found = importlib.util.find_spec("libfaketime")
    if found is None or not found.submodule_search_locations:
        pytest.skip("libfaketime is not installed: a clock that jumps is not tested here")
    folder = Path(found.submodule_search_locations[0])
    return next(folder.rglob("libfaketime.so.1"))
