"""The doorbell, rung by real sockets."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from gateway.runner.bell import KILL, OUTPUT, QUEUE, Doorbell


class Ear:
    """Keeps what was heard and says when there is something."""

    def __init__(self) -> None:
        self.heard: list[tuple[bytes, str]] = []
        self.something = asyncio.Event()

    def __call__(self, verb: bytes, name: str) -> None:
        """Hears one ring."""
        self.heard.append((verb, name))
        self.something.set()

    async def until(self, verb: bytes, name: str) -> None:
        """Waits until this ring was heard."""
        async with asyncio.timeout(10):
            while (verb, name) not in self.heard:
                self.something.clear()
                await self.something.wait()


def ring(path: Path, *rings: bytes) -> int:
    """Sends rings without waiting; returns how many the socket took."""
    taken = 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as finger:
        for data in rings:
            try:
                finger.sendto(data, str(path))
            except BlockingIOError:
                break
            taken += 1
    return taken


async def test_rings_are_heard_once_a_turn_and_kills_first(tmp_path: Path) -> None:
    """Equal rings count as one; a kill is told before everything that came before it."""
    ear = Ear()
    path = tmp_path / "bell"
    async with Doorbell(path, ear):
        assert ring(path, b"oa", b"oa", b"q", b"oa", b"kb") == 5
        await ear.until(KILL, "b")
    assert ear.heard == [(KILL, "b"), (OUTPUT, "a"), (QUEUE, "")]


async def test_noise_is_passed_over(tmp_path: Path) -> None:
    """Unknown verbs, empty rings and names that cannot be one do no harm."""
    ear = Ear()
    path = tmp_path / "bell"
    async with Doorbell(path, ear):
        ring(path, b"", b"xa", b"o\xff\xfe", b"q")
        await ear.until(QUEUE, "")
    assert ear.heard == [(QUEUE, "")]


async def test_a_flood_leaves_time_for_others(tmp_path: Path) -> None:
    """However fast it is rung, the loop has its turns, and the bell is heard afterwards."""
    ear = Ear()
    path = tmp_path / "bell"
    async with Doorbell(path, ear):
        sent = 0
        for number in range(2000):
            sent += ring(path, f"o{number}".encode())
            await asyncio.to_thread(bool)
        assert sent > 0
        await ear.until(OUTPUT, "0")
        async with asyncio.timeout(10):
            while not ring(path, b"q"):
                await asyncio.to_thread(bool)
        await ear.until(QUEUE, "")


async def test_a_dead_runners_bell_is_taken_over(tmp_path: Path) -> None:
    """A name that was left behind is no obstacle, and rings reach the successor."""
    path = tmp_path / "bell"
    async with Doorbell(path, Ear()):
        pass
    assert path.exists()
    ear = Ear()
    async with Doorbell(path, ear):
        ring(path, b"q")
        await ear.until(QUEUE, "")
