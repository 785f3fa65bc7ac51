"""How many connections there may be, and whose goes when there are too many.

Every connection has a descriptor, and so have the store, the disk and the runs: what strangers hold
idle must not use them up. A new connection closes the one of a stranger that was idle for longest,
and if there is none, that of a user; only if everybody is busy is it refused.
"""

from __future__ import annotations

import resource
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Protocol

from gateway.auth.proxies import Proxies
from gateway.caller import counted_as

__all__ = ["Connection", "Connections", "most_connections"]

_LEAST = 16
_LEAST_SPARE = 128


class Connection(Protocol):
    """What can be closed to make room."""

    def evict(self) -> None:
        """Ends the connection at once."""
        ...


@dataclass(slots=True)
class _Entry:
    name: str
    user: bool = False


class Connections:
    """All connections of one process.

    Args:
        most: how many there may be.
        per_address: how many of strangers from one address.
        proxies: whose connections are many people's and not counted as one address.
    """

    def __init__(self, most: int, per_address: int, proxies: Proxies) -> None:
        self._most = most
        self._per_address = per_address
        self._proxies = proxies
        self._entries: dict[Connection, _Entry] = {}
        self._idle_strangers: OrderedDict[Connection, None] = OrderedDict()
        self._idle_users: OrderedDict[Connection, None] = OrderedDict()
        self._by_address: Counter[str] = Counter()

    def opened(self, connection: Connection, address: str) -> bool:
        """A new connection, idle; whether there is room for it."""
        name = "" if self._proxies.trusts(address) else counted_as(address)
        if name and self._by_address[name] >= self._per_address and not self._evict(name):
            return False
        if len(self._entries) >= self._most and not self._evict(""):
            return False
        self._entries[connection] = _Entry(name)
        self._by_address[name] += 1
        self._idle_strangers[connection] = None
        return True

    def busy(self, connection: Connection) -> None:
        """It is being answered, and stays."""
        self._idle_strangers.pop(connection, None)
        self._idle_users.pop(connection, None)

    def idle(self, connection: Connection, *, user: bool) -> None:
        """It was answered; ``user`` says whether it was somebody who is known."""
        entry = self._entries.get(connection)
        if entry is None:
            return
        if user != entry.user:
            entry.user = user
            self._count(entry.name, -1 if user else 1)
        (self._idle_users if user else self._idle_strangers)[connection] = None

    def closed(self, connection: Connection) -> None:
        """It is gone. May be called again."""
        entry = self._entries.pop(connection, None)
        self.busy(connection)
        if entry is not None and not entry.user:
            self._count(entry.name, -1)

    def _evict(self, name: str) -> bool:
        """Closes an idle connection, of an address if one is named; whether there was one."""
        for connection in self._idle_strangers:
            if not name or self._entries[connection].name == name:
                self._close(connection)
                return True
        if not name and self._idle_users:
            self._close(next(iter(self._idle_users)))
            return True
        return False

    def _close(self, connection: Connection) -> None:
        self.closed(connection)
        connection.evict()

    def _count(self, name: str, change: int) -> None:
        self._by_address[name] += change
        if not self._by_address[name]:
            del self._by_address[name]


def most_connections(wanted: int) -> int:
    """How many connections this process may have: as configured, and well below its descriptors."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(_LEAST, min(wanted, soft - max(_LEAST_SPARE, soft // 4)))
