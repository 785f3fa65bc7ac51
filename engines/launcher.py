"""The runner's side of starting runs: takes the lock, hands it over, and keeps the zygote alive.

A run is started at most once, whatever dies in the middle: the lock goes from hand to hand without
ever being free, and a run with a shim file is never started again. Must never fork by itself.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from engines.contract import EngineError, Launch
from engines.rundir.directory import Exit, ExitKind, RunDir, killed_before_start
from engines.rundir.requests import read_control
from engines.shim.launch_request import LaunchRequest, encode_request
from engines.shim.native import build as native
from engines.shim.orphans import COOKIE
from engines.shim.redact import Redactor
from engines.shim.zygote import ANSWER, REQUEST

__all__ = ["PASSING", "ShimChoice", "Zygote"]

ShimChoice = Literal["auto", "native", "python"]
"""Which shim supervises runs: ``auto`` is the native one where it was built."""

PASSING = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
"""What a machine lacks for a start and may have again soon."""

_CODE = """
import sys
sys.path.append(sys.argv[1])
from engines.shim.zygote import serve
serve(int(sys.argv[2]), groups=bool(sys.argv[3]), nice=int(sys.argv[4]))
"""
_ROOT = str(Path(__file__).resolve().parent.parent)
_KEPT = ("LD_LIBRARY_PATH",)
_LOOK_TRIES = 20
_POLL_SECONDS = 0.002
_END_SECONDS = 5.0


class Zygote:
    """Starts runs through a process that forks cheaply; starts that one anew if it dies.

    Args:
        answer_seconds: after this time without an answer the zygote counts as dead.
        groups: whether runs get control groups of their own where that is possible.
        nice: how far runs stand back when processors are short, 0 to 19.
        shim: which shim the runs have.
    """

    def __init__(
        self,
        answer_seconds: float = 10.0,
        *,
        groups: bool = True,
        nice: int = 0,
        shim: ShimChoice = "python",
    ) -> None:
        self._answer_seconds = answer_seconds
        self._shim = shim
        self._groups = groups
        self._nice = nice
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._socket: socket.socket | None = None
        self._number = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Starts the process, so that the first run need not wait for it.

        Raises:
            EngineError: it cannot be started.
        """
        async with self._turn:
            if self._socket is None:
                await self._spawn()

    @property
    def pid(self) -> int:
        """The process, 0 if there is none at the moment."""
        return 0 if self._process is None else self._process.pid

    async def close(self) -> None:
        """Ends the process; the runs that it started go on."""
        async with self._turn:
            await self._end()

    async def launch(
        self, run: RunDir, launch: Launch, notifier: str, *, settle: bool = True
    ) -> bool:
        """Starts a run, at most once for ever; its directory tells how it goes from here on.

        Returns False, and does nothing, if somebody is or was on this run, or if it was killed or
        is held: its state says which. True means that this call settled it: a shim holds the lock,
        or, if no process could be made, the ending says so. A shim that dies before it could say
        who it is leaves the run ACCEPTED, and it may be launched again.

        Args:
            run: the accepted run.
            launch: what to start.
            notifier: path of the datagram socket that is told of output and endings; empty for
                none.
            settle: whether a lack of processes or memory is the end of the run. If not, it stays
                startable and the OSError is raised.

        Raises:
            EngineError: the zygote does not answer, twice. The run was not started.
            OSError: no process could be made at the moment, and nothing is settled.
        """
        # The Python shim finds by itself what a secret may look like in output.
        forms = Redactor(launch.secrets).forms if self._shim != "python" else ()
        order = encode_request(_order(run, launch, notifier, forms))
        first = await self._attempt(run, order, settle=settle)
        if first is not None:
            return first
        # The zygote died over it. Whether it had forked before, only the lock and the files tell.
        second = await self._attempt(run, order, settle=settle)
        if second is None:
            raise EngineError("the process that starts runs does not answer")
        return True

    async def _attempt(self, run: RunDir, order: bytes, *, settle: bool) -> bool | None:
        """Goes through the start protocol once; None if the zygote died on the way."""
        lock = await _take(run)
        if lock is None:
            return False
        try:
            if run.shim() is not None or run.exit() is not None:
                return False
            if run.kill_request() is not None:
                await asyncio.to_thread(run.write_exit, killed_before_start())
                return False
            if read_control(run).held:
                return False
            failure = await self._hand_over(order, lock)
            if failure in PASSING and not settle:
                raise OSError(failure, os.strerror(failure))
            if failure:
                await asyncio.to_thread(run.write_exit, _start_failed(failure))
            return None if failure is None else True
        finally:
            os.close(lock)

    async def _hand_over(self, order: bytes, lock: int) -> int | None:
        """Sends lock and order to the zygote; the errno of its fork, None if it died."""
        message = os.memfd_create("order", os.MFD_CLOEXEC)
        try:
            with open(message, "wb", closefd=False) as file:  # noqa: ASYNC230 - it is memory
                file.write(order)
            async with self._turn:
                return await self._ask([lock, message])
        finally:
            os.close(message)

    async def _ask(self, fds: list[int]) -> int | None:
        if self._socket is None:
            await self._spawn()
        requests = self._socket
        if requests is None:
            return None
        self._number += 1
        try:
            async with asyncio.timeout(self._answer_seconds):
                socket.send_fds(requests, [REQUEST.pack(self._number)], fds)
                while answer := await _receive(requests):
                    number, failure, _ = ANSWER.unpack(answer)
                    # An older number is the answer to a caller that did not wait for it.
                    if number == self._number:
                        return int(failure)
        except OSError:
            pass
        await self._end()
        return None

    async def _command(self, fd: int) -> tuple[str, ...]:
        """What is to be executed; EngineError if it was asked for and is not there."""
        arguments = (str(fd), "1" if self._groups else "", str(self._nice))
        if self._shim != "python":
            found = await asyncio.to_thread(native.find)
            if found is not None:
                return (str(found), *arguments)
            if self._shim == "native":
                raise EngineError("the native shim was not built: see `narthex doctor`")
        return (sys.executable, "-I", "-S", "-X", "utf8", "-c", _CODE, _ROOT, *arguments)

    async def _spawn(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *await self._command(theirs.fileno()),
                    stdin=DEVNULL,
                    stdout=DEVNULL,
                    env={name: os.environ[name] for name in _KEPT if name in os.environ},
                    cwd="/",
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
            except (OSError, EngineError) as error:
                ours.close()
                if isinstance(error, EngineError):
                    raise
                raise EngineError(
                    f"the process that starts runs cannot be started: {error}"
                ) from error
        ours.settimeout(0)
        self._socket = ours

    async def _end(self) -> None:
        requests, self._socket = self._socket, None
        process, self._process = self._process, None
        if requests is not None:
            requests.close()
        if process is None:
            return
        try:
            async with asyncio.timeout(_END_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            async with asyncio.timeout(_END_SECONDS):
                await process.wait()


async def _receive(requests: socket.socket) -> bytes:
    return await asyncio.get_running_loop().sock_recv(requests, ANSWER.size)


async def _take(run: RunDir) -> int | None:
    """Takes the lock; one that is held for a moment only, by a look at the state, is waited for."""
    for _ in range(_LOOK_TRIES):
        lock = run.take()
        if lock is not None:
            return lock
        if run.shim() is not None:
            return None
        await asyncio.sleep(_POLL_SECONDS)
    return None


def _order(run: RunDir, launch: Launch, notifier: str, forms: Iterable[bytes]) -> LaunchRequest:
    return LaunchRequest(
        str(Path(run.path).absolute()),
        list(launch.argv),
        {**launch.environment, COOKIE: run.run_id},
        str(launch.directory),
        launch.limits.bounds(),
        notifier,
        launch.secrets,
        launch.stdin,
        tuple(form.decode("utf-8", "surrogateescape") for form in forms),
        launch.sandbox,
    )


def _start_failed(number: int) -> Exit:
    return Exit(
        ExitKind.START_FAILED,
        message=f"no process could be made for the run: {os.strerror(number)}",
        reason=errno.errorcode.get(number, ""),
        ended_ms=time.time_ns() // 1_000_000,
    )
