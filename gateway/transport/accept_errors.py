"""What a loop says when it cannot take connections because no descriptors are left.

The loop tries again every second by itself, but says so a thousand times each time, with the whole
stack: that alone would stop it from serving those who are connected.
"""

from __future__ import annotations

import asyncio

from gateway.clock import monotonic
from gateway.journal import journal

__all__ = ["throttle_accept_errors"]

_REST_SECONDS = 10.0
_SCARCE = "socket.accept() out of system resource"
_journal = journal("gateway.server")


def throttle_accept_errors(loop: asyncio.AbstractEventLoop) -> None:
    """Has that said in one line, now and then. Everything else is said as before."""
    silent_until = 0.0

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        nonlocal silent_until
        if context.get("message") != _SCARCE:
            loop.default_exception_handler(context)
        elif monotonic() >= silent_until:
            silent_until = monotonic() + _REST_SECONDS
            _journal.warning("no descriptors are left: new connections have to wait")

    loop.set_exception_handler(handle)
