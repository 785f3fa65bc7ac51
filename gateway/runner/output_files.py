"""The files that get what a run printed, among those of its owner: written as a whole at its end.

What a run prints is kept by its log, exactly; a file is a convenience beside it. So one that cannot
be written, for want of room or because a folder has its name, is told to the journal and holds up
nothing. Written again it is the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from engines.rundir.directory import RunDir
from gateway.journal import journal
from gateway.stores.spec import TaskSpec
from gateway.stores.streams import Streams
from gateway.stores.user_files import Incoming, UserFiles
from protocol.errors import GatewayError
from protocol.files import FilePath, file_path
from protocol.tasks import NUMBER_MARK, TaskId

__all__ = ["OutputFiles"]

_journal = journal(__name__)


class OutputFiles:
    """Writes the files.

    Args:
        find: the directory of a run by its id.
        files: the folders of users.
    """

    def __init__(self, find: Callable[[TaskId], RunDir | None], files: UserFiles) -> None:
        self._streams = Streams(find)
        self._files = files

    async def write(self, spec: TaskSpec) -> None:
        """Writes the files that a task wants, as far as anything was printed to them."""
        for path, errors in _wanted(spec.outputs):
            place = path.replace(NUMBER_MARK, str(spec.number))
            try:
                await self._write(spec.task_id, file_path(spec.owner, place), errors)
            except (GatewayError, OSError) as error:
                _journal.info("no file of output", run=spec.task_id, error=str(error))

    async def _write(self, run_id: TaskId, path: FilePath, streams: Sequence[bool]) -> None:
        incoming = Incoming()
        try:
            for errors in streams:
                await self._copy(run_id, path, incoming, errors=errors)
            if incoming.size:
                await asyncio.to_thread(self._files.keep, incoming, path, create=False)
        finally:
            await asyncio.to_thread(self._files.end, incoming)

    async def _copy(
        self, run_id: TaskId, path: FilePath, incoming: Incoming, *, errors: bool
    ) -> None:
        """Appends what is kept of a stream; what is not is passed over."""
        at = 0
        while stretch := await self._streams.locate(run_id, at, -1, errors=errors):
            async for data in self._streams.read(run_id, stretch, errors=errors):
                if not incoming.size:
                    await asyncio.to_thread(self._begin, incoming, path)
                await asyncio.to_thread(self._files.add, incoming, data)
            at = stretch.first + stretch.length
            if stretch.complete or not stretch.length:
                return

    def _begin(self, incoming: Incoming, path: FilePath) -> None:
        self._files.make_parents(path)
        self._files.begin(incoming, path)


def _wanted(outputs: tuple[str, str]) -> Iterator[tuple[str, tuple[bool, ...]]]:
    """The files, each with the streams that it gets: two of one name are one file."""
    out, err = outputs
    if out and out == err:
        yield out, (False, True)
        return
    if out:
        yield out, (False,)
    if err:
        yield err, (True,)
