"""The end of a run whose specification nobody can read: it is lost, with that as the reason.

What it was to be is unknown, so it is neither started nor tried again. If it runs already it is
killed. Its directory stays with what it recorded, and its place is free.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from engines.rundir.directory import RunDir
from engines.rundir.facts import Exit, ExitKind, RunState
from engines.shim.orphans import sweep_orphan
from gateway.clock import now_ms
from gateway.ids import is_task_id
from gateway.journal import journal
from gateway.runner.live_runs import LiveRun
from gateway.runner.node import Node
from gateway.runner.run.classify_exit import GIVEN_UP, final_state, last_line
from gateway.stores.errors import TaskGone
from gateway.stores.spec import decode_spec
from protocol.errors import GatewayError, Kind
from protocol.tasks import ById, Reason, TaskId

__all__ = ["give_up", "is_unreadable", "quarantine"]

_POLL_SECONDS = 1.0
_UNREADABLE = "the specification of the run cannot be read"
_UNRECORDED = "the run could not be started"
_journal = journal(__name__)


def is_unreadable(run: RunDir) -> bool:
    """Whether a run directory holds no specification that anybody can read."""
    try:
        decode_spec(run.spec())
    except GatewayError:
        return True
    except FileNotFoundError:
        return is_task_id(run.run_id) and Path(run.path).is_dir()
    except OSError:
        return False
    return False


async def quarantine(node: Node, live: LiveRun) -> None:
    """Ends such a run. Raises GatewayError; may be done again."""
    _journal.error("run in quarantine", run=live.run_id, reason=_UNREADABLE)
    await _end(node, live, _UNREADABLE, Reason.ENGINE_ERROR)


async def give_up(node: Node, live: LiveRun) -> None:
    """Ends a run that the gateway fails to record, with that as the reason; may be done again.

    That it was given up is durable before anything is shown, so that nobody tries again.
    """
    await asyncio.to_thread(live.run.write_once, GIVEN_UP, b"")
    await _end(node, live, _UNRECORDED, Reason.INTERNAL_ERROR)


async def _end(node: Node, live: LiveRun, message: str, reason: Reason) -> None:
    run, task_id = live.run, TaskId(live.run_id)
    while (state := run.state()) is not RunState.ENDED:
        if state is RunState.ACCEPTED:
            await asyncio.to_thread(_refuse, run, message, reason)
        elif state is RunState.ORPHANED:
            await asyncio.to_thread(sweep_orphan, run)
        else:
            if run.request_kill(0.0):
                run.notify()
            await live.wait(_POLL_SECONDS)
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
    last = await asyncio.to_thread(last_line, run)
    verdict = final_state(run, end)
    await node.tasks.complete_log(task_id, node.epoch, last)
    await node.tasks.advance(task_id, node.epoch, verdict.state, end.ended_ms, verdict.outcome)
    await node.queue.release(task_id, task.owner, epoch=node.epoch)


def _refuse(run: RunDir, message: str, reason: Reason) -> None:
    """Writes the end of a run if it is certain, under its lock, that it was never started."""
    lock = run.take()
    if lock is None:
        return
    try:
        if run.shim() is None:
            run.write_exit(Exit(ExitKind.LOST, message=message, reason=reason, ended_ms=now_ms()))
    finally:
        os.close(lock)
