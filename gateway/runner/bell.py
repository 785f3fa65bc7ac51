"""The doorbell: where shims and gateway processes say that something changed.

A datagram holds one verb byte and the name of a run: ``o`` for output, start or end of a run, ``k``
for a wish to kill, ``q`` (no name) for a change of the queue. A ring carries no news by itself: who
hears it looks at the truth. So a lost ring costs time until the next tick and nothing else, rings
in a burst count as one, and a flood is heard in bounded turns, so that nothing else has to wait.
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

__all__ = ["KILL", "OUTPUT", "QUEUE", "Doorbell"]

OUTPUT = b"o"
KILL = b"k"
QUEUE = b"q"

_TURN = 256
"""Rings heard at once before everything else has its turn."""
_REST_SECONDS = 0.002
_LONGEST = 128
_BUFFER_BYTES = 1 << 20


class Doorbell:
    """A unix datagram socket whose rings call ``heard(verb, run_id)``, each pair once a turn.

    ``heard`` runs on the event loop and must neither wait nor raise. Unknown verbs and names that
    cannot be one are passed over. Kills are told first.
    """

    def __init__(self, path: Path, heard: Callable[[bytes, str], None]) -> None:
        self._path = path
        self._heard = heard
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
        rings: dict[bytes, None] = {}
        heard = 0
        with suppress(BlockingIOError):
            while heard < _TURN:
                rings[ear.recv(_LONGEST)] = None
                heard += 1
        if heard == _TURN:
            loop = asyncio.get_running_loop()
            loop.remove_reader(ear)
            self._rest = loop.call_later(_REST_SECONDS, self._listen_again)
        for ring in sorted(rings, key=lambda ring: not ring.startswith(KILL)):
            verb, name = ring[:1], ring[1:]
            if verb in (OUTPUT, KILL, QUEUE) and name.isascii():
                self._heard(verb, name.decode())

    def _listen_again(self) -> None:
        self._rest = None
        if self._socket is not None:
            asyncio.get_running_loop().add_reader(self._socket, self._listen)
            self._listen()
