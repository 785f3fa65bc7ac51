"""What the launcher tells a shim: the one message between them, and its form.

The shim imports this file: standard library only.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from engines.shim.call_filter import filter_program
from engines.shim.sandbox import Sandbox, decode_sandbox
from engines.shim.view import system_paths

__all__ = [
    "STARTING_NICE",
    "Bounds",
    "LaunchRequest",
    "decode_request",
    "encode_request",
    "rehearse",
]

STARTING_NICE = 10
"""How far the session of a run stands back while it is new: many may start at the same time."""


class Bounds(NamedTuple):
    """The limits of a run, as in the engine contract: 0 is none, but for the grace.

    ``most_seconds`` is what a change of the limit may not go beyond. ``warn_signal`` is sent to the
    main process ``warn_seconds`` before its time is up. ``user`` is a word for all runs of one
    user, which together have what is said of a user.
    """

    seconds: float
    grace_seconds: float
    output_bytes: int
    drain_seconds: float
    processes: int
    memory_bytes: int
    open_files: int
    file_bytes: int
    most_seconds: float = 0.0
    warn_signal: int = 0
    warn_seconds: float = 0.0
    cpu_weight: int = 0
    user: str = ""
    user_processes: int = 0
    user_memory_bytes: int = 0
    user_cpu_weight: int = 0


class LaunchRequest(NamedTuple):
    """One run to supervise: its directory, the process to start, and whom to tell.

    ``notifier`` is the path of a datagram socket; empty if nobody wants to be told. ``secrets`` are
    texts that must not be recorded. ``stdin`` is the file that it reads, empty for /dev/null.
    ``hidden`` is what the secrets may look like in output, the longest first: the native shim does
    not know how Python and JSON write a text in quotes. The other one finds that by itself, and
    need not be told.
    ``sandbox`` is what the process sees of the machine, None for all that its user may see.
    """

    run: str
    argv: list[str]
    environment: dict[str, str]
    directory: str
    bounds: Bounds
    notifier: str
    secrets: tuple[str, ...] = ()
    stdin: str = ""
    hidden: tuple[str, ...] = ()
    sandbox: Sandbox | None = None


def encode_request(order: LaunchRequest) -> bytes:
    """The message; text that stands for undecodable bytes survives.

    The last field is there for a sandbox alone. It ends with what the native shim is told and the
    other one knows by itself: the paths of the system that are shown, and the filter of system
    calls.
    """
    if order.sandbox is None:
        return json.dumps(order[:-1]).encode()
    box = (*order.sandbox, system_paths(), filter_program().hex())
    return json.dumps((*order[:-1], box)).encode()


def decode_request(data: bytes) -> LaunchRequest:
    """The order in a message of this version."""
    fields = json.loads(data)
    run, argv, environment, directory, bounds, notifier, secrets, stdin, hidden, *box = fields
    return LaunchRequest(
        run,
        argv,
        environment,
        directory,
        Bounds(*bounds),
        notifier,
        tuple(secrets),
        stdin,
        tuple(hidden),
        decode_sandbox(*box) if box else None,
    )


def rehearse() -> None:
    """Reads an order of no consequence: a forked process is slow at what it does first.

    All that it touches has to be copied, and that is better done while nobody waits for it.
    """
    decode_request(
        encode_request(LaunchRequest("", [""], {"": ""}, "", Bounds(0, 0, 0, 0, 0, 0, 0, 0), ""))
    )
