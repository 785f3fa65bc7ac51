"""Where the run directories of a node lie, and which there are: looks at the disk, and no changes.

A run directory is below ``live`` until its task is finalised, and then below ``done`` in a folder
for the day on which its id was made, so that its path follows from its id alone. Everything here
blocks for as long as the disk does.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from engines.rundir.directory import EXIT, SHIM, RunDir
from protocol.errors import GatewayError, Kind
from protocol.tasks import TaskId

__all__ = ["RunFolders", "day_of"]


def day_of(run_id: str) -> str:
    """The day (UTC, YYYYMMDD) on which a time-ordered id was made. INVALID if it is no such id."""
    try:
        milliseconds = UUID(run_id).int >> 80
        return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y%m%d")
    except (ValueError, OverflowError, OSError) as error:
        raise _no_id() from error


class RunFolders:
    """The run directories in the spool ``root``. Ids may be any text: INVALID if they are none."""

    def __init__(self, root: Path) -> None:
        self.new = root / "new"
        self.live = root / "live"
        self.done = root / "done"

    def in_live(self, run_id: str) -> Path:
        """Where a run directory is before its task is finalised."""
        return self.live / _name(run_id)

    def in_done(self, run_id: str) -> Path:
        """Where it is from then on."""
        return self.done / day_of(run_id) / _name(run_id)

    def find(self, run_id: TaskId) -> RunDir | None:
        """The run directory of an id, live or done; two looks at the disk, no reading."""
        live = self.in_live(run_id)
        if live.is_dir():
            return RunDir(live)
        done = self.in_done(run_id)
        if done.is_dir():
            return RunDir(done)
        return None

    def require(self) -> None:
        """Makes sure that a run that is not found is not there, and not its disk that is away.

        Raises:
            FileNotFoundError: the folder of live runs is gone, by a lost mount for example.
            OSError: the disk refuses.
        """
        if not self.live.is_dir():
            raise FileNotFoundError(errno.ENOENT, "the folder of live runs is gone", self.live)

    def was_started(self, run_id: TaskId) -> bool:
        """Whether anything of a task was ever started."""
        run = self.find(run_id)
        return run is not None and Path(run.file(SHIM)).exists()

    def has_ended(self, run_id: TaskId) -> bool:
        """Whether a task has ended for all that is on disk, or is gone."""
        live = self.in_live(run_id)
        return (live / EXIT).exists() or not live.is_dir()

    def live_ids(self) -> list[TaskId]:
        """The runs that are not finalised, oldest first."""
        return list(map(TaskId, _names(self.live)))

    def done_days(self) -> list[str]:
        """The days from which there are finalised runs, newest first."""
        return _names(self.done)[::-1]

    def done_ids(self, day: str) -> list[TaskId]:
        """The finalised runs of a day, newest first; none if there is no such day."""
        try:
            return list(map(TaskId, reversed(_names(self.done / _name(day)))))
        except FileNotFoundError:
            return []

    def finished(self) -> Iterator[RunDir]:
        """All finalised runs, newest first; one that goes away meanwhile may be among them."""
        with contextlib.suppress(FileNotFoundError):
            for day in self.done_days():
                for run_id in self.done_ids(day):
                    yield RunDir(self.done / day / run_id)


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


def _name(name: str) -> str:
    """The name if it can only be a name below a folder."""
    if not name or name.startswith(".") or "/" in name or "\0" in name:
        raise _no_id()
    return name


def _no_id() -> GatewayError:
    return GatewayError(Kind.INVALID, "the id of a task is a UUID of version 7")
