"""The supervisor of one run: whatever goes wrong with a run stays with that run.

This is one of three places that catch everything: an engine that raises, a disk that refuses, a
Redis that is away. Its reconciler is then begun again from the facts, later and later.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from engines.rundir.directory import RunDir
from engines.trees import open_folder
from gateway.backoff import Backoff
from gateway.clock import now_ms
from gateway.journal import journal
from gateway.runner.live_runs import LiveRun
from gateway.runner.node import Node
from gateway.runner.run.launch import Launcher
from gateway.runner.run.quarantine import give_up, is_unreadable, quarantine
from gateway.runner.run.run_reconciler import RunReconciler
from gateway.runner.run.timeout_executor import TimeoutExecutor
from gateway.stores.errors import LogGap, StaleEpoch
from protocol.errors import GatewayError, Kind
from protocol.tasks import Outcome, Reason, TaskId, TaskState

__all__ = ["Supervisor"]

_SWEEP_SECONDS = 60.0
_TRIES = 3
_OWN = frozenset({errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENOTDIR, errno.EISDIR}) | {
    *(errno.ELOOP, errno.ENAMETOOLONG, errno.ESPIPE, errno.EOVERFLOW, errno.EFBIG)
}
"""What the disk says of something that a task has put into its run directory."""

_journal = journal(__name__)


class Supervisor:
    """Looks after runs, one call of ``supervise`` for each."""

    def __init__(self, node: Node, launcher: Launcher) -> None:
        self._node = node
        self._launcher = launcher
        # Threads apart: a sweep may take seconds, and there may be many at once.
        self._sweeps = TimeoutExecutor(_SWEEP_SECONDS, width=4, own=(OSError,))

    async def supervise(self, live: LiveRun) -> None:
        """Brings a run that is among the live runs to its end and takes it out.

        Returns when everything is done. Raises StaleEpoch if another runner took over, and
        nothing else.
        """
        backoff = Backoff()
        failures = 0
        reconciler: RunReconciler | None = None
        try:
            while True:
                try:
                    if reconciler is None:
                        reconciler = RunReconciler(
                            self._node, self._launcher, self._sweeps, live, backoff
                        )
                    await reconciler.run()
                except StaleEpoch:
                    raise
                except GatewayError as error:
                    if reconciler is None and await self._is_set_aside(live):
                        return
                    _learn(live, reconciler, error)
                except Exception as error:  # noqa: BLE001 - the boundary of one run
                    if await self._is_lost(live, error):
                        return
                    failures = failures + 1 if _is_its_own(live, error) else 0
                    if failures >= _TRIES and await self._is_given_up(live, failures):
                        return
                else:
                    return
                await live.wait(backoff.next())
        finally:
            self._node.live_runs.leave(live)

    async def _is_set_aside(self, live: LiveRun) -> bool:
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

    async def _is_given_up(self, live: LiveRun, failures: int) -> bool:
        """Whether a run that fails again and again has been ended for that, or is let be."""
        if failures == _TRIES:
            _journal.error("run is given up", run=live.run_id)
        try:
            await give_up(self._node, live)
        except StaleEpoch:
            raise
        except GatewayError:
            return False
        except Exception as error:  # noqa: BLE001 - as above
            if failures < 2 * _TRIES:
                return False
            _journal.error("run is left where it is", run=live.run_id, exc_info=error)
            self._node.live_runs.refuse(live)
        return True

    async def _is_lost(self, live: LiveRun, error: Exception) -> bool:
        """Whether a fault means that the run is gone for good, and that this is on record."""
        if isinstance(error, FileNotFoundError) and not Path(live.run.path).parent.is_dir():
            _journal.warning("all run directories are gone", run=live.run_id)
            return False
        if isinstance(error, PermissionError):
            _reopen(live.run)
        if isinstance(error, FileNotFoundError) and await self._is_set_aside(live):
            return True
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


def _learn(live: LiveRun, reconciler: RunReconciler | None, error: GatewayError) -> None:
    if reconciler is not None:
        reconciler.learn(error)
    if error.kind is not Kind.UNAVAILABLE and not isinstance(error, LogGap):
        _journal.warning("run in trouble", run=live.run_id, error=error.message)


def _is_its_own(live: LiveRun, error: Exception) -> bool:
    """Whether a fault lies with the run itself: a disk or a machine in need passes."""
    if isinstance(error, OSError):
        return error.errno in _OWN and Path(live.run.path).parent.is_dir()
    return not isinstance(error, MemoryError)


def _reopen(run: RunDir) -> None:
    """Gives a run directory back the permissions that its task took away."""
    with suppress(OSError):
        os.close(open_folder(run.path))


def _vanished(run: RunDir) -> bool:
    """Whether one run directory is gone while the others are where they were."""
    path = Path(run.path)
    return path.parent.is_dir() and not path.is_dir()
