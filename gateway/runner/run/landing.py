"""The landing: takes what porters bring from the machines of a place into run directories here.

It grants the start of a run once for ever, appends output only at the end of what is there, and has
an ending written only when the whole output agrees with it. What reads run directories here, from
the log to the archive, does not notice where the run is. Losing the landing costs time only.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import os
import secrets
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from engines.place import Grant, Placement, granted, placement
from engines.placed.wire import (
    BEAT_SECONDS,
    PIECE_BYTES,
    VERSION,
    Frame,
    WireError,
    decode,
    file_piece,
    frame,
    object_frame,
    proof,
    read_frame,
    split_piece,
)
from engines.rundir.directory import EVENTS, EXIT, GRANTED, OUTPUT, RunDir
from engines.rundir.facts import decode_exit
from engines.rundir.plain_files import open_plain
from engines.rundir.requests import add_events, encode_event, event_bytes, read_events
from engines.rundir.results import RESULTS
from gateway.clock import monotonic, now_ms
from gateway.ids import is_task_id
from gateway.journal import journal
from gateway.runner.live_runs import LiveRuns
from gateway.runner.run.landed import differs, state_fact
from gateway.runner.run.placed_order import AGAIN, PlacedOrder
from gateway.stores.run_folders import RunFolders
from protocol.errors import GatewayError
from protocol.tasks import TaskId

__all__ = ["SILENT", "Landing"]

SILENT = "node_silent"
"""The reason of a run that was said lost because nothing was heard of its machine."""
_FORWARDED = frozenset({"suspend", "resume", "signal", "limit"})
_MOST_CONNECTIONS = 20_000
_INTRODUCTION_SECONDS = 10.0
_SKEW_MS = 2_000
_TRIES = 3
_LOCK_TRIES = 50
_LOCK_PAUSE_SECONDS = 0.02

_journal = journal(__name__)


class _Refused(Exception):  # noqa: N818 - an answer
    """The porter is not wanted; the message says why."""


class _Finished(Exception):  # noqa: N818 - an answer
    """The ending is on record already."""


@dataclass(slots=True)
class _Way:
    """The connection of one porter."""

    run: RunDir
    writer: asyncio.StreamWriter
    killed: bool = False
    events: int = 0
    offset: int = 0
    results: int = 0


class Landing:
    """Listens for porters.

    Args:
        listen: ``host:port``.
        certificate: a file with a certificate and its key in PEM, None for no TLS.
        runs: where run directories lie.
        live_runs: who is told that something came.
        order: makes what the porter of a run is told, AGAIN if it is to ask again; raises
            GatewayError if there is no such run to be started, which then is on record already.
        result_bytes: how much of result sets is taken for a run, 0 for any amount.
    """

    def __init__(
        self,
        listen: str,
        certificate: Path | None,
        runs: RunFolders,
        live_runs: LiveRuns,
        order: Callable[[RunDir, Grant], Awaitable[PlacedOrder]],
        result_bytes: int = 0,
    ) -> None:
        self._host, _, port = listen.rpartition(":")
        self._port = int(port)
        self._certificate = certificate
        self._runs = runs
        self._live_runs = live_runs
        self._order = order
        self._result_bytes = result_bytes
        self._ways: dict[str, _Way] = {}
        self._received: dict[str, float] = {}
        self._faults: dict[str, int] = {}
        self._open = 0

    async def run(self) -> None:
        """Listens until it is cancelled.

        Raises:
            OSError: nobody can listen there.
        """
        context = _context(self._certificate) if self._certificate else None
        server = await asyncio.start_server(
            self._serve, self._host.strip("[]"), self._port, ssl=context, backlog=1024
        )
        try:
            while True:
                await asyncio.sleep(BEAT_SECONDS)
                for way in tuple(self._ways.values()):
                    way.writer.write(frame(Frame.BEAT))
        finally:
            server.close()
            for way in tuple(self._ways.values()):
                way.writer.transport.abort()

    def silence(self, run_id: str) -> float:
        """For how many seconds nothing was heard of a run, since this runner looks after it."""
        return monotonic() - self._received.setdefault(run_id, monotonic())

    def connected(self, run_id: str) -> bool:
        """Whether its porter speaks to us."""
        return run_id in self._ways

    def forget(self, run_id: str) -> None:
        """Nobody looks after the run any more."""
        self._received.pop(run_id, None)
        self._faults.pop(run_id, None)

    def tell(self, run: RunDir) -> None:
        """Tells the porter of a run what was asked of it and not yet told. Never waits."""
        way = self._ways.get(run.run_id)
        if way is None:
            return
        request = run.kill_request()
        if request is not None and not way.killed:
            way.killed = True
            way.writer.write(object_frame(Frame.KILL, grace=request.grace_seconds))
        if event_bytes(run) > way.events:
            events, way.events = read_events(run.file(EVENTS), way.events)
            lines = b"".join(encode_event(one) for one in events if one.event in _FORWARDED)
            if lines:
                way.writer.write(frame(Frame.EVENTS, lines))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        way: _Way | None = None
        try:
            if self._open <= _MOST_CONNECTIONS:
                way = await self._welcome(reader, writer)
            if way is not None:
                await self._receive(way, reader)
        except (OSError, EOFError, WireError, TimeoutError, ssl.SSLError) as error:
            if isinstance(error, WireError):
                _journal.warning("porter is not understood", error=str(error))
        finally:
            self._open -= 1
            if way is not None and self._ways.get(way.run.run_id) is way:
                del self._ways[way.run.run_id]
            with contextlib.suppress(OSError, TimeoutError, ssl.SSLError):
                async with asyncio.timeout(BEAT_SECONDS):
                    writer.close()
                    await writer.wait_closed()
            writer.transport.abort()

    # Who it is

    async def _welcome(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> _Way | None:
        """Finds out whose porter this is and answers it; None if it goes no further."""
        ours = secrets.token_hex(16)
        writer.write(object_frame(Frame.HELLO, nonce=ours))
        kind, payload = await read_frame(reader, trusted=False, seconds=_INTRODUCTION_SECONDS)
        said = decode(payload)
        claims = said.get("claims")
        if kind is not Frame.WHO or not isinstance(claims, dict):
            raise WireError("nobody introduced himself")
        run_id, theirs = str(claims.get("run", "")), str(said.get("nonce", ""))
        known_id = is_task_id(run_id)
        found = await asyncio.to_thread(self._placed, TaskId(run_id)) if known_id else None
        if found is None:
            writer.write(object_frame(Frame.REFUSE, unknown=True))
            return None
        run, known = found
        if not hmac.compare_digest(
            proof(known.key, "porter", (ours, theirs), claims), str(said.get("proof", ""))
        ):
            _journal.warning("somebody without the key of a run", run=run_id)
            return None

        def answer(kind: Frame, **content: object) -> None:
            signed = proof(known.key, "landing", (ours, theirs), content)
            writer.write(object_frame(kind, proof=signed, content=content))

        try:
            order = await self._admit(run, claims)
        except _Refused as error:
            _journal.info("porter refused", run=run_id, reason=str(error))
            answer(Frame.REFUSE, why=str(error))
            return None
        except _Finished:
            answer(Frame.GRANT, offset=run.output_size())
            writer.write(frame(Frame.DONE))
            return None
        if order is AGAIN:
            return None
        return await self._take_in(run, order, writer, answer)

    def _placed(self, run_id: TaskId) -> tuple[RunDir, Placement] | None:
        """The run of a porter and what proves that it is his; None if there is no such run. Blocks.

        Raises OSError if nobody can say: on a None the porter kills a run that it has.
        """
        run = self._runs.find(run_id)
        known = placement(run) if run is not None else None
        if run is None or known is None:
            self._runs.require()
            return None
        return run, known

    async def _admit(self, run: RunDir, claims: dict[str, object]) -> PlacedOrder | None:
        """What the porter is to start, None if it has started its run before.

        Raises:
            _Refused: it may not.
            _Finished: all that it could bring is here.
        """
        if claims.get("version") != VERSION:
            raise _Refused("the Narthex on the machine is of another version than the gateway")
        skew = now_ms() - _whole(claims.get("time_ms"))
        if abs(skew) > _SKEW_MS:
            _journal.warning(
                "clock of a machine differs", node=str(claims.get("node")), milliseconds=-skew
            )
        me = Grant(*(str(claims.get(name, "")) for name in Grant._fields))
        ending = run.exit()
        known = await asyncio.to_thread(granted, run)
        mine = known is not None and known.same(me)
        if ending is not None:
            if mine and ending.reason != SILENT:
                raise _Finished
            raise _Refused("the run has ended")
        if self._live_runs.find(run.run_id) is None:
            return AGAIN  # this runner has not found it yet
        if claims.get("have"):
            if not mine:
                raise _Refused("another porter was granted the start")
            return None
        try:
            order = await self._order(run, me)
        except GatewayError as error:
            raise _Refused(error.message) from error
        if order is AGAIN:
            return AGAIN
        await asyncio.to_thread(_grant, run, me)
        return order

    async def _take_in(
        self,
        run: RunDir,
        order: PlacedOrder | None,
        writer: asyncio.StreamWriter,
        answer: Callable[..., None],
    ) -> _Way:
        """Makes this the connection of the run, and sends what it needs for its start."""
        size = run.output_size()
        way = _Way(run, writer, offset=size)
        old = self._ways.get(run.run_id)
        if old is not None:
            old.writer.transport.abort()
        self._ways[run.run_id] = way
        self._record_contact(run)
        answer(Frame.GRANT, offset=size)
        if order is not None:
            for name in order.files:
                await _send_file(run, name, writer)
            writer.write(frame(Frame.START, json.dumps(order.content).encode()))
        self.tell(run)
        await writer.drain()
        return way

    def _record_contact(self, run: RunDir) -> None:
        self._received[run.run_id] = monotonic()
        self._live_runs.notify(run.run_id)

    # What it brings

    async def _receive(self, way: _Way, reader: asyncio.StreamReader) -> None:
        run = way.run
        output = open_plain(run.file(OUTPUT), os.O_RDWR | os.O_CREAT)
        try:
            while self._ways.get(run.run_id) is way:
                kind, payload = await read_frame(reader)
                self._received[run.run_id] = monotonic()
                if self._ways.get(run.run_id) is not way or kind is Frame.BEAT:
                    continue
                if kind is Frame.DATA:
                    self._append(way, output, payload)
                elif kind is Frame.FACT:
                    state_fact(run, payload)
                elif kind is Frame.EVENTS:
                    add_events(run, payload)
                elif kind is Frame.FILE:
                    await asyncio.to_thread(self._keep, way, payload)
                elif kind is Frame.END and await self._end(way, output, payload):
                    way.writer.write(frame(Frame.DONE))
                    await way.writer.drain()
                self._live_runs.notify(run.run_id)
        finally:
            os.close(output)

    def _append(self, way: _Way, output: int, payload: bytes) -> None:
        _, offset, data = split_piece(payload)
        if offset != way.offset or os.fstat(output).st_size != offset:
            raise WireError("output that does not follow what is here")
        done = 0
        while done < len(data):
            done += os.pwrite(output, data[done:], offset + done)
        way.offset += len(data)

    def _keep(self, way: _Way, payload: bytes) -> None:
        """Keeps a piece of a result set. Blocks."""
        name, offset, data = split_piece(payload)
        parts = PurePosixPath(name).parts
        if parts[:1] != (RESULTS,) or ".." in parts or len(parts) > 4:  # noqa: PLR2004 - as deep as they go
            raise WireError("a file that is no result")
        way.results += len(data)
        if self._result_bytes and way.results > self._result_bytes + (1 << 26):
            return
        path = Path(way.run.file(name))
        # Never the folder of the run itself, nor those above it: a mount that was lost stays away.
        Path(way.run.file(RESULTS)).mkdir(mode=0o700, exist_ok=True)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = open_plain(str(path), os.O_RDWR | os.O_CREAT)
        try:
            os.pwrite(fd, data, offset)
        finally:
            os.close(fd)

    async def _end(self, way: _Way, output: int, fact: bytes) -> bool:
        """Records the ending if the whole output is here; whether it is on record."""
        run = way.run
        end = decode_exit(fact)
        found = await asyncio.to_thread(differs, output, end.bytes, end.checksum)
        if found:
            tries = self._faults[run.run_id] = self._faults.get(run.run_id, 0) + 1
            _journal.warning("output differs from the ending", run=run.run_id, found=found)
            if tries < _TRIES:
                # Damaged here, by a loss of power at the worst: all of it once more.
                os.ftruncate(output, 0)
                raise WireError("output that differs from the ending")
        await asyncio.to_thread(os.fsync, output)
        await asyncio.to_thread(run.write_once, EXIT, fact)
        return True


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def _grant(run: RunDir, me: Grant) -> None:
    """States who may start the run, once for ever. Blocks. Raises _Refused."""
    lock = _taken(run)
    try:
        if run.exit() is not None:
            raise _Refused("the run has ended")
        if run.kill_request() is not None:
            raise _Refused("the run is to be killed")
        data = json.dumps(me._asdict()).encode() + b"\n"
        # The same porter may ask again: it has not heard the answer, and starts one run at most.
        if not run.write_once(GRANTED, data):
            known = granted(run)
            if known is None or not known.same(me):
                raise _Refused("another porter was granted the start")
    finally:
        os.close(lock)


def _taken(run: RunDir) -> int:
    """The lock of the run; one that is held by a look at its state is waited for."""
    for _ in range(_LOCK_TRIES):
        lock = run.take()
        if lock is not None:
            return lock
        time.sleep(_LOCK_PAUSE_SECONDS)
    raise TimeoutError("somebody is on the run")


async def _send_file(run: RunDir, name: str, writer: asyncio.StreamWriter) -> None:
    fd = open_plain(run.file(name))
    try:
        offset = 0
        while True:
            data = await asyncio.to_thread(os.pread, fd, PIECE_BYTES, offset)
            if not data and offset:
                return
            writer.write(frame(Frame.FILE, file_piece(name, offset, data)))
            if not data:
                return
            offset += len(data)
            await writer.drain()
    finally:
        os.close(fd)
