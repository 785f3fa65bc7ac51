"""What a shim sends to its runner: that there is something to look at, and nothing else.

One may be lost; it never carries data, never waits and never fails. The shim imports this file:
standard library only.
"""

from __future__ import annotations

import socket

__all__ = ["Notifier"]

_GAP_SECONDS = 0.002
_BUSY_SECONDS = 0.01
_MAX_BUSY_SECONDS = 1.0


class Notifier:
    """Notifies at once when it was quiet, else soon: many close together become one.

    Args:
        path: the runner's datagram socket; empty for nobody.
        run_id: what it says.
    """

    def __init__(self, path: str, run_id: str) -> None:
        self._path = path
        self._message = b"o" + run_id.encode()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._last = 0.0
        self._busy = _BUSY_SECONDS
        self.owed: float | None = None
        """The monotonic time at which a notification is owed."""

    def notify(self, now: float, delay_seconds: float = 0.0) -> None:
        """Says that there is news; ``now`` is monotonic.

        News that more is likely to follow may wait so many ``delay_seconds``.
        """
        if self._path:
            due = max(now + delay_seconds, self._last + _GAP_SECONDS)
            self.owed = due if self.owed is None else min(self.owed, due)
        self.settle(now)

    def close(self) -> None:
        """Gives the socket back."""
        self._socket.close()

    def settle(self, now: float) -> None:
        """Sends what is owed by now; a full socket is tried again later, a missing one never."""
        if self.owed is None or now < self.owed:
            return
        self.owed = None
        self._last = now
        try:
            self._socket.sendto(self._message, self._path)
        except BlockingIOError:
            self.owed = now + self._busy
            self._busy = min(self._busy * 2, _MAX_BUSY_SECONDS)
        except OSError:
            return
        else:
            self._busy = _BUSY_SECONDS
