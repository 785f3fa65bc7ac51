"""The way from a gateway to the runner of its node: datagrams that say where to look.

A lost one costs the runner's next look, never a task: everything it announces is durable before.
"""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

__all__ = ["RunnerNotifier"]


class RunnerNotifier:
    """Notifies the runner at its socket; never waits and never fails."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)  # noqa: FBT003 - the library's signature

    def queued(self, *, wanting: bool = False) -> None:
        """Says that the queue has changed; ``wanting`` if for who asks for more than a slot."""
        self._notify(b"qw" if wanting else b"q")

    def kill(self, run_id: str) -> None:
        """Says that a kill is requested."""
        self._notify(b"k" + run_id.encode("ascii"))

    def control(self, run_id: str) -> None:
        """Says that something was asked of a run."""
        self._notify(b"c" + run_id.encode("ascii"))

    def group(self, group_id: str) -> None:
        """Says that a group was submitted, or is to end."""
        self._notify(b"g" + group_id.encode("ascii"))

    def close(self) -> None:
        """Gives the socket back."""
        self._socket.close()

    def _notify(self, message: bytes) -> None:
        with contextlib.suppress(OSError):
            self._socket.sendto(message, self._path)
