"""What the launcher tells a shim: the one message between them, and its form.

The shim imports this file: standard library only.
"""

from __future__ import annotations

import json
from typing import NamedTuple

__all__ = ["STARTING_NICE", "Bounds", "Order", "decode_order", "encode_order", "rehearse"]

STARTING_NICE = 10
"""How far the session of a run stands back while it is new: many may start at the same time."""


class Bounds(NamedTuple):
    """The limits of a run, as in the engine contract: 0 is none, but for the grace."""

    seconds: float
    grace_seconds: float
    output_bytes: int
    drain_seconds: float
    processes: int
    memory_bytes: int
    open_files: int
    file_bytes: int


class Order(NamedTuple):
    """One run to supervise: its directory, the process to start, and whom to tell.

    ``bell`` is the path of a datagram socket; empty if nobody wants to be told. ``secrets`` are
    texts that must not be recorded.
    """

    run: str
    argv: list[str]
    environment: dict[str, str]
    directory: str
    bounds: Bounds
    bell: str
    secrets: tuple[str, ...] = ()


def encode_order(order: Order) -> bytes:
    """The message; text that stands for undecodable bytes survives."""
    return json.dumps(order).encode()


def decode_order(data: bytes) -> Order:
    """The order in a message of this version."""
    run, argv, environment, directory, bounds, bell, secrets = json.loads(data)
    return Order(run, argv, environment, directory, Bounds(*bounds), bell, tuple(secrets))


def rehearse() -> None:
    """Reads an order of no consequence: a forked process is slow at what it does first.

    All that it touches has to be copied, and that is better done while nobody waits for it.
    """
    decode_order(encode_order(Order("", [""], {"": ""}, "", Bounds(0, 0, 0, 0, 0, 0, 0, 0), "")))
