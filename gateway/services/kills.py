"""Kills that are asked for with an account of them.

The account is the run directory's: what its shim did and saw. What is not on record is not said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engines.rundir.facts import ExitKind
from gateway import clock
from gateway.caller import Access, Caller
from gateway.config import Limits
from gateway.feed import Feed
from gateway.services.long_poll import LongPollLimiter
from gateway.services.lookup import Lookup
from gateway.services.parts import Parts
from gateway.services.service import Verb
from gateway.services.tasks import Tasks
from gateway.stores.kills import KillFacts, KillFiles
from protocol.commands.kills import KillAndReport, ReadKill
from protocol.kills import Death, KillReport, KillState, Signalled
from protocol.tasks import ById, Task, TaskState

__all__ = ["Kills", "report_of"]

_POLL_SECONDS = 0.2
_RESTARTED = "node_restarted"


class Kills:
    """Carries out the commands on kills and their reports."""

    def __init__(
        self, limits: Limits, tasks: Tasks, files: KillFiles, feed: Feed, lookup: Lookup
    ) -> None:
        self._lookup = lookup
        self._longest = limits.wait_seconds
        self._tasks = tasks
        self._files = files
        self._feed = feed
        self._waits = LongPollLimiter(limits.waits_per_user)

    @classmethod
    def of(cls, parts: Parts) -> Kills:
        """The service of a gateway."""
        lookup, files = parts.get(Lookup), parts.stores.kills
        return cls(parts.config.limits, parts.get(Tasks), files, parts.feed, lookup)

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        on_task = self._lookup.on_task
        return (
            Verb(KillAndReport, Access.USER, self.kill),
            Verb(ReadKill, Access.READ, on_task(self.read)),
        )

    async def kill(self, caller: Caller, command: KillAndReport) -> KillReport:
        """Makes the request durable, and says what came of it."""
        task = await self._lookup.seen(caller, command.task)
        requested = await self._tasks.kill(task, command.grace_seconds, caller.user.name)
        return await self._reported(requested, command.wait_seconds)

    async def read(self, task: Task, command: ReadKill) -> KillReport:
        """What came of a request, if there was one."""
        return await self._reported(task, command.wait_seconds)

    async def _reported(self, task: Task, wait_seconds: float) -> KillReport:
        report = report_of(task, await self._files.read(task.id))
        if wait_seconds <= 0 or not _goes_on(report):
            return report
        deadline = clock.monotonic() + min(wait_seconds, self._longest)
        with self._waits.one(task.owner), self._feed.watch(task.id) as watcher:
            while _goes_on(report):
                left = deadline - clock.monotonic()
                if left <= 0:
                    break
                await watcher.changed(min(left, _POLL_SECONDS))
                task = await self._lookup.find(ById(task.id))
                report = report_of(task, await self._files.read(task.id))
        return report


def _goes_on(report: KillReport) -> bool:
    """Whether a kill was begun and its end is not known, or not yet shown by the task."""
    return report.state is not KillState.NONE and not report.task.state.final


def report_of(task: Task, facts: KillFacts) -> KillReport:
    """What the facts say about the kill of a task. A run that is lost was not killed."""
    done, request, ending = facts.report, facts.request, facts.ending
    proof = _proof(facts)
    return KillReport(
        task,
        _state(task, facts),
        requested_ms=request.requested_ms if request else 0,
        grace_seconds=request.grace_seconds if request else 0.0,
        begun_ms=done.begun_ms if done else 0,
        ended_ms=ending.ended_ms if ending else task.finished_ms,
        signals=tuple(Signalled(*one) for one in done.signals) if done else (),
        died=done.died if done else 0,
        deaths=tuple(Death(*one) for one in done.deaths) if done else (),
        left=done.left if done else (),
        proof=proof,
        verified=bool(proof),
    )


def _state(task: Task, facts: KillFacts) -> KillState:
    if task.state.final:
        return KillState.KILLED if task.state is TaskState.KILLED else KillState.ENDED
    # Everything that was to be killed is killed in the end, unless nobody saw how it went.
    if facts.ending is not None and facts.request is not None:
        return KillState.KILLED if facts.ending.kind != ExitKind.LOST else KillState.ENDED
    requested = facts.request is not None or task.state is TaskState.KILLING
    return KillState.KILLING if requested else KillState.NONE


def _proof(facts: KillFacts) -> str:
    """How it is known that nothing is left; empty if it is not."""
    ending, report = facts.ending, facts.report
    if ending is None or not ending.verified:
        return ""
    if report is not None and report.proof:
        return report.proof
    if facts.shim is None:
        return "unstarted"
    if ending.kind == ExitKind.LOST:
        return "restart" if ending.reason == _RESTARTED else "cgroup"
    return "session" if facts.shim.session else "reaper"
