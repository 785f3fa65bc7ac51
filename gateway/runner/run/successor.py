"""The task that takes the place of one that ended: after a preemption, or when it asked for that.

It is made before the end is shown and under an id that follows from the task before, so that it is
made once, whoever is interrupted when.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from engines.rundir.directory import EVENTS, RunDir
from engines.rundir.requests import RunEvent, read_events
from gateway.ids import new_task_id
from gateway.journal import journal
from gateway.runner.node import Node
from gateway.stores.errors import TaskGone
from gateway.stores.spec import TaskSpec
from gateway.stores.tasks import QueueLimits
from protocol.tasks import Again, Outcome, Reason

__all__ = ["is_wanted", "submit_again"]

_NO_LIMITS = QueueLimits()
"""It was accepted once: that many wait by now is no reason to lose it."""
_journal = journal(__name__)


def is_wanted(again: Again, outcome: Outcome, events: Iterable[RunEvent]) -> bool:
    """Whether a task that ended so, and was told so, is to be submitted again."""
    if outcome.reason is Reason.PREEMPTED:
        return True
    if outcome.reason is not Reason.EXITED or not again.exit_code:
        return False
    reported = {one.signal for one in events if one.event in {"warned", "signalled"}}
    return outcome.exit_code == again.exit_code and again.signal in reported


async def submit_again(
    node: Node, spec: TaskSpec, run: RunDir, outcome: Outcome, now_ms: int
) -> None:
    """Makes and queues the task that takes the place of one, if there is to be one; once.

    Raises:
        GatewayError: UNAVAILABLE; then it is to be called again.
    """
    again = spec.again
    if (
        again is None
        or spec.group
        or not is_wanted(again, outcome, read_events(run.file(EVENTS))[0])
    ):
        return
    request_id = f"again {spec.task_id}"
    found = await node.spool.claimed(spec.owner, request_id)
    if found is None:
        number = await node.tasks.reserve(spec.owner, _NO_LIMITS)
        found = replace(
            spec,
            task_id=new_task_id(now_ms),
            number=number,
            created_ms=now_ms,
            expires_ms=now_ms + spec.expires_ms - spec.created_ms if spec.expires_ms else 0,
            name="",
            client={**spec.client, again.word: spec.number},
            request_id=request_id,
            body_hash=spec.task_id,
            hold=False,
            start_at_ms=0,
            after=(),
        )
    with suppress(TaskGone):  # it was made before, and is deleted by now
        accepted = await node.spool.accept(found)
        await node.tasks.index(accepted)
        _journal.info("submitted again", run=spec.task_id, task=accepted.task_id)
