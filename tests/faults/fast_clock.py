"""Time that passes too fast for a gateway and all it starts: ``fast_clock.c``, preloaded.

Unlike a clock that jumps, all timers and waits that belong to the time come and go with it.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import time
from pathlib import Path

import pytest

__all__ = ["FastClock"]

SOURCE = Path(__file__).with_name("fast_clock.c")


class FastClock:
    """The time of some processes, which is the true one until ``make`` is called.

    Args:
        folder: where the library and the file that the processes share are put.
    """

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("there is no compiler: time that passes too fast is not tested here")
        self._library, self._file = folder / "fast_clock.so", folder / "fast_clock"
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O2", "-o", str(self._library), str(SOURCE), "-ldl"],
            check=True,
            timeout=60,
        )
        self._file.write_bytes(struct.pack("qq", 0, 0))

    def make(self, factor: int) -> None:
        """From now on time passes so many times as fast; once in a life."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("qq", time.monotonic_ns(), factor))

    def environment(self) -> dict[str, str]:
        """What a process needs to live by it."""
        return {"LD_PRELOAD": str(self._library), "FAST_CLOCK_FILE": str(self._file)}
