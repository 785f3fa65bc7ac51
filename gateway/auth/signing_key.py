"""The key that tokens are signed with, in a file that nobody but its owner can read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["KEY_BYTES", "SigningKeyError", "load_key", "make_key"]

KEY_BYTES = 32
"""The shortest key."""


class SigningKeyError(Exception):
    """The signing key cannot be used; the message is one line for a person."""


def make_key(path: Path) -> None:
    """Writes a random signing key, mode 0600, unless there is one already."""
    try:
        descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
    except FileExistsError:
        return
    except OSError as error:
        raise SigningKeyError(f"cannot write {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())


def load_key(path: Path) -> bytes:
    """The signing key, if nobody but its owner can read it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise SigningKeyError(f"cannot read {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(file.fileno())
        if stat.S_IMODE(facts.st_mode) & 0o077 or facts.st_uid != os.getuid():
            raise SigningKeyError(f"{path} must belong to this user and have mode 0600")
        key = file.read(4096)
    if len(key) < KEY_BYTES or len(set(key)) < KEY_BYTES // 4:
        raise SigningKeyError(f"{path} holds no key of at least {KEY_BYTES} random bytes")
    return key
