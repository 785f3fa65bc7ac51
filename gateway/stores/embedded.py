"""The private server of a node's index, Valkey or Redis: started, guarded and stopped.

It has no TCP port, and a password. Its socket gets its name only when the index is known to be
without a lease, so that nobody acts on what an earlier life left. Two servers on one folder would
destroy its data: the server itself holds the folder's lock for as long as it lives. A folder that a
newer server wrote is refused, since older ones drop such data or start empty without a word; what
another product wrote is put aside, since everything in it can be rebuilt from the spool.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import hiredis

from gateway.children import dies_with_parent, ended
from gateway.data_paths import LONGEST_SOCKET
from gateway.stores import keys
from gateway.stores.atomic_file import private_folder, replace, try_lock
from gateway.stores.pipelined_connection import PipelinedConnection
from gateway.stores.redis_access import OPERATOR, Passwords, private_url
from gateway.stores.redis_programs import ServerProgram, dotted, find_server, parse_stamp
from protocol.errors import GatewayError, Kind

__all__ = ["EmbeddedRedis"]

_POLL_SECONDS = 0.01
_ANSWER_SECONDS = 1.0
_LAST_WORDS = 1 << 14
_DAMAGE = re.compile(
    rb"(Bad file format|Unrecoverable error|Unexpected end of file) reading the append"
)


class EmbeddedRedis:
    """One private server.

    Args:
        folder: where it keeps its data and its log.
        socket: the name under which it is reached; short, in a private folder.
        max_bytes: how much memory its data may take; then it refuses writes.
        program: the server, if not the best one found.
    """

    def __init__(
        self,
        folder: Path,
        socket: Path,
        *,
        max_bytes: int = 512 << 20,
        program: ServerProgram | None = None,
    ) -> None:
        self._folder = folder
        self._socket = socket
        self._max_bytes = max_bytes
        self._program = program
        self._passwords = Passwords(folder)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the gateway reaches it, with its password; known once it was started."""
        return private_url(self._folder, self._socket)

    @property
    def operator_url(self) -> str:
        """Where a person reaches it who may do everything with it."""
        return private_url(self._folder, self._socket, OPERATOR)

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
        program = self._program or find_server()
        if len(os.fsencode(self._socket)) > LONGEST_SOCKET:
            raise GatewayError(
                Kind.UNSUPPORTED, f"the path of the socket is too long: {self._socket}"
            )
        private_folder(self._folder)
        private_folder(self._socket.parent)
        self._passwords.prepare()
        try:
            async with asyncio.timeout(seconds):
                while not await self._come_up(program):
                    # All that is in it can be rebuilt from the spool, so it is put aside. Without
                    # data there is none to be damaged, so that this happens once.
                    self._set_aside()
        except TimeoutError as error:
            await self.stop()
            raise GatewayError(
                Kind.UNAVAILABLE,
                f"the server in {self._folder} did not come up in {seconds:g} s",
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

    async def _come_up(self, program: ServerProgram) -> bool:
        """Starts the server and waits until it can be reached; False if its data is damaged."""
        hidden = self._socket.with_name(f"{self._socket.name}.new")
        lock = await self._lock()
        try:
            self._check_version(program)
            self._clear(hidden)
            self._process = self._launch(program.path, hidden, lock)
        finally:
            # From here on the server holds the lock, and nobody else.
            os.close(lock)
        if not await self._loaded(hidden):
            if self._damaged() and self._data.exists():
                return False
            raise GatewayError(Kind.UNAVAILABLE, f"the redis server ended; see {self._log_file}")
        hidden.rename(self._socket)
        return True

    def _damaged(self) -> bool:
        """Whether the server said, in its last words, that it cannot read its data."""
        with contextlib.suppress(OSError):
            words = self._log_file.read_bytes()[-_LAST_WORDS:].rpartition(b"oO0OoO0OoO0Oo")[2]
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
    def _log_file(self) -> Path:
        return self._folder / "redis.log"

    async def _lock(self) -> int:
        path = self._folder / "lock"
        while (lock := try_lock(path)) is None:  # noqa: ASYNC110  # another process lets go
            # The server of a supervisor that was killed is on its way out: it gets the time.
            await asyncio.sleep(_POLL_SECONDS)
        return lock

    def _check_version(self, program: ServerProgram) -> None:
        path = self._folder / "server.version"
        written = None
        with contextlib.suppress(FileNotFoundError):
            written = parse_stamp(path.read_text("ascii", "replace"))
        if written is not None:
            product, version = written
            if product != program.product and self._data.exists():
                self._set_aside()
            elif product == program.product and version > program.version:
                raise GatewayError(
                    Kind.UNSUPPORTED,
                    f"{self._folder} was written by {product} {dotted(version)}, which"
                    f" {program.stamp} cannot read",
                )
        if written != (program.product, program.version):
            replace(path, f"{program.stamp}\n".encode())

    def _clear(self, hidden: Path) -> None:
        """Takes away what a server that died left; nobody is behind these names any more."""
        hidden.unlink(missing_ok=True)
        self._socket.unlink(missing_ok=True)

    def _launch(self, path: Path, hidden: Path, lock: int) -> subprocess.Popen[bytes]:
        configuration = self._folder / "server.conf"
        replace(configuration, self._configuration(hidden).encode())
        return subprocess.Popen(  # noqa: S603  # the program is the one we were told to use
            [str(path), str(configuration)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(lock,),
            # Its own group: a Ctrl-C at the terminal is for the supervisor, which ends it last.
            process_group=0,
            preexec_fn=dies_with_parent(),  # noqa: PLW1509  # one system call, prepared before
        )

    def _configuration(self, hidden: Path) -> str:
        settings = {
            "port": "0",
            "unixsocket": _quoted(hidden),
            "unixsocketperm": "700",
            "dir": _quoted(self._folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory": str(self._max_bytes),
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "logfile": _quoted(self._log_file),
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items()) + (
            self._passwords.rules()
        )

    async def _loaded(self, hidden: Path) -> bool:
        """Waits until data is loaded, and takes back what an earlier runner held the lease of.

        False if the server ended instead.
        """
        url = private_url(self._folder, hidden)
        connection = PipelinedConnection(url, timeout=_ANSWER_SECONDS, calls=1)
        try:
            while True:
                if self._process is None or self._process.poll() is not None:
                    return False
                with contextlib.suppress(hiredis.HiredisError, OSError):
                    await connection.ask("DEL", keys.READY.key())
                    return True
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            await connection.close()


def _quoted(path: Path) -> str:
    """A path as a word of the server's configuration, whatever bytes it is made of."""
    return '"' + "".join(_escaped(byte) for byte in os.fsencode(path)) + '"'


def _escaped(byte: int) -> str:
    plain = 0x20 <= byte < 0x7F and byte not in b'"\\'  # noqa: PLR2004 - printable ASCII
    return chr(byte) if plain else f"\\x{byte:02x}"
