"""Says which descriptors it was given, by trying them one by one."""

import contextlib
from pathlib import Path

for number in range(1024):
    with contextlib.suppress(OSError):
        print(number, Path(f"/proc/self/fd/{number}").readlink(), flush=True)
