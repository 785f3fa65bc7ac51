"""The end of a run whose specification nobody can read: it is lost, with that as the reason.

What it was to be is unknown, so it is neither started nor tried again. If it runs already it is
killed. Its directory stays with what it recorded, and its place is free.
"""

from __future__ import annotations

import asyncio
import os

from engines.facts import Exit, ExitKind, RunState
from engines.replay import Replay
from engines.rundir import RunDir, sweep_orphan
from gateway.clock import now_ms
from gateway.journal import journal
from gateway.runner.node import Node
from gateway.runner.roster import Live
from gateway.runner.verdict import judge
from gateway.stores.errors import TaskGone
from gateway.stores.spec import decode_spec
from protocol.errors import GatewayError, Kind
from protocol.tasks import ById, TaskId

__all__ = ["is_unreadable", "quarantine"]

_LOOK_SECONDS = 1.0
_MESSAGE = "the specification of the run cannot be read"
_journal = journal(__name__)


def is_unreadable(run: RunDir) -> bool:
    """Whether a run directory holds a specification that nobody can read."""
    try:
        decode_spec(run.spec())
    except GatewayError:
        return True
    except OSError:
        return False
    return False


async def quarantine(node: Node, live: Live) -> None:
    """Ends such a run. Raises GatewayError; may be done again."""
    run, task_id = live.run, TaskId(live.run_id)
    while (state := run.state()) is not RunState.ENDED:
        if state is RunState.ACCEPTED:
            await asyncio.to_thread(_refuse, run)
        elif state is RunState.ORPHANED:
            await asyncio.to_thread(sweep_orphan, run)
        else:
            if run.wish_kill(0.0):
                run.ring()
            await live.wait(_LOOK_SECONDS)
    _journal.error("run in quarantine", run=task_id, reason=_MESSAGE)
    end = run.exit()
    if end is not None:
        await _show(node, task_id, run, end)
    await node.spool.finish(task_id)


async def _show(node: Node, task_id: TaskId, run: RunDir, end: Exit) -> None:
    """Tells the index, as far as it knows of the task."""
    try:
        task = await node.tasks.read(ById(task_id))
    except TaskGone:
        return
    except GatewayError as error:
        if error.kind is not Kind.NOT_FOUND:
            raise
        return
    with Replay(run) as replay:
        last = await asyncio.to_thread(replay.last)
    verdict = judge(end, wished=run.kill_wish() is not None)
    await node.tasks.complete_log(task_id, node.epoch, last)
    await node.tasks.advance(task_id, node.epoch, verdict.state, end.ended_ms, verdict.outcome)
    await node.queue.release(task_id, task.owner, epoch=node.epoch)


def _refuse(run: RunDir) -> None:
    """Writes the end of a run if it is certain, under its lock, that it was never started."""
    lock = run.take()
    if lock is None:
        return
    try:
        if run.shim() is None:
            run.write_exit(
                Exit(ExitKind.LOST, message=_MESSAGE, reason="engine_error", ended_ms=now_ms())
            )
    finally:
        os.close(lock)
