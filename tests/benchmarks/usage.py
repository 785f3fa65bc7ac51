"""What processes take of the machine, as the kernel counts it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["available_mib", "private_kib", "resident_mib", "shares"]

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def resident_mib(pid: int) -> float:
    """The resident MiB of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_MIB


def private_kib(pid: int) -> int:
    """The KiB that a process shares with no other."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(size) for size in re.findall(r"^Private_\w+: +(\d+) kB", text, re.MULTILINE))


def available_mib() -> float:
    """The MiB that the machine could still give out, by its own estimate."""
    found = re.search(r"^MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


def shares(groups: Mapping[str, Sequence[int]], seconds: float) -> dict[str, float]:
    """The percent of one processor that each group of processes takes over some seconds."""
    began, before = time.perf_counter(), {name: _seconds(pids) for name, pids in groups.items()}
    time.sleep(seconds)
    took, after = time.perf_counter() - began, {n: _seconds(pids) for n, pids in groups.items()}
    return {name: 100 * (after[name] - before[name]) / took for name in groups}


def _seconds(pids: Iterable[int]) -> float:
    """The processor time that some processes have had; one that is gone counts nothing."""
    ticks = 0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS
