"""How a connection ends on which a refused client still sends: it is read on for a while first.

To close a connection with bytes unread resets it, and a reset takes with it what the client has not
read yet: the refusal. So our side of the connection is closed first, and what still comes is thrown
away until the client has closed its side. That is bounded in time and bytes, one of the client's
turns for slow bodies is taken for it, and the connection counts as idle meanwhile: it is among the
first to go where connections are short.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from gateway.transport.usage import Usage
from protocol.errors import GatewayError

__all__ = ["STRANGERS_BYTES", "USERS_BYTES", "Unheard", "linger"]

USERS_BYTES = 64 << 20
"""How much of a user's is thrown away at most."""
STRANGERS_BYTES = 16 << 20
"""How much of somebody unknown is."""


@dataclass(frozen=True, slots=True)
class Unheard:
    """Who sends what is not listened to any more, and until when, by the clock of the loop."""

    user: str
    address: str
    until: float


async def linger(protocol: Any, usage: Usage, unheard: Unheard) -> None:  # noqa: ANN401 - Sanic's protocol is untyped
    """Reads on until the client closes, sends too much or takes too long.

    Returns at once if the client has no turn left. Whoever calls it closes the connection next.
    """
    left = USERS_BYTES if unheard.user else STRANGERS_BYTES
    try:
        with usage.body(unheard.user, unheard.address) as turn:
            turn.wait()
            if protocol.transport.can_write_eof():  # inside TLS there is no half of a connection
                protocol.transport.write_eof()
            async with asyncio.timeout_at(unheard.until):
                while (left := left - len(protocol.recv_buffer)) > 0:
                    protocol.recv_buffer.clear()
                    await protocol.receive_more()
    except (GatewayError, TimeoutError, OSError):
        return
