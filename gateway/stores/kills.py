"""What the run directory of a task says of its kill."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engines.rundir.directory import RunDir
from engines.rundir.facts import Exit, KillRequest, ShimFact
from engines.rundir.kill_report import KillReport
from protocol.tasks import TaskId

__all__ = ["KillFacts", "KillFiles"]


@dataclass(frozen=True, slots=True)
class KillFacts:
    """Request, account of the shim, ending and who was on the run, as far as they are there."""

    request: KillRequest | None = None
    report: KillReport | None = None
    ending: Exit | None = None
    shim: ShimFact | None = None


class KillFiles:
    """Reads them.

    Args:
        find: the directory of a run by its id, None if there is none (any more); may block.
    """

    def __init__(self, find: Callable[[TaskId], RunDir | None]) -> None:
        self._find = find

    async def read(self, task_id: TaskId) -> KillFacts:
        """The facts at this moment; an ending that is there is of the same moment or later."""
        return await asyncio.to_thread(self._read, task_id)

    def _read(self, task_id: TaskId) -> KillFacts:
        facts = KillFacts()
        # Twice, since a run moves once when it is put away: then some of it was read, or nothing.
        for _ in range(2):
            run = self._find(task_id)
            if run is None:
                break
            ending = run.exit()
            facts = KillFacts(run.kill_request(), run.kill_report(), ending, run.shim())
            if Path(run.path).is_dir():
                break
        return facts
