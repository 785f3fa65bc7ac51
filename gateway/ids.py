"""Identifiers: 128 bits, ordered by time, random from the kernel."""

from __future__ import annotations

import os
import re
import uuid

from protocol.tasks import TaskId

__all__ = ["is_task_id", "new_request_id", "new_task_id", "new_token_id", "time_of"]

_UUID7 = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII
)
_STAMP_BITS = 48


def new_task_id(now_ms: int) -> TaskId:
    """A UUID of version 7: 48 bits of ``now_ms`` and 74 random bits."""
    value = (now_ms & ((1 << _STAMP_BITS) - 1)) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return TaskId(str(uuid.UUID(int=value)))


def time_of(task_id: str) -> int:
    """The time (ms, epoch) at which a version 7 UUID was made, by its own words."""
    return uuid.UUID(task_id).int >> 80


def is_task_id(text: str) -> bool:
    """Whether the text is a version 7 UUID in its canonical form, safe as a file name."""
    return _UUID7.fullmatch(text) is not None


def new_request_id() -> str:
    """A name for one request in logs and headers: 16 random hex digits."""
    return os.urandom(8).hex()


def new_token_id() -> str:
    """An id for a token: 32 random hex digits, which nobody can guess."""
    return os.urandom(16).hex()
