"""Child processes of ours: that they end with their parent, and that their end is noticed."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable

__all__ = ["dies_with_parent", "ended"]

_PR_SET_PDEATHSIG = 1


def dies_with_parent() -> Callable[[], None] | None:
    """What makes a child end when the thread that started it does; nothing off Linux."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def arrange() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    return arrange


async def ended(pid: int) -> None:
    """Waits until a child of ours has ended, without reaping it."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    fd = os.pidfd_open(pid)
    try:
        loop.add_reader(fd, done.set)
        await done.wait()
    finally:
        loop.remove_reader(fd)
        os.close(fd)
