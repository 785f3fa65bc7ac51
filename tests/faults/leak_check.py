"""Counts what a gateway holds: descriptors, threads, zombies, sockets, keys, run directories."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from engines.processes import descendants
from tests.faults.redis_server import OwnRedis
from tests.support.processes import state
from tests.support.served import Served

__all__ = ["Holdings", "held_now", "holdings", "sockets"]


_LISTEN = "0A"


@dataclass(frozen=True, slots=True)
class Holdings:
    """One count. ``held`` maps each part and resource to a number; the rest is names."""

    held: dict[str, int]
    zombies: tuple[int, ...]
    lifeless: frozenset[str]
    live: tuple[str, ...]

    def grown(self, base: Holdings, slack: int) -> dict[str, tuple[int, int]]:
        """What is more than it was, with both numbers; ``slack`` is not counted."""
        return {
            name: (base.held.get(name, 0), count)
            for name, count in self.held.items()
            if count > base.held.get(name, 0) + slack
        }


def held_now(gateway: Served, server: OwnRedis) -> Holdings:
    """Counts once, what Redis holds included."""
    found = holdings(gateway)
    found.held["redis connections"] = int(server.client.info("clients")["connected_clients"])
    return replace(found, lifeless=frozenset(server.lifeless()))


def holdings(gateway: Served) -> Holdings:
    """Counts once what its processes hold; what ends while it is counted is left out."""
    held: Counter[str] = Counter()
    zombies: list[int] = []
    family = (gateway.process.pid, *descendants(gateway.process.pid))
    for pid in family:
        with contextlib.suppress(OSError):
            if state(pid) == "Z":
                zombies.append(pid)
                continue
            name = part(pid)
            held[f"{name} processes"] += 1
            held[f"{name} threads"] += len(list(Path(f"/proc/{pid}/task").iterdir()))
            held[f"{name} descriptors"] += len(list(Path(f"/proc/{pid}/fd").iterdir()))
    live = tuple(sorted(path.name for path in (gateway.data / "spool" / "live").iterdir()))
    return Holdings(dict(held), tuple(zombies), frozenset(), live)


def part(pid: int) -> str:
    """The module or program that a process runs."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    if "-m" in words:
        return words[words.index("-m") + 1]
    return Path(words[0]).name


def sockets(gateway: Served) -> int:
    """How many connections of clients the gateway process holds, whatever their state."""
    (pid,) = gateway.parts("gateway.app")
    own = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            own.add(str(entry.readlink()))
    port = f":{int(gateway.url.rpartition(':')[2]):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(
        row[1].endswith(port) and row[3] != _LISTEN and f"socket:[{row[9]}]" in own for row in rows
    )
