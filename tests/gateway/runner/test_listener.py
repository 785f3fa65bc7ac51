"""The socket of notifications, over real sockets."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from gateway.runner.listener import KILL, OUTPUT, QUEUE, NotificationListener


class Ear:
    """Keeps what was heard and says when there is something."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, str]] = []
        self.something = asyncio.Event()

    def __call__(self, verb: bytes, name: str) -> None:
        """Takes one notification."""
        self.received.append((verb, name))
        self.something.set()

    async def until(self, verb: bytes, name: str) -> None:
        """Waits until this notification was taken."""
        async with asyncio.timeout(10):
            while (verb, name) not in self.received:
                self.something.clear()
                await self.something.wait()


def notify(path: Path, *notifications: bytes) -> int:
    """Sends notifications without waiting; returns how many the socket took."""
    taken = 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as finger:
        for data in notifications:
            try:
                finger.sendto(data, str(path))
            except BlockingIOError:
                break
            taken += 1
    return taken


async def test_notifications_are_taken_once_a_turn_and_kills_first(tmp_path: Path) -> None:
    """Equal notifications count as one; a kill is told before everything that came before it."""
    ear = Ear()
    path = tmp_path / "socket"
    async with NotificationListener(path, ear):
        assert notify(path, b"oa", b"oa", b"q", b"oa", b"kb") == 5
        await ear.until(KILL, "b")
    assert ear.received == [(KILL, "b"), (OUTPUT, "a"), (QUEUE, "")]


async def test_noise_is_passed_over(tmp_path: Path) -> None:
    """Unknown verbs, empty datagrams and names that cannot be one do no harm."""
    ear = Ear()
    path = tmp_path / "socket"
    async with NotificationListener(path, ear):
        notify(path, b"", b"xa", b"o\xff\xfe", b"q")
        await ear.until(QUEUE, "")
    assert ear.received == [(QUEUE, "")]


async def test_a_flood_leaves_time_for_others(tmp_path: Path) -> None:
    """However many come, the loop has its turns, and the last is taken afterwards."""
    ear = Ear()
    path = tmp_path / "socket"
    async with NotificationListener(path, ear):
        sent = 0
        for number in range(2000):
            sent += notify(path, f"o{number}".encode())
            await asyncio.to_thread(bool)
        assert sent > 0
        await ear.until(OUTPUT, "0")
        async with asyncio.timeout(10):
            while not notify(path, b"q"):
                await asyncio.to_thread(bool)
        await ear.until(QUEUE, "")


async def test_a_dead_runners_socket_is_taken_over(tmp_path: Path) -> None:
    """A name that was left behind is no obstacle, and notifications reach the successor."""
    path = tmp_path / "socket"
    async with NotificationListener(path, Ear()):
        pass
    assert path.exists()
    ear = Ear()
    async with NotificationListener(path, ear):
        notify(path, b"q")
        await ear.until(QUEUE, "")
