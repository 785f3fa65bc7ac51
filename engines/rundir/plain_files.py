"""Files in places where a run may have put anything: only plain ones are read, and never for long.

A run owns its run directory. Where a file of ours is expected there may be a pipe, a socket, a
device, a directory, a link, or a file of a terabyte, and it may grow while it is read. None of that
may hold up who looks. The shim imports this file: standard library only.
"""

from __future__ import annotations

import errno
import os
import stat

__all__ = ["MAX_FACT_BYTES", "NotPlainError", "open_plain", "read_plain"]

MAX_FACT_BYTES = 1 << 20
"""No fact of a run is longer."""

_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_OTHER = frozenset({errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENODEV})
"""What opening says of something that is no plain file."""
_STEP = 1 << 16


class NotPlainError(FileNotFoundError):
    """There is something of that name, but no plain file: to a reader as if it were not there."""


def open_plain(path: str, flags: int = os.O_RDONLY, mode: int = 0o600, dir_fd: int = -1) -> int:
    """Opens a plain file without waiting for anybody.

    Args:
        path: the file; its last part is not followed if it is a link.
        flags: how, besides what is always so.
        mode: of a file that is made.
        dir_fd: the directory to which ``path`` is relative, -1 for the working directory.

    Raises:
        NotPlainError: there is something else in its place.
        FileNotFoundError: there is nothing.
        OSError: the disk refuses.
    """
    try:
        fd = os.open(path, flags | _FLAGS, mode, dir_fd=None if dir_fd < 0 else dir_fd)
    except OSError as error:
        if error.errno in _OTHER:
            raise NotPlainError(errno.ENOENT, "not a plain file", path) from error
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise NotPlainError(errno.ENOENT, "not a plain file", path)
    return fd


def read_plain(path: str, max_bytes: int = MAX_FACT_BYTES) -> bytes | None:
    """What a small plain file holds; None if there is nothing of that name.

    Something that is no plain file, or is longer, is there and cannot be read: then it is empty.

    Raises:
        OSError: the disk refuses.
    """
    try:
        fd = open_plain(path)
    except NotPlainError:
        return b""
    except FileNotFoundError:
        return None
    try:
        if os.fstat(fd).st_size > max_bytes:
            return b""
        parts: list[bytes] = []
        room = max_bytes + 1
        while room > 0 and (part := os.read(fd, min(_STEP, room))):
            parts.append(part)
            room -= len(part)
        return b"".join(parts) if room > 0 else b""
    finally:
        os.close(fd)
