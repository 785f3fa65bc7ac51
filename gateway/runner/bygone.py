"""What has ended, back into an index that lost it.

All of it is looked at, newest first, and only what the index lacks is read: an earlier look may
have been cut off anywhere, so that knowing some never means knowing the rest. In bounded steps, so
that whoever walks through them can rest between. Must never bring back what was deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Sequence

from engines.archive import Damaged
from engines.index import find_point
from engines.replay import Replay
from engines.rundir import INDEX, RunDir
from gateway.clock import now_ms
from gateway.ids import is_task_id
from gateway.journal import journal
from gateway.runner.node import Node
from gateway.runner.verdict import begun_ms, is_forgotten, judge
from gateway.stores.revival import Ended
from gateway.stores.spec import decode_spec
from protocol.errors import GatewayError
from protocol.tasks import TaskId

__all__ = ["Bygone"]

_LOOK = 512
_STEP = 64
_ABREAST = 16
_journal = journal(__name__)


class Bygone:
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
            for look in _steps(ids, _LOOK):
                lacking = await self._node.revival.absent(look, ended=True)
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
        await self._node.revival.revive(ended, self._node.epoch)
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
            wished = run.kill_wish() is not None
            last, begun = _last_line(run), begun_ms(run, end) if end else 0
        except (OSError, GatewayError) as error:
            _journal.warning("run directory not readable", run=run_id, error=str(error))
            self._broken.add(run_id)
            return None
        if end is None:
            return None
        verdict = judge(end, wished=wished)
        return Ended(spec, verdict.state, verdict.outcome, end.ended_ms, begun, last)

    def _vanished(self, ended: Sequence[Ended]) -> list[TaskId]:
        found = ((one.spec.task_id, self._node.spool.find(one.spec.task_id)) for one in ended)
        return [task_id for task_id, run in found if run is None or is_forgotten(run)]

    async def _restore_buried(self) -> AsyncIterator[None]:
        node = self._node
        steps = node.spool.tombstones.steps(node.steady.now_ms(), _LOOK)
        while (look := await asyncio.to_thread(next, steps, None)) is not None:
            by_id = {stone.task_id: stone for stone in look}
            lacking = await node.revival.absent(list(by_id), ended=True)
            for step in _steps(lacking, _ABREAST):
                await _all(node.tasks.restore_tombstone(by_id[one], node.epoch) for one in step)
                yield
            yield


def _last_line(run: RunDir) -> int:
    """The number of the last line; of a damaged archive that of a late one."""
    try:
        with Replay(run) as replay:
            return replay.last()
    except Damaged as error:
        _journal.warning("log is damaged", run=run.run_id, error=str(error))
        return max(find_point(run.file(INDEX), 1 << 63).line - 1, 0)


def _steps(ids: Sequence[TaskId], size: int) -> Iterator[Sequence[TaskId]]:
    """The ids in portions."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


async def _all(calls: Iterable[Coroutine[object, object, None]]) -> None:
    """Makes some calls at once. Raises what the first of them raised that failed."""
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
