"""Shows the progress of a run by its own account; the file that says so is the run's own."""

from __future__ import annotations

from collections.abc import Iterable

from engines.rundir.directory import RunDir
from engines.rundir.progress import PROGRESS, ProgressReader, Report, StageReport
from engines.shim.redact import Redactor
from gateway.stores.tasks import TaskStore
from protocol.tasks import ById, Progress, Stage, TaskId

__all__ = ["ProgressMirror"]


class ProgressMirror:
    """The way of one run's progress to the index; one at a time for each run."""

    def __init__(
        self,
        run: RunDir,
        task_id: TaskId,
        epoch: int,
        tasks: TaskStore,
        secrets: Iterable[str] = (),
    ) -> None:
        self._path = run.file(PROGRESS)
        self._task_id = task_id
        self._epoch = epoch
        self._tasks = tasks
        self._reader: ProgressReader | None = None
        self._mask = Redactor(secrets).text
        self._owed = False

    async def turn(self) -> None:
        """Shows what is new, if anything is. Raises GatewayError; the next turn tries again.

        A run that has said nothing costs one look at the disk and no call.
        """
        reader = self._reader or ProgressReader(self._path, mask=self._mask)
        self._owed |= reader.look()
        if not self._owed:
            return
        if self._reader is None:
            # Another runner may have shown more than the file still says.
            shown = (await self._tasks.read(ById(self._task_id))).progress
            reader = ProgressReader(self._path, _report(shown), self._mask)
            reader.look()
            self._reader = reader
        await self._tasks.set_progress(self._task_id, self._epoch, _progress(reader.report))
        self._owed = False

    def rewind(self) -> None:
        """The index has lost what it was told: the next turn shows it again."""
        self._owed = self._reader is not None


def _progress(report: Report) -> Progress:
    stages = (Stage(*stage) for stage in report.stages)
    return Progress(report.fraction, tuple(stages))


def _report(progress: Progress) -> Report:
    stages = (
        StageReport(stage.id, stage.total, stage.succeeded, stage.failed, stage.running)
        for stage in progress.stages
    )
    return Report(progress.fraction, tuple(stages))
