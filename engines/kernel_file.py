"""Files that are the kernel's: what is written to one is an order. Standard library only."""

from __future__ import annotations

import os

__all__ = ["write"]


def write(path: str, text: str) -> None:
    """Gives an order in one call, as the kernel wants it. Raises OSError if it is refused."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
