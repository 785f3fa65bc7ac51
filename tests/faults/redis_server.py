"""A redis-server of a test's own that can be killed, frozen, robbed and told to misbehave.

Only the process that was started here is signalled. The server is a real one, always.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from gateway.stores.redis_programs import find_server
from tests.support.waiting import wait_until_sync

__all__ = ["OwnRedis", "own_redis"]


class OwnRedis:
    """A server with an append-only file in a folder, on a unix socket in one with a short name."""

    def __init__(self, folder: Path, short: Path) -> None:
        self.folder = folder
        self.short = short
        self.socket = str(short / "redis.sock")
        self.client = redis.Redis(
            unix_socket_path=self.socket, socket_timeout=5, retry=Retry(NoBackoff(), 0)
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Starts it and waits until it answers."""
        (self.folder / "data").mkdir(exist_ok=True)
        words = {
            "port": "0",
            "unixsocket": self.socket,
            "dir": str(self.folder / "data"),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "busy-reply-threshold": "100",
            "enable-debug-command": "local",
            "logfile": str(self.folder / "redis.log"),
        }
        command = [str(find_server().path)]
        for name, value in words.items():
            command += [f"--{name}", value]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until_sync(self.answers, "the Redis of the test to answer")

    def answers(self) -> bool:
        """Whether it answers."""
        with contextlib.suppress(redis.RedisError):
            return bool(self.client.ping())
        return False

    def glance(self) -> None:
        """Asks it for a sign of life and waits for no more than a moment; raises if none comes."""
        with redis.Redis(
            unix_socket_path=self.socket, socket_timeout=0.2, retry=Retry(NoBackoff(), 0)
        ) as client:
            client.ping()

    def signal(self, number: int) -> None:
        """Sends it a signal."""
        assert self._process
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """Ends it with SIGKILL and waits for its end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None
        self.client.close()

    def freeze(self) -> None:
        """Stops it: connections are accepted and nothing is answered."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on."""
        self.signal(signal.SIGCONT)

    def empty(self) -> None:
        """Forgets all that was written; it must be dead."""
        shutil.rmtree(self.folder / "data")

    def cut(self, size: int) -> None:
        """Loses the last bytes that were written; it must be dead."""
        newest = max((self.folder / "data" / "appendonlydir").glob("*.incr.aof"))
        os.truncate(newest, max(0, newest.stat().st_size - size))

    def lifeless(self) -> set[str]:
        """The keys without a time to live."""
        return {str(key, "utf-8") for key in self.client.scan_iter() if self.client.ttl(key) == -1}


@contextlib.contextmanager
def own_redis(folder: Path) -> Iterator[OwnRedis]:
    """A running server for as long as the block lasts."""
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="nx") as short:
        server = OwnRedis(folder, Path(short))
        server.start()
        try:
            yield server
        finally:
            server.kill()
