"""Ports of a machine that nobody uses, kept from others of ours while the porter lives.

Free means that a server could listen there. Between the look and the start somebody else may take
one; who runs here for us cannot, for each port has a lock below the folder for runs.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from engines import processes

__all__ = ["LACKING", "free_ports", "ports_of", "ports_text"]

LACKING = "-"
"""What a porter says in place of its ports if they are not free."""
_MOST_TRIES = 4_000


def free_ports(
    folder: Path, wanted: Mapping[str, Sequence[int]], span: Sequence[int]
) -> dict[str, tuple[int, ...]] | None:
    """Ports for all labels, None if there are too few. They are kept until this process ends.

    Args:
        folder: where the locks are, in one that all of ours on this machine have.
        wanted: by label how many, and the first one if they are exactly those from there on (or 0).
        span: the first and the last that may be chosen.

    Raises:
        OSError: the folder cannot be used.
    """
    # By the boot, so that machines that have the folder in common do not keep each other's.
    locks = folder / f"ports-{processes.boot_id()}"
    locks.mkdir(mode=0o700, parents=True, exist_ok=True)
    found: dict[str, tuple[int, ...]] = {}
    for label, (count, first) in sorted(wanted.items(), key=lambda item: not item[1][1]):
        exact = range(first, first + count)
        chosen: list[int] = []
        for port in exact if first else _candidates(span):
            if len(chosen) < count and _keep(locks, port):
                chosen.append(port)
            if len(chosen) == count:
                break
        if len(chosen) < count:
            return None
        found[label] = tuple(chosen)
    return found


def ports_text(ports: Mapping[str, Sequence[int]]) -> str:
    """Ports by label as one text: ``web:4000,4001;http:4002``."""
    return ";".join(f"{label}:{','.join(map(str, some))}" for label, some in ports.items())


def ports_of(text: str) -> dict[str, tuple[int, ...]]:
    """The ports that a text says; what makes no sense is passed over."""
    found: dict[str, tuple[int, ...]] = {}
    for part in text.split(";"):
        label, _, numbers = part.partition(":")
        some = tuple(int(one) for one in numbers.split(",") if one.isascii() and one.isdigit())
        if label and some:
            found[label] = some
    return found


def _candidates(span: Sequence[int]) -> Iterator[int]:
    """The ports of a span from a random one on."""
    first, last = span
    size = last - first + 1
    start = secrets.randbelow(size)  # so that not all begin with the same
    return (first + (start + step) % size for step in range(min(size, _MOST_TRIES)))


def _keep(locks: Path, port: int) -> bool:
    """Whether a port is ours from now on."""
    fd = os.open(locks / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return False
    if _is_free(port):
        return True  # the descriptor stays open for as long as this process lives
    os.close(fd)
    return False


def _is_free(port: int) -> bool:
    """Whether a server could listen at a port, for everybody."""
    for family, host in ((socket.AF_INET, ""), (socket.AF_INET6, "::")):
        try:
            with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((host, port))
                probe.listen(1)
        except OSError as error:
            if family == socket.AF_INET6 and error.errno != errno.EADDRINUSE:
                continue  # a machine without it
            return False
    return True
