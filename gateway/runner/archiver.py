"""How much is kept of what has ended: outputs are sealed, and the oldest runs go if it is too much.

What there is is found by one slow look at the done directories, newest first, and from then on from
the runs as they end. In bounded steps with rests between, so that nobody notices. Must never touch
a run that has not ended.
"""

from __future__ import annotations

import asyncio
from bisect import insort
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from engines.rundir.archive import ARCHIVE
from engines.rundir.directory import OUTPUT, RunDir
from engines.rundir.sealing import Seal
from engines.trees import disk_usage
from gateway.clock import monotonic
from gateway.ids import is_task_id
from gateway.journal import journal
from gateway.runner.node import Node
from gateway.stores.spec import decode_spec
from gateway.stores.spool import Spool
from protocol.errors import GatewayError, Kind
from protocol.tasks import TaskId

__all__ = ["Archiver"]

_SEALED_BYTES = 64 << 10
"""A smaller output is not worth a file of its own."""
_STEP = 32
_REST_SECONDS = 0.05
_WAITING = 10_000
_Measured = tuple[str, int] | None
_journal = journal(__name__)


class _Look(NamedTuple):
    """What was seen of a finished run: whether it is to be sealed, and if not what it takes."""

    run_id: TaskId
    run: RunDir
    to_seal: bool
    measured: _Measured


class _Kept:
    """The finished runs of one user, or of all, with their sizes."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._ids: list[str] = []
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, run_id: str, size: int) -> None:
        if run_id not in self._sizes:
            insort(self._ids, run_id)
        self.bytes += size - self._sizes.get(run_id, 0)
        self._sizes[run_id] = size

    def drop(self, run_id: str) -> None:
        if run_id in self._sizes:
            self.bytes -= self._sizes.pop(run_id)
            self._ids.remove(run_id)

    def oldest(self, runs: int, size: int) -> str | None:
        """The oldest if there are more than so many, or more bytes (0: any number)."""
        over = (runs and len(self._ids) > runs) or (size and self.bytes > size)
        return self._ids[0] if over and self._ids else None


class Archiver:
    """Seals and counts finished runs. ``end`` buries one."""

    def __init__(self, node: Node, end: Callable[[TaskId], Awaitable[None]]) -> None:
        self._node = node
        self._end = end
        self._ended: deque[TaskId] = deque()
        self._notified = asyncio.Event()
        self._all = _Kept()
        self._owners: dict[str, _Kept] = {}
        self._owner_of: dict[str, str] = {}

    def ask(self, run_id: str) -> None:
        """A run is out of the way. What does not fit here is found at the next start."""
        if is_task_id(run_id) and len(self._ended) < _WAITING:
            self._ended.append(TaskId(run_id))
            self._notified.set()

    def forget(self, run_id: str) -> None:
        """A run is no longer kept."""
        self._all.drop(run_id)
        if owner := self._owner_of.pop(run_id, ""):
            self._owners[owner].drop(run_id)
            if not len(self._owners[owner]):
                del self._owners[owner]

    async def run(self) -> None:
        """Looks at everything once, and then at what ends, for ever."""
        for day in await self._node.spool.done_days():
            ids = await self._node.spool.done_ids(day)
            for start in range(0, len(ids), _STEP):
                await self._look(ids[start : start + _STEP])
                await asyncio.sleep(_REST_SECONDS)
        while True:
            while self._ended:
                count = min(len(self._ended), _STEP)
                await self._look([self._ended.popleft() for _ in range(count)])
            self._notified.clear()
            await self._notified.wait()

    async def _look(self, run_ids: Sequence[TaskId]) -> None:
        """Seals and counts some runs; for most a single visit to a thread is all."""
        node = self._node
        idle = [run_id for run_id in run_ids if run_id not in node.live_runs]
        for look in await asyncio.to_thread(_looked_at, node.spool, idle):
            measured = await self._sealed(look) if look.to_seal else look.measured
            if measured is not None:
                await self._count(look.run_id, *measured)

    async def _sealed(self, look: _Look) -> _Measured:
        try:
            await self._seal(look.run)
            return await asyncio.to_thread(_measured, look.run)
        except OSError as error:
            _not_looked_at(look.run_id, error)
            return None

    async def _count(self, run_id: TaskId, owner: str, size: int) -> None:
        self._owner_of[run_id] = owner
        self._all.add(run_id, size)
        self._owners.setdefault(owner, _Kept()).add(run_id, size)
        try:
            await self._limit(owner)
        except GatewayError as error:
            if error.kind is not Kind.UNAVAILABLE:
                raise

    async def _limit(self, owner: str) -> None:
        keep = self._node.config.retention
        own = self._owners[owner]
        while (
            oldest := own.oldest(keep.per_user_runs, keep.per_user_bytes)
            or self._all.oldest(keep.total_runs, keep.total_bytes)
        ) is not None:
            await self._end(TaskId(oldest))
            self.forget(oldest)

    async def _seal(self, run: RunDir) -> None:
        sealing = Seal(run)
        while True:
            begun = monotonic()
            if not await asyncio.to_thread(_step, sealing):
                return
            try:
                # As long a rest as it took: others need the processor more.
                await asyncio.sleep(monotonic() - begun)
            except asyncio.CancelledError:
                sealing.close()
                raise


def _step(sealing: Seal) -> bool:
    """One step; closed after the last one by the thread itself, which nobody can cancel."""
    more = False
    try:
        more = sealing.step()
    finally:
        if not more:
            sealing.close()
    return more


def _looked_at(spool: Spool, run_ids: Iterable[TaskId]) -> list[_Look]:
    """Looks at those of the runs that there are."""
    looks: list[_Look] = []
    for run_id in run_ids:
        run = spool.find(run_id)
        if run is None:
            continue
        try:
            to_seal = _is_to_seal(run)
            looks.append(_Look(run_id, run, to_seal, None if to_seal else _measured(run)))
        except OSError as error:
            _not_looked_at(run_id, error)
    return looks


def _not_looked_at(run_id: TaskId, error: OSError) -> None:
    _journal.warning("finished run not looked at", run=run_id, error=error.strerror)


def _is_to_seal(run: RunDir) -> bool:
    """Whether a run has ended with an output that is worth an archive and has none."""
    if run.exit() is None:
        return False
    if Path(run.file(ARCHIVE)).exists():
        Path(run.file(OUTPUT)).unlink(missing_ok=True)  # a crash may have left it
        return False
    return run.output_size() >= _SEALED_BYTES


def _measured(run: RunDir) -> _Measured:
    """Whose a run was and what it takes of the disk; None if it has not ended or is unknown."""
    if run.exit() is None:
        return None  # put back into the queue
    try:
        owner = decode_spec(run.spec()).owner
    except (GatewayError, FileNotFoundError):
        return None
    return owner, disk_usage(run.path)
