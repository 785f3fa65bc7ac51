"""Ports for tasks that ask for some: free ones of a range, kept until their task has ended.

Free means that nothing on this machine listens there at the moment, and that no other task has it.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Mapping

from protocol.resources import Ports

__all__ = ["find_ports"]

_MOST_TRIES = 4_000


def find_ports(
    wanted: Mapping[str, Ports], taken: Iterable[int], span: tuple[int, int]
) -> dict[str, tuple[int, ...]] | None:
    """Free ports for all labels, None if there are too few. Blocks for a moment.

    Those that are asked for by number come first and may lie outside of the range.
    """
    used = set(taken)
    found: dict[str, tuple[int, ...]] = {}
    for label, ports in sorted(wanted.items(), key=lambda item: not item[1].first):
        if ports.first:
            exact = tuple(range(ports.first, ports.first + ports.count))
            if not used.isdisjoint(exact) or not all(map(_is_free, exact)):
                return None
            found[label] = exact
        else:
            some = _some(ports.count, used, span)
            if some is None:
                return None
            found[label] = some
        used.update(found[label])
    return found


def _some(count: int, used: set[int], span: tuple[int, int]) -> tuple[int, ...] | None:
    chosen: list[int] = []
    tries = 0
    for port in range(span[0], span[1] + 1):
        if len(chosen) == count:
            break
        if port in used:
            continue
        tries += 1
        if tries > _MOST_TRIES:
            return None
        if _is_free(port):
            chosen.append(port)
    return tuple(chosen) if len(chosen) == count else None


def _is_free(port: int) -> bool:
    """Whether a server could listen at a port, for everybody and for this machine alone."""
    for family, host in ((socket.AF_INET, ""), (socket.AF_INET6, "::")):
        try:
            probe = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        except OSError:
            if family == socket.AF_INET6:  # a machine without it
                continue
            return False
        with probe:
            # Else a connection that was closed a moment ago makes the port look taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((host, port))
                probe.listen(1)
            except OSError as error:
                if family == socket.AF_INET6 and error.errno != errno.EADDRINUSE:
                    continue  # there is no such address here
                return False
    return True
