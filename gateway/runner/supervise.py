"""The supervisor of one run: whatever goes wrong with a run stays with that run.

This is one of three places that catch everything: an engine that raises, a disk that refuses, a
Redis that is away. The run's course is then begun again from the facts, later and later.
"""

from __future__ import annotations

from pathlib import Path

from engines.rundir import RunDir
from gateway.clock import now_ms
from gateway.journal import journal
from gateway.runner.course import Course
from gateway.runner.deadline import Calls
from gateway.runner.launch import Launcher
from gateway.runner.node import Node
from gateway.runner.patience import Patience
from gateway.runner.quarantine import is_unreadable, quarantine
from gateway.runner.roster import Live
from gateway.stores.errors import LogGap, StaleEpoch
from protocol.errors import GatewayError, Kind
from protocol.tasks import Outcome, Reason, TaskId, TaskState

__all__ = ["Supervisor"]

_SWEEP_SECONDS = 60.0

_journal = journal(__name__)


class Supervisor:
    """Looks after runs, one call of ``supervise`` for each."""

    def __init__(self, node: Node, launcher: Launcher) -> None:
        self._node = node
        self._launcher = launcher
        # Threads apart: a sweep may take seconds, and there may be many at once.
        self._sweeps = Calls(_SWEEP_SECONDS, width=4, own=(OSError,))

    async def supervise(self, live: Live) -> None:
        """Brings a run that is in the roster to its end and takes it out.

        Returns when everything is done. Raises StaleEpoch if another runner took over, and
        nothing else.
        """
        patience = Patience()
        course: Course | None = None
        try:
            while True:
                try:
                    if course is None:
                        course = Course(self._node, self._launcher, self._sweeps, live, patience)
                    await course.run()
                except StaleEpoch:
                    raise
                except GatewayError as error:
                    if course is None and await self._is_set_aside(live):
                        return
                    _hear(live, course, error)
                except Exception as error:  # noqa: BLE001 - the boundary of one run
                    if await self._is_lost(live, error):
                        return
                else:
                    return
                await live.wait(patience.next())
        finally:
            self._node.roster.leave(live)

    async def _is_set_aside(self, live: Live) -> bool:
        """Whether a run that cannot even be looked at has been ended for that."""
        try:
            if not is_unreadable(live.run):
                return False
            await quarantine(self._node, live)
        except (GatewayError, OSError) as error:
            if isinstance(error, StaleEpoch):
                raise
            return False
        return True

    async def _is_lost(self, live: Live, error: Exception) -> bool:
        """Whether a fault means that the run is gone for good, and that this is on record."""
        if isinstance(error, FileNotFoundError) and not Path(live.run.path).parent.is_dir():
            _journal.warning("all run directories are gone", run=live.run_id)
            return False
        if not isinstance(error, FileNotFoundError) or not _vanished(live.run):
            if isinstance(error, OSError):
                _journal.warning("run in trouble", run=live.run_id, error=str(error))
            else:
                _journal.error("run in trouble", run=live.run_id, exc_info=error)
            return False
        outcome = Outcome(
            Reason.SHIM_DIED, None, None, "the run directory is missing", verified=False
        )
        node, task_id = self._node, TaskId(live.run_id)
        try:
            await node.tasks.advance(task_id, node.epoch, TaskState.LOST, now_ms(), outcome)
        except GatewayError as refusal:
            return refusal.kind in (Kind.NOT_FOUND, Kind.GONE)
        return True


def _hear(live: Live, course: Course | None, error: GatewayError) -> None:
    if course is not None:
        course.hear(error)
    if error.kind is not Kind.UNAVAILABLE and not isinstance(error, LogGap):
        _journal.warning("run in trouble", run=live.run_id, error=error.message)


def _vanished(run: RunDir) -> bool:
    """Whether one run directory is gone while the others are where they were."""
    path = Path(run.path)
    return path.parent.is_dir() and not path.is_dir()
