"""Sessions: statements of one owner find the warm process that they belong in, one at a time.

A session is found by owner, engine, label and the engine's key, and made when it is needed. What is
known here came from the directories and can be found there again: a new runner adopts the sessions
of the old one. A statement that finds its session at work is told to come again, and they go in the
order in which they came. It must never give a statement to two sessions: whether one was taken is
decided under the lock of its run directory, by its host.
"""

from __future__ import annotations

import asyncio
import bisect
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from engines.contract import EngineError, RunSpec, SessionSpec
from engines.launcher import Zygote
from engines.rundir.directory import RunDir
from engines.rundir.facts import RunState
from engines.session.sessions import hand_over, host_launch, instruct, status
from engines.shim.orphans import sweep_orphan
from gateway.clock import monotonic, now_ms
from gateway.config import Sessions as Settings
from gateway.journal import journal
from gateway.runner.live_runs import LiveRuns
from gateway.runner.run.isolation import Isolation
from gateway.stores.sessions import SessionStore, SessionTag, StoredSession

__all__ = ["SessionBusy", "Sessions", "Statement"]

_POLL_SECONDS = 2.0
_ANSWER_SECONDS = 20.0
_ANSWER_PAUSE_SECONDS = 0.01
_TRIES = 3
_MOST_REMEMBERED = 1000
_OUTPUT_BYTES = 16 << 20
_NOTICE = "narthex: a new session was started, what the earlier one held is gone"
_journal = journal(__name__)


class SessionBusy(Exception):  # noqa: N818 - it is an answer, not a fault
    """The session is at another statement: come again when it is notified."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A run that is to become a statement: ``base`` is the environment that every run sees."""

    run: RunDir
    owner: str
    engine: str
    label: str
    order: RunSpec
    plan: SessionSpec
    base: Mapping[str, str]
    hidden: tuple[str, ...] = ()

    @property
    def tag(self) -> SessionTag:
        """What its session is found by."""
        return SessionTag(self.owner, self.engine, self.label, self.plan.key)


@dataclass(slots=True)
class _Seat:
    """A session and those who want it: ``handed`` is the last run that it was given."""

    stored: StoredSession
    handed: str = ""


class Sessions:
    """All sessions of a node.

    ``notify_path`` is the socket where hosts and shims report; ``isolation`` is None where code
    runs as the gateway itself does.
    """

    def __init__(
        self,
        store: SessionStore,
        zygote: Zygote,
        settings: Settings,
        live_runs: LiveRuns,
        notify_path: str,
        isolation: Isolation | None = None,
    ) -> None:
        self._isolation = isolation
        self._store = store
        self._zygote = zygote
        self._settings = settings
        self._live_runs = live_runs
        self._notify_path = notify_path
        self._seats: dict[SessionTag, _Seat] = {}
        self._lines: dict[SessionTag, list[str]] = {}
        self._waiting: dict[str, SessionTag] = {}
        self._gone: OrderedDict[SessionTag, None] = OrderedDict()
        self._making = asyncio.Lock()
        self._notified = asyncio.Event()

    async def adopt(self) -> None:
        """Takes in the sessions of the runner before this one, and removes what has ended."""
        await asyncio.to_thread(self._store.prepare)
        for stored in await asyncio.to_thread(self._store.all):
            if stored.tag in self._seats or not await asyncio.to_thread(_lives, stored.run):
                await self._bury(stored)
            else:
                said = await asyncio.to_thread(status, stored.run)
                self._seats[stored.tag] = _Seat(stored, said.run)

    async def run(self) -> None:
        """Looks now and then, and when it is notified, which sessions have ended."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._notified.wait()
            self._notified.clear()
            try:
                await self._look()
            except OSError as error:
                _journal.error("sessions cannot be looked at", error=error.strerror)

    def on_notification(self, session_id: str) -> None:
        """Something happened to what may be a session."""
        if any(seat.stored.id == session_id for seat in self._seats.values()):
            self._notified.set()

    def must_wait(self, run_id: str) -> bool:
        """Whether a run that was told to come again need not even ask."""
        tag = self._waiting.get(run_id)
        if tag is None:
            return False
        seat = self._seats.get(tag)
        return self._first(tag) != run_id or (seat is not None and seat.handed in self._live_runs)

    def left(self, run_id: str) -> None:
        """A run is out of the way: who waits for its session may come."""
        tag = self._waiting.pop(run_id, None)
        tags = [tag] if tag else []
        tags += [one for one, seat in self._seats.items() if seat.handed == run_id]
        for one in tags:
            self._notify_first(one)

    async def place(self, statement: Statement) -> bool:
        """Gives a statement to its session; False if its own state says what is the case.

        Raises:
            SessionBusy: it has to wait.
            EngineError: there can be no session for it.
            OSError: the disk refused.
        """
        tag = statement.tag
        self._queue(tag, statement.run.run_id)
        if self._first(tag) != statement.run.run_id:
            raise SessionBusy
        for _ in range(_TRIES):
            seat, notice = await self._seat(statement)
            answer = await self._offer(seat, statement, notice)
            match answer:
                case "taken":
                    seat.handed = statement.run.run_id
                    self._leave_line(tag, statement.run.run_id)
                    return True
                case "busy":
                    raise SessionBusy
                case "refused":
                    self._leave_line(tag, statement.run.run_id)
                    return False
                case _:
                    await self._drop(tag, seat)
        raise EngineError("the session ends again and again")

    async def _seat(self, statement: Statement) -> tuple[_Seat, str]:
        """The session of a statement, made if there is none, and what the statement is to say."""
        tag = statement.tag
        async with self._making:
            seat = self._seats.get(tag)
            notice = ""
            if seat is None:
                self._check_room(tag)
                notice = _NOTICE if tag in self._gone else ""
                seat = _Seat(await self._make(statement))
                self._seats[tag] = seat
                self._gone.pop(tag, None)
        return seat, notice

    def _check_room(self, tag: SessionTag) -> None:
        settings = self._settings
        if sum(one.owner == tag.owner for one in self._seats) >= settings.per_user:
            raise EngineError(
                f"you have {settings.per_user} sessions, which is the most; end one of them"
            )
        if len(self._seats) >= settings.total:
            raise EngineError(f"there are {settings.total} sessions, which is the most; try later")

    async def _make(self, statement: Statement) -> StoredSession:
        stored = await asyncio.to_thread(self._store.create, statement.tag, now_ms())
        work, sockets = self._store.work(stored), self._store.sockets(stored.id)
        base, sandbox = dict(statement.base), None
        if self._isolation is not None:
            base = self._isolation.environment(base)
            sandbox = await asyncio.to_thread(
                self._isolation.session,
                statement.engine,
                statement.owner,
                statement.plan.programs,
                work,
                sockets,
            )
        launch = host_launch(
            statement.plan,
            stored.run,
            work,
            sockets,
            {**base, "PWD": str(work)},
            replace(statement.order.limits, seconds=0.0, output_bytes=_OUTPUT_BYTES),
            self._settings.idle_seconds,
            sandbox,
        )
        try:
            await self._zygote.launch(stored.run, launch, self._notify_path)
        except EngineError:
            await asyncio.to_thread(self._store.remove, stored)
            raise
        _journal.info("session made", session=stored.id, engine=statement.engine)
        return stored

    async def _offer(self, seat: _Seat, statement: Statement, notice: str) -> str:
        """What the session answers; ``over`` if it has ended or does not answer."""

        def give() -> str:
            order, base, hidden = statement.order, statement.base, statement.hidden
            instruct(statement.run, order, base, hidden, self._notify_path, notice)
            return hand_over(seat.stored.run, statement.run)

        deadline = monotonic() + _ANSWER_SECONDS
        while monotonic() < deadline:
            try:
                return await asyncio.to_thread(give)
            except EngineError:
                if not await asyncio.to_thread(_lives, seat.stored.run):
                    return "over"
            await asyncio.sleep(_ANSWER_PAUSE_SECONDS)
        _journal.error("a session does not answer", session=seat.stored.id)
        return "over"

    async def _drop(self, tag: SessionTag, seat: _Seat) -> None:
        """Forgets a session that is over, and sees to it that it ends."""
        if self._seats.get(tag) is seat:
            del self._seats[tag]
            self._remember(tag)
        if await asyncio.to_thread(_lives, seat.stored.run):
            await asyncio.to_thread(self._store.request_end, seat.stored, 1.0)
        else:
            await self._bury(seat.stored)

    async def _look(self) -> None:
        async with self._making:  # one that is just being made does not live yet
            ended = await asyncio.to_thread(self._ended)
        for stored in ended:
            seat = self._seats.get(stored.tag)
            if seat is not None and seat.stored.id == stored.id:
                del self._seats[stored.tag]
            self._remember(stored.tag)
            await self._bury(stored)
            self._notify_first(stored.tag)

    def _ended(self) -> list[StoredSession]:
        return [stored for stored in self._store.all() if not _lives(stored.run)]

    async def _bury(self, stored: StoredSession) -> None:
        """Removes a session that has ended; what its shim could not kill is killed before."""
        try:
            await asyncio.to_thread(sweep_orphan, stored.run)
            if stored.run.begun() and stored.run.exit() is None:
                return  # somebody was on it, so nothing is proved: the next look sweeps it
        except FileNotFoundError:
            return  # somebody else came to the same conclusion
        ending = stored.run.exit()
        _journal.info("session ended", session=stored.id, how=ending.message if ending else "")
        await asyncio.to_thread(self._store.remove, stored)

    def _remember(self, tag: SessionTag) -> None:
        self._gone[tag] = None
        while len(self._gone) > _MOST_REMEMBERED:
            self._gone.popitem(last=False)

    def _queue(self, tag: SessionTag, run_id: str) -> None:
        line = self._lines.setdefault(tag, [])
        if run_id not in line:
            # Threads may bring them here in another order than the one in which they came.
            bisect.insort(line, run_id)
        self._waiting[run_id] = tag

    def _leave_line(self, tag: SessionTag, run_id: str) -> None:
        self._waiting.pop(run_id, None)
        line = self._lines.get(tag, [])
        if run_id in line:
            line.remove(run_id)
            if not line:
                del self._lines[tag]

    def _first(self, tag: SessionTag) -> str:
        """Whose turn it is; those who ended while they waited are let go."""
        line = self._lines.get(tag, [])
        while line and line[0] not in self._live_runs:
            self._waiting.pop(line.pop(0), None)
        if not line:
            self._lines.pop(tag, None)
            return ""
        return line[0]

    def _notify_first(self, tag: SessionTag) -> None:
        first = self._first(tag)
        if first:
            self._live_runs.notify(first)


def _lives(run: RunDir) -> bool:
    """Whether a session's processes are there; one that was never started does not live."""
    try:
        return run.state() in (RunState.STARTING, RunState.RUNNING, RunState.KILLING)
    except FileNotFoundError:
        return False
