"""The socket of notifications: where shims and gateway processes say that something changed.

A datagram holds one verb byte and the name of a run: ``o`` for output, start or end of a run, ``k``
for a request to kill, ``c`` for what else is asked of a run, ``g`` and a group for one that is new
or to end, ``q`` for a change of the queue (named if it is for who asks for more than a slot). A
notification carries no news by itself: who hears it looks at the truth. So a lost notification
costs time until the next tick and nothing else, those in a burst count as one, and a flood is heard
in bounded turns, so that nothing else has to wait.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["CONTROL", "GROUP", "KILL", "OUTPUT", "QUEUE", "NotificationListener"]

OUTPUT = b"o"
KILL = b"k"
CONTROL = b"c"
QUEUE = b"q"
GROUP = b"g"

_TURN = 256
"""Notifications taken at once before everything else has its turn."""
_REST_SECONDS = 0.002
_LONGEST = 128
_BUFFER_BYTES = 1 << 20


class NotificationListener:
    """A unix datagram socket that calls ``on_notification(verb, run_id)``, each pair once a turn.

    The callback runs on the event loop and must neither wait nor raise. Unknown verbs and names
    that cannot be one are passed over. Kills are told first.
    """

    def __init__(self, path: Path, on_notification: Callable[[bytes, str], None]) -> None:
        self._path = path
        self._on_notification = on_notification
        self._socket: socket.socket | None = None
        self._rest: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        """Starts to listen; a name left by a dead runner is taken over."""
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        temporary.unlink(missing_ok=True)
        ear.bind(str(temporary))
        temporary.chmod(0o600)
        temporary.rename(self._path)
        self._socket = ear
        asyncio.get_running_loop().add_reader(ear, self._listen)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stops to listen. The name stays: a successor may already have taken it."""
        if self._rest is not None:
            self._rest.cancel()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _listen(self) -> None:
        ear = self._socket
        if ear is None:
            return
        datagrams: dict[bytes, None] = {}
        on_notification = 0
        with suppress(BlockingIOError):
            while on_notification < _TURN:
                datagrams[ear.recv(_LONGEST)] = None
                on_notification += 1
        if on_notification == _TURN:
            loop = asyncio.get_running_loop()
            loop.remove_reader(ear)
            self._rest = loop.call_later(_REST_SECONDS, self._listen_again)
        for datagram in sorted(datagrams, key=lambda datagram: not datagram.startswith(KILL)):
            verb, name = datagram[:1], datagram[1:]
            if verb in (OUTPUT, KILL, CONTROL, QUEUE, GROUP) and name.isascii():
                self._on_notification(verb, name.decode())

    def _listen_again(self) -> None:
        self._rest = None
        if self._socket is not None:
            asyncio.get_running_loop().add_reader(self._socket, self._listen)
            self._listen()
