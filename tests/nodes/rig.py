"""Two nodes on one Redis: two data folders, two ports, one redis-server, all real."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.data_paths import DataPaths
from gateway.supervisor.first_start import prepare
from tests.faults.redis_server import OwnRedis, own_redis
from tests.support.served import Served, serving

__all__ = ["NAMES", "Pair", "pair"]

NAMES = ("a", "b")


@dataclass(slots=True)
class Pair:
    """The nodes by name, while they run; ``start`` and ``stop`` one of them as often as needed."""

    folder: Path
    redis: OwnRedis
    ports: dict[str, int]
    more: dict[str, str] = field(default_factory=dict)
    own: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    running: dict[str, tuple[contextlib.ExitStack, Served]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Served:
        """A node that runs."""
        return self.running[name][1]

    def environment(self, name: str) -> dict[str, str]:
        """The settings of a node; it is reached by https if it has a certificate."""
        scheme = "https" if "NARTHEX_SERVER_TLS_CERTIFICATE" in self.more else "http"
        return {
            "NARTHEX_REDIS_URL": f"unix://{self.redis.socket}",
            "NARTHEX_NODE_NAME": name,
            "NARTHEX_NODE_ADDRESS": f"{scheme}://127.0.0.1:{self.ports[name]}",
            "NARTHEX_NODE_ACCOUNTS": NAMES[0],
            **self.more,
            **self.own.get(name, {}),
        }

    def start(self, name: str) -> Served:
        """Starts a node."""
        stack = contextlib.ExitStack()
        data = self.folder / name
        node = stack.enter_context(
            serving(data, "--port", str(self.ports[name]), **self.environment(name))
        )
        self.running[name] = (stack, node)
        return node

    def stop(self, name: str) -> None:
        """Ends a node in order, or what a killed one left."""
        stack, _ = self.running.pop(name)
        stack.close()


@contextlib.contextmanager
def pair(
    folder: Path, own: Mapping[str, Mapping[str, str]] | None = None, **more: str
) -> Iterator[Pair]:
    """Both nodes, running, with the same keys and users.

    ``more`` are settings of both, ``own`` those of each by its name.
    """
    folder.mkdir(exist_ok=True)
    paths = {name: DataPaths.of(folder / name) for name in NAMES}
    asyncio.run(prepare(paths["a"]))
    paths["b"].prepare()
    shutil.copy2(paths["a"].token_key, paths["b"].token_key)
    shutil.copy2(paths["a"].directory, paths["b"].directory)
    with own_redis(folder / "redis") as redis:
        nodes = Pair(folder, redis, _ports(), dict(more), own or {})
        try:
            for name in NAMES:
                nodes.start(name)
            yield nodes
        finally:
            for name in tuple(nodes.running):
                nodes.stop(name)


def _ports() -> dict[str, int]:
    """A free port for each node."""
    with contextlib.ExitStack() as stack:
        found = {}
        for name in NAMES:
            taken = stack.enter_context(socket.socket())
            taken.bind(("127.0.0.1", 0))
            found[name] = int(taken.getsockname()[1])
        return found
