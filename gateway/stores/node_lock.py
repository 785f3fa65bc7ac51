"""Which runner of a node is the one that may act, and the numbers by which its writes are known."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from gateway.stores.atomic_file import replace, try_lock
from gateway.stores.disk_errors import disk_refused
from protocol.errors import GatewayError, Kind

__all__ = ["NodeLock", "lock_node"]


class NodeLock:
    """The right to act for a node, held until closed or until the process ends."""

    def __init__(self, fd: int, epoch_path: Path) -> None:
        self._fd = fd
        self._epoch_path = epoch_path

    def next_epoch(self, floor: int = 0) -> int:
        """A number larger than the floor and than any that was given on this node, for ever.

        ``floor`` is what Redis knows of. Durable before it is returned, so that a Redis that went
        back in time cannot make it be given again. Raises UNAVAILABLE if the disk refuses.
        """
        try:
            with contextlib.suppress(FileNotFoundError, ValueError):
                floor = max(floor, int(self._epoch_path.read_text("ascii")))
            replace(self._epoch_path, f"{floor + 1}\n".encode())
        except OSError as error:
            raise disk_refused(error) from error
        return floor + 1

    def close(self) -> None:
        """Gives the right back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def lock_node(spool: Path) -> NodeLock:
    """The right to act for the node with that spool. CONFLICT if another process has it."""
    fd = try_lock(spool / "node.lock")
    if fd is None:
        raise GatewayError(Kind.CONFLICT, f"another runner works on the spool {spool}")
    return NodeLock(fd, spool / "epoch")
