"""Canaries of a storm: a secret that must be nowhere, and a client that must not wait.

The secret is a variable of every run, so it is on the way everywhere where it has to be. Whoever
finds it in an answer, in the gateway's own log or in the list of processes enters a violation.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

from tests.faults.ledger import Ledger
from tests.faults.pace import pause
from tests.support.processes import commands
from tests.support.served import Served

__all__ = ["asking", "glance", "leaked", "look_around", "searching"]

_POLL_SECONDS = 0.3
_ASK_SECONDS = 0.05
_TIMEOUT_SECONDS = 10.0


def leaked(ledger: Ledger, where: str, text: str) -> None:
    """Enters a violation if the secret is in a text."""
    if ledger.secret in text:
        ledger.violate("I10", where, "tells a secret")


def look_around(gateway: Served, ledger: Ledger) -> None:
    """Looks for the secret, and for the token, in the list of processes and in the own log."""
    for _, words in commands():
        shown = words.decode(errors="replace")
        leaked(ledger, "the list of processes", shown)
        if gateway.token in shown:
            ledger.violate("I10", "the list of processes", "tells a token")
    text = gateway.data.with_suffix(".log").read_text(errors="replace")
    leaked(ledger, "the gateway's own log", text)
    if gateway.token in text:
        ledger.violate("I10", "the gateway's own log", "tells a token")


async def searching(gateway: Served, ledger: Ledger, calm: asyncio.Event) -> None:
    """Looks around until the storm is over."""
    while not await pause(_POLL_SECONDS, calm):
        await asyncio.to_thread(look_around, gateway, ledger)


async def asking(gateway: Served, ledger: Ledger, calm: asyncio.Event) -> None:
    """Asks for the gateway's health until the storm is over; keeps how long answers took."""
    while not await pause(_ASK_SECONDS, calm):
        begun = time.monotonic()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                if b" 200 " not in await glance(gateway):
                    continue
            ledger.waited.append(time.monotonic() - begun)


async def glance(gateway: Served) -> bytes:
    """The first words of a worker's answer about its health."""
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(f"GET /healthz HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        return await reader.read(64)
    finally:
        writer.transport.abort()
