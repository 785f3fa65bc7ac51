"""What has ended, back into an index that lost it.

All of it is looked at, newest first, and only what the index lacks is read: an earlier look may
have been cut off anywhere, so that knowing some never means knowing the rest. In bounded steps, so
that whoever walks through them can rest between. Must never bring back what was deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Sequence

from engines.rundir.requests import read_control
from gateway.clock import now_ms
from gateway.ids import is_task_id
from gateway.journal import journal
from gateway.runner.node import Node
from gateway.runner.run.classify_exit import begun_ms, final_state, is_forgotten, last_line
from gateway.stores.bulk_restore import Ended
from gateway.stores.spec import decode_spec
from protocol.errors import GatewayError, Kind
from protocol.tasks import TaskId

__all__ = ["ReindexFinished"]

_BATCH = 512
_STEP = 64
_ABREAST = 16
_journal = journal(__name__)


class ReindexFinished:
    """The finished runs and the tombstones of a node, against its index."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._broken: set[TaskId] = set()

    async def restore(self) -> AsyncIterator[None]:
        """Makes the index agree on everything that has ended, a bounded step for each item.

        Raises UNAVAILABLE; then begin again, which is quick.
        """
        for day in await self._node.spool.done_days():
            ids = [one for one in await self._node.spool.done_ids(day) if is_task_id(one)]
            for look in _steps(ids, _BATCH):
                lacking = await self._node.bulk_restore.absent(look, ended=True)
                for step in _steps([one for one in lacking if one not in self._broken], _STEP):
                    await self._revive(step)
                    yield
                yield
        async for _ in self._restore_buried():
            yield

    async def _revive(self, ids: Sequence[TaskId]) -> None:
        ended = await asyncio.to_thread(self._read, ids)
        if not ended:
            return
        await self._node.bulk_restore.revive(ended, self._node.epoch)
        for one in ended:
            if one.control.size:
                await self._show(one)
        # Deleted or expired between reading and writing: then it must not be listed for ever.
        gone = await asyncio.to_thread(self._vanished, ended)
        for task_id in gone:
            await self._node.tasks.bury(task_id, now_ms(), forget=True, epoch=self._node.epoch)

    def _read(self, ids: Sequence[TaskId]) -> list[Ended]:
        return [ended for run_id in ids if (ended := self._read_one(run_id)) is not None]

    def _read_one(self, run_id: TaskId) -> Ended | None:
        run = self._node.spool.find(run_id)
        if run is None or is_forgotten(run):
            return None
        try:
            end, spec = run.exit(), decode_spec(run.spec())
            control = read_control(run)
            last, begun = last_line(run), begun_ms(run, end) if end else 0
        except Exception as error:  # noqa: BLE001 - the boundary of one run
            kind = type(error).__name__
            _journal.warning("run directory not readable", run=run_id, kind=kind, error=str(error))
            self._broken.add(run_id)
            return None
        if end is None:
            return None
        verdict = final_state(run, end)
        return Ended(spec, verdict.state, verdict.outcome, end.ended_ms, begun, last, control)

    async def _show(self, ended: Ended) -> None:
        """Shows what was asked of a run; one that is gone by now has nothing to show."""
        node, control = self._node, ended.control
        try:
            await node.controls.show(ended.spec.task_id, node.epoch, control, ended.ended_ms)
        except GatewayError as error:
            if error.kind not in {Kind.NOT_FOUND, Kind.GONE}:
                raise

    def _vanished(self, ended: Sequence[Ended]) -> list[TaskId]:
        found = ((one.spec.task_id, self._node.spool.find(one.spec.task_id)) for one in ended)
        return [task_id for task_id, run in found if run is None or is_forgotten(run)]

    async def _restore_buried(self) -> AsyncIterator[None]:
        node = self._node
        steps = node.spool.tombstones.steps(node.clock_guard.now_ms(), _BATCH)
        while (look := await asyncio.to_thread(next, steps, None)) is not None:
            by_id = {stone.task_id: stone for stone in look}
            lacking = await node.bulk_restore.absent(list(by_id), ended=True)
            for step in _steps(lacking, _ABREAST):
                await _all(
                    node.bulk_restore.restore_tombstone(by_id[one], node.epoch) for one in step
                )
                yield
            yield


def _steps(ids: Sequence[TaskId], size: int) -> Iterator[Sequence[TaskId]]:
    """The ids in portions."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


async def _all(calls: Iterable[Coroutine[object, object, None]]) -> None:
    """Makes some calls at once. Raises what the first of them raised that failed."""
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
