"""Pages of a log from the recorded output of its run. Blocks for as long as the disk does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engines.rundir.archive import Damaged
from engines.rundir.directory import RunDir
from engines.rundir.replay import Replay
from gateway.stores.blocks import from_engine
from protocol.errors import GatewayError, Kind
from protocol.logs import Cursor, Gap, LogPage
from protocol.tasks import TaskId

__all__ = ["recorded_page"]


def recorded_page(
    find: Callable[[TaskId], RunDir | None],
    run_id: TaskId,
    cursor: Cursor,
    max_lines: int,
    max_bytes: int,
) -> LogPage | None:
    """The page at a cursor; None if there is no such run directory.

    ``last`` is the last complete line that the page came to see. ``eof`` says that the run has
    ended and that nothing follows. ``find`` is asked again for a run that moves while it is read.

    Raises:
        GatewayError: INTERNAL if what was recorded there is damaged.
    """
    for _ in range(2):
        run = find(run_id)
        if run is None:
            return None
        try:
            with Replay(run) as replay:
                found = replay.read(cursor.line, cursor.part, max_lines, max_bytes)
        except Damaged as error:
            message = f"line {cursor.line} of this log cannot be read: {error}"
            raise GatewayError(Kind.INTERNAL, message) from error
        # It may have been put away between finding and opening it: then look there.
        if found.blocks or Path(run.path).is_dir():
            blocks = tuple(map(from_engine, found.blocks))
            last = found.next_line - 1
            following = Cursor(found.next_line, found.next_part)
            gaps = tuple(Gap(*lines) for lines in found.gaps)
            return LogPage(blocks, following, min(last, 1), last, found.at_end, gaps)
    return None
