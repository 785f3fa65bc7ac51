"""The porter: what a place starts on one of its machines for one run.

It asks the landing for the grant, makes a run directory on this machine, asks the engine here what
to start, has our shim started, and carries what the shim records to the landing. It decides nothing
and records nothing of its own: without the landing the run goes on, and is told of later. The
place's polite signal becomes a kill of the run, and without the porter the guard ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import stat
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, cast

from engines import processes
from engines.contract import EngineError
from engines.launcher import Zygote
from engines.placed.carry import Carrier
from engines.placed.free_ports import LACKING, free_ports, ports_text
from engines.placed.guard import PLACE, stand_guard
from engines.placed.machines import machines
from engines.placed.order import dress, prepared, put_piece
from engines.placed.wire import (
    BEAT_SECONDS,
    VERSION,
    Frame,
    WireError,
    decode,
    frame,
    object_frame,
    proof,
    read_frame,
    split_piece,
)
from engines.rundir.creation import create_run
from engines.rundir.directory import RunDir
from engines.rundir.facts import Exit, ExitKind, RunState
from engines.rundir.requests import add_events
from engines.shim.orphans import sweep_orphan

__all__ = ["Assignment", "main"]

DELIVERED_LATER = 75
"""Exit status: the run ended and its record still lies on this machine."""
REFUSED = 76
"""Exit status: the landing gave the start to another one, or knows no such run."""
UNUSABLE = 77
"""Exit status: this machine cannot take the run; nothing was started."""
_CONNECT_SECONDS = 10.0
_LONGEST_PAUSE = 2.0
_POLL_SECONDS = 0.5
_ME = "me"
_HELD = "porter"
_HOMES = "home"
"""Beside the folders of runs: those of their owners, which stay."""
_ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Assignment(NamedTuple):
    """What a place hands to a porter: one JSON object on its standard input.

    ``landing`` is ``host:port``, ``certificate`` its certificate in PEM (empty: no TLS), ``folder``
    where run directories are made on this machine. ``grace`` are the seconds between the polite and
    the certain signal of the place, less what a kill of ours needs. For so many ``linger`` seconds
    an ending is kept for the landing. ``collect`` is a porter of before whose record is to be
    delivered: then nothing is started. ``ports`` are wanted by label: how many, and the first one
    or 0; those of the machine's ``span`` are chosen from.
    """

    run_id: str
    key: str
    landing: str
    folder: str
    certificate: str = ""
    grace: float = 5.0
    linger: float = 600.0
    collect: Mapping[str, object] | None = None
    ports: Mapping[str, Sequence[int]] = {}
    span: Sequence[int] = (20_000, 29_999)


class _Unusable(Exception):  # noqa: N818 - it says what the machine lacks
    """The run cannot be taken on this machine."""


class Porter:
    """The porter of one run."""

    def __init__(self, given: Assignment, home: Path, guard: int) -> None:
        self._given = given
        self._home = home
        self._guard = guard
        self._run = RunDir(home / "live" / given.run_id)
        self._has_run = False
        self._me: dict[str, object] = _identity()
        self._changed = asyncio.Event()
        self._zygote = Zygote(groups=True)
        self._carrier: Carrier | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._refused = ""
        self._done = False
        self._signalled = False
        self._requested: float | None = None
        self._notifier: socket.socket | None = None
        if given.collect is not None:
            self._me = json.loads((home / _ME).read_text("utf-8"))
            self._has_run = True
        elif given.ports:
            found = free_ports(Path(given.folder), given.ports, given.span)
            self._me["ports"] = LACKING if found is None else ports_text(found)

    async def run(self) -> int:
        """Until the ending is delivered, or cannot be; the exit status."""
        loop = asyncio.get_running_loop()
        for number in _ENDING_SIGNALS:
            loop.add_signal_handler(number, self._on_signal)
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            loop.add_signal_handler(number, lambda: None)
        pause, deadline = 0.1, 0.0
        try:
            while True:
                with contextlib.suppress(
                    OSError, EOFError, WireError, ssl.SSLError, TimeoutError, ValueError
                ):
                    await self._connection()
                    pause = 0.1
                if self._done:
                    break
                if self._refused and not await self._give_up():
                    return REFUSED
                if self._ended() or not self._has_run:
                    deadline = deadline or time.monotonic() + self._given.linger
                    if time.monotonic() > deadline:
                        return DELIVERED_LATER
                await self._bury()
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        finally:
            await self._zygote.close()
            if self._notifier is not None:
                loop.remove_reader(self._notifier)
                self._notifier.close()
        return _status(self._run.exit())

    def _ended(self) -> bool:
        return self._has_run and self._run.exit() is not None

    async def _give_up(self) -> bool:
        """The run is not wanted any more: it is killed here; whether there is still something."""
        if not self._has_run:
            return False
        self._kill(0.0)
        await self._bury()
        return not self._ended()

    async def _bury(self) -> None:
        """Sweeps up after a shim that died, here, where the kernel can still be asked."""
        if self._has_run and self._run.state() is RunState.ORPHANED:
            await asyncio.to_thread(sweep_orphan, self._run)

    # The connection

    async def _connection(self) -> None:
        """Speaks to the landing until the connection ends. Raises what ended it."""
        host, _, port = self._given.landing.rpartition(":")
        async with asyncio.timeout(_CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(
                host.strip("[]"), int(port), ssl=_context(self._given.certificate)
            )
        try:
            # By what the gateway is reached from here, the machine is reached by others.
            self._me.setdefault("address", writer.get_extra_info("sockname")[0])
            grant = await self._introduce(reader, writer)
            if grant is None:
                return
            self._refused = ""
            self._writer = writer
            if self._has_run:
                self._carrier = Carrier(self._run, writer, cast("int", grant["offset"]))
            try:
                async with asyncio.TaskGroup() as both:
                    receiving = both.create_task(self._receive(reader, writer, grant))
                    telling = both.create_task(self._tell(writer))
                    await asyncio.wait({receiving, telling}, return_when=asyncio.FIRST_COMPLETED)
                    receiving.cancel()
                    telling.cancel()
            except BaseExceptionGroup as several:
                raise several.exceptions[0] from None
        finally:
            self._writer = self._carrier = None
            writer.transport.abort()

    async def _introduce(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> dict[str, object] | None:
        """Proves who is who; what the landing grants, None if it refuses."""
        kind, payload = await read_frame(reader, trusted=False)
        hello = decode(payload)
        theirs, ours = str(hello.get("nonce", "")), secrets.token_hex(16)
        claims = {
            **self._me,
            "run": self._given.run_id,
            "version": VERSION,
            "have": self._has_run,
            "time_ms": time.time_ns() // 1_000_000,
        }
        signed = proof(self._given.key, "porter", (theirs, ours), claims)
        writer.write(object_frame(Frame.WHO, nonce=ours, proof=signed, claims=claims))
        kind, payload = await read_frame(reader)
        answer = decode(payload)
        content = cast("dict[str, object]", answer.get("content", {}))
        known = proof(self._given.key, "landing", (theirs, ours), content)
        if answer.get("proof") != known:
            if kind is Frame.REFUSE and answer.get("unknown"):
                self._refused = "the landing knows no such run"
                return None
            raise WireError("the landing does not know the key of the run")
        if kind is Frame.REFUSE:
            self._refused = str(content.get("why", "refused"))
            sys.stderr.write(f"narthex: {self._refused}\n")
            return None
        return content

    async def _receive(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, grant: dict[str, object]
    ) -> None:
        staged = self._home / "staged"
        while not self._done:
            kind, payload = await read_frame(reader)
            match kind:
                case Frame.FILE:
                    name, offset, data = split_piece(payload)
                    await asyncio.to_thread(put_piece, staged, name, offset, data)
                case Frame.START if not self._has_run:
                    await self._start(decode(payload), staged)
                    self._carrier = Carrier(self._run, writer, cast("int", grant["offset"]))
                    self._changed.set()
                case Frame.KILL:
                    self._kill(float(cast("float", decode(payload).get("grace", 5.0))))
                case Frame.EVENTS if self._has_run:
                    await asyncio.to_thread(add_events, self._run, payload)
                    self._run.notify()
                case Frame.DONE:
                    self._done = True
                case _:
                    pass

    async def _tell(self, writer: asyncio.StreamWriter) -> None:
        beat, reported = 0.0, False
        while True:
            self._changed.clear()
            await self._bury()
            if self._signalled and not reported:
                reported = True
                writer.write(frame(Frame.FACT, PLACE.encode() + b"\0+"))
            if self._carrier is not None:
                await self._carrier.turn()
            now = time.monotonic()
            if now - beat >= BEAT_SECONDS:
                beat = now
                writer.write(frame(Frame.BEAT))
                await writer.drain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._changed.wait()

    # The run

    def _kill(self, grace: float) -> None:
        self._requested = grace
        if self._has_run:
            self._run.request_kill(grace, PLACE if self._signalled else "")
            self._run.notify()

    def _on_signal(self) -> None:
        """The place wants the job gone: the run is killed within the time that it leaves."""
        self._signalled = True
        self._kill(self._given.grace)
        self._changed.set()

    async def _start(self, order: dict[str, object], staged: Path) -> None:
        """Makes the run directory, asks the engine here, and has the shim started."""
        run = await asyncio.to_thread(self._make, staged, order)
        self._has_run = True
        if self._requested is not None:
            self._kill(self._requested)
        try:
            async with asyncio.timeout(60.0):
                launch = await asyncio.to_thread(prepared, order, run, self._home.parent / _HOMES)
            await self._zygote.launch(run, launch, self._listen())
        except (EngineError, TimeoutError, ImportError, AttributeError, OSError) as error:
            text = str(error) or "the engine did not answer in 60 s"
            run.write_exit(
                Exit(
                    ExitKind.START_FAILED,
                    message=text,
                    reason="engine_error",
                    ended_ms=time.time_ns() // 1_000_000,
                )
            )

    def _make(self, staged: Path, order: dict[str, object]) -> RunDir:
        for name in ("new", "live"):
            (self._home / name).mkdir(mode=0o700, exist_ok=True)
        run = create_run(self._home / "new", self._home / "live", self._given.run_id, b"placed\n")
        staged.mkdir(exist_ok=True)
        for path in staged.iterdir():
            path.rename(run.file(path.name))
        dress(run, order)
        (self._home / _ME).write_text(json.dumps(self._me), "utf-8")
        return run

    def _listen(self) -> str:
        """The socket where the shim says that there is something new."""
        path = str(self._home / "b")
        self._notifier = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._notifier.bind(path)
        asyncio.get_running_loop().add_reader(self._notifier, self._on_notification)
        return path

    def _on_notification(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._notifier is not None and self._notifier.recv(512):
                self._changed.set()


def main(data: bytes) -> int:
    """The program; its exit status is the run's own if the ending was delivered."""
    assignment = json.loads(data)
    if isinstance(
        assignment, list
    ):  # for all that are started together, each of which takes its own
        assignment = assignment[int(os.environ["SLURM_PROCID"])]
    given = Assignment(**assignment)
    try:
        home = _home(given)
    except (_Unusable, OSError) as error:
        sys.stderr.write(f"narthex: {error}\n")
        return UNUSABLE
    held = os.open(home / _HELD, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.stderr.write("narthex: the porter of this run still works\n")
        return DELIVERED_LATER
    guard = stand_guard(RunDir(home / "live" / given.run_id))
    status = asyncio.run(Porter(given, home, guard).run())
    if status != DELIVERED_LATER or not (home / _ME).exists():
        shutil.rmtree(home, ignore_errors=True)
    return status


def _home(given: Assignment) -> Path:
    """The folder of this run on this machine, in one that belongs to us alone."""
    folder = Path(given.folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise _Unusable(f"{folder} is no folder of this user")
    home = folder / _node() / given.run_id
    if given.collect is not None:
        if not (home / _ME).exists():
            raise _Unusable("nothing of this run is on this machine")
        return home
    if (home / _ME).exists():
        raise _Unusable("another porter has started this run here")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home


def _node() -> str:
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def _identity() -> dict[str, object]:
    """Who this porter is: no other one says the same."""
    return {
        "node": _node(),
        "nodes": ",".join(machines(os.environ.get("SLURM_JOB_NODELIST", ""))),
        "boot": processes.boot_id(),
        "job": os.environ.get("SLURM_JOB_ID", ""),
        "instance": secrets.token_hex(16),
    }


def _context(certificate: str) -> ssl.SSLContext | None:
    """TLS with the one certificate that the landing has, whatever name the landing goes by."""
    if not certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=certificate)
    return context


def _status(end: Exit | None) -> int:
    """The run's own exit status, so that what the place makes of it is right."""
    if end is None:
        return 1
    return end.exit_code if end.exit_code is not None else 128 + (end.signal or 1)
