"""Kills that are asked for with an account of them.

The account is the run directory's: what its shim did and saw. What is not on record is not said.
"""

from __future__ import annotations

from engines.facts import ExitKind
from gateway import clock
from gateway.config import Limits
from gateway.feed import Feed
from gateway.services.tasks import Tasks
from gateway.services.verbs import OnTasks
from gateway.services.waits import Waits
from gateway.stores.kills import KillFacts, KillFiles
from protocol.kills import Death, KillAndReport, KillReport, KillState, ReadKill, Signalled
from protocol.tasks import ById, Task, TaskState

__all__ = ["Kills", "report_of"]

_LOOK_SECONDS = 0.2
_RESTARTED = "node_restarted"


class Kills:
    """Carries out the commands on kills and their reports."""

    def __init__(self, limits: Limits, tasks: Tasks, files: KillFiles, feed: Feed) -> None:
        self._longest = limits.wait_seconds
        self._tasks = tasks
        self._files = files
        self._feed = feed
        self._waits = Waits(limits.waits_per_user)
        self.verbs: OnTasks = {
            KillAndReport: self.kill,
            ReadKill: self.read,
        }
        """What is done with a task that its asker may see, by the command that asks for it."""

    async def kill(self, task: Task, command: KillAndReport) -> KillReport:
        """Makes the wish durable, and says what came of it."""
        wished = await self._tasks.kill(task, command.grace_seconds)
        return await self._told(wished, command.wait_seconds)

    async def read(self, task: Task, command: ReadKill) -> KillReport:
        """What came of a wish, if there was one."""
        return await self._told(task, command.wait_seconds)

    async def _told(self, task: Task, wait_seconds: float) -> KillReport:
        report = report_of(task, await self._files.read(task.id))
        if wait_seconds <= 0 or not _goes_on(report):
            return report
        deadline = clock.monotonic() + min(wait_seconds, self._longest)
        with self._waits.one(task.owner), self._feed.watch(task.id) as watcher:
            while _goes_on(report):
                left = deadline - clock.monotonic()
                if left <= 0:
                    break
                await watcher.changed(min(left, _LOOK_SECONDS))
                task = await self._tasks.find(ById(task.id))
                report = report_of(task, await self._files.read(task.id))
        return report


def _goes_on(report: KillReport) -> bool:
    """Whether a kill was begun and its end is not known, or not yet shown by the task."""
    return report.state is not KillState.NONE and not report.task.state.final


def report_of(task: Task, facts: KillFacts) -> KillReport:
    """What the facts say about the kill of a task. A run that is lost was not killed."""
    done, wish, ending = facts.report, facts.wish, facts.ending
    proof = _proof(facts)
    return KillReport(
        task,
        _state(task, facts),
        wished_ms=wish.wished_ms if wish else 0,
        grace_seconds=wish.grace_seconds if wish else 0.0,
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
    # Everything that was wished gone is killed in the end, unless nobody saw how it went.
    if facts.ending is not None and facts.wish is not None:
        return KillState.KILLED if facts.ending.kind != ExitKind.LOST else KillState.ENDED
    wished = facts.wish is not None or task.state is TaskState.KILLING
    return KillState.KILLING if wished else KillState.NONE


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
