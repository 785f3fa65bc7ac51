"""The spool: every run directory of a node, and with them the truth about every accepted task.

    new/<random>              being made
    live/<run id>             accepted and not yet finalised
    done/<YYYYMMDD>/<run id>  finalised; the day is the id's own, so the path follows from the id
    requests/<hash>           hard link to a spec: the request ids of a user that were accepted
    buried/<YYYYMMDD>         tasks that are no longer kept, by the day on which that is forgotten
    node.lock, epoch          which runner of this node is the one that may act
    clock                     what time it was, by the clock of this boot of the machine

Nothing here depends on Redis. Reading has threads of its own, so that a slow disk never makes a
kill wait. A disk that refuses is UNAVAILABLE and never half an acceptance. Where things lie is in
``run_folders`` and ``request_claims``.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from engines.rundir.creation import Claimed, adopt_new, create_run
from engines.rundir.directory import KILL, RunDir
from engines.rundir.facts import Exit, ExitKind
from engines.rundir.requests import RunEvent, encode_event
from engines.rundir.spread import spread_below
from gateway.ids import is_task_id
from gateway.stores.atomic_file import private_folder, refuse_network
from gateway.stores.disk_errors import disk_refused
from gateway.stores.errors import TaskGone
from gateway.stores.recorded_log import recorded_page
from gateway.stores.removal import Trash
from gateway.stores.request_claims import RequestClaims
from gateway.stores.run_folders import RunFolders
from gateway.stores.spec import TaskSpec, decode_spec, encode_spec
from gateway.stores.tombstones import Tombstone, Tombstones
from protocol.errors import GatewayError, Kind
from protocol.logs import Cursor, LogPage
from protocol.tasks import TaskId

__all__ = ["FORGET", "Spool"]

T = TypeVar("T")

FORGET = "forget"
"""The file of a run directory that says that its task was deleted: nothing of it is kept."""

_READERS = 4
_WRITERS = 16
"""So many make something durable at a time. Syncs that are asked for together share one commit of
the file system's journal, so nobody has to wait for a group to gather: with 4 of them 32 submits
at a time took 2.3 times as long."""
_SPARE_SHARE = 0.05
_SPARE_BYTES = 256 << 20
_SPARE_FILES = 2000


class Spool:
    """The spool in the folder ``root``. Every process of a node may have one."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.runs = RunFolders(root)
        self._claims = RequestClaims(root / "requests")
        self._trash = Trash(root)
        self.tombstones = Tombstones(root / "buried")
        self._readers = ThreadPoolExecutor(_READERS, "spool-read")
        self._writers = ThreadPoolExecutor(_WRITERS, "spool-write")

    def prepare(self) -> None:
        """Makes the folders. Called once at start, before anything else; may block.

        Raises FORBIDDEN or UNSUPPORTED with one clear sentence if the place will not do, and
        UNAVAILABLE if the run directories were here and are gone, by a lost mount for example.
        """
        made = self._root.with_name(f"{self._root.name}.made")
        if made.exists() and not self.runs.live.is_dir():
            raise GatewayError(
                Kind.UNAVAILABLE,
                f"the run directories in {self._root} are gone; bring them back, or remove {made} "
                "to begin without them",
            )
        runs = self.runs
        for folder in (self._root, runs.new, runs.live, runs.done, self._claims.folder):
            private_folder(folder)
        spread_below(runs.new)
        self.tombstones.prepare()
        refuse_network(self._root)
        made.touch(mode=0o600)

    def close(self) -> None:
        """Ends the threads when they are done."""
        self._readers.shutdown(wait=False)
        self._writers.shutdown(wait=False)

    async def check(self) -> None:
        """Raises UNAVAILABLE while no task can be accepted: it is gone or nearly full."""
        await self._read(self._refuse_near_full)

    async def accept(self, spec: TaskSpec) -> TaskSpec:
        """Makes a task durable; from its return on it is owed to the client.

        Answers the accepted spec: this one or, if its request id was accepted before with the same
        body, the one of then. Raises CONFLICT for another body, TaskGone if the earlier task is
        no longer kept, UNAVAILABLE if the disk refuses or is nearly full.
        """
        return await self._write(lambda: self._accept(spec))

    async def refuse(self, spec: TaskSpec, message: str, at_ms: int) -> None:
        """Makes durable that a task was refused: it is recorded as ended before it began."""
        end = Exit(ExitKind.START_FAILED, message=message, reason="refused", ended_ms=at_ms)
        await self._write(lambda: self._accept(spec, end))
        await self.finish(spec.task_id)

    async def claimed(self, owner: str, request_id: str) -> TaskSpec | None:
        """The task that was accepted under a request id, None if none was."""
        if not request_id:
            return None
        return await self._read(lambda: self.recall(owner, request_id))

    async def claim_names(self) -> list[str]:
        """The names of all request ids that were accepted here."""
        return await self._read(self._claims.names)

    def recall(self, owner: str, request_id: str) -> TaskSpec | None:
        """As ``claimed``, and blocks."""
        earlier = self._claims.read(self._claims.path(owner, request_id))
        if earlier is not None and self.find(earlier.task_id) is None:
            # Taken, and not live yet: who took it may have died in between. Whoever goes on
            # from the claim must find a run directory, or the task would be queued without.
            adopt_new(self.runs.new, self.runs.live, run_id=earlier.task_id)
        return earlier

    async def spec(self, run_id: TaskId) -> TaskSpec | None:
        """What was accepted under an id, None if there is no such run directory."""

        def read() -> TaskSpec | None:
            run = self.find(run_id)
            if run is not None:
                with contextlib.suppress(FileNotFoundError):
                    return decode_spec(run.spec())
            return None

        return await self._read(read)

    async def keeps(self, run_id: TaskId) -> bool:
        """Whether there is a run directory of that id whose task was not deleted."""

        def look() -> bool:
            run = self.find(run_id) if is_task_id(run_id) else None
            return run is not None and not Path(run.file(FORGET)).exists()

        return await self._read(look)

    async def request_kill(self, run_id: TaskId, grace_seconds: float, who: str = "") -> bool:
        """Makes it durable that a run is to end and wakes its shim; False if it is not live."""

        def request() -> bool:
            run = RunDir(self.runs.in_live(run_id))
            try:
                run.request_kill(grace_seconds, who)
            except FileNotFoundError:
                return False
            run.notify()
            return True

        return await self._write(request)

    async def read_log(
        self, run_id: TaskId, cursor: Cursor, max_lines: int, max_bytes: int
    ) -> LogPage | None:
        """The page at a cursor from the recorded output; None if there is no such run directory.

        ``last`` is the last complete line that the page came to see. ``eof`` says that the run has
        ended and that nothing follows.
        """
        return await self._read(
            lambda: recorded_page(self.find, run_id, cursor, max_lines, max_bytes)
        )

    async def finish(self, run_id: TaskId, *, cancel_kill: bool = False) -> bool:
        """Puts a finalised run away among the done ones; False, and nothing, if it is not live.

        ``cancel_kill`` takes back a request to kill that came when the run had ended. The move is
        not made durable: a run that is found live again has its ending, and is put away again.
        """

        def move() -> bool:
            live, done = self.runs.in_live(run_id), self.runs.in_done(run_id)
            found = live.is_dir()
            while live.is_dir():
                done.parent.mkdir(mode=0o700, exist_ok=True)
                # The day may have been removed again as empty: then once more.
                with contextlib.suppress(FileNotFoundError):
                    live.rename(done)
            if cancel_kill:
                (done / KILL).unlink(missing_ok=True)
            return found

        return await self._write(move)

    async def discard(self, spec: TaskSpec) -> None:
        """Forgets a task that was accepted on disk and then refused; its request id is free again.

        Only for one that was never queued.
        """
        await self._write(lambda: self._discard(spec))

    async def forget(self, run_id: TaskId) -> None:
        """Makes it durable that nothing of a run is kept, wherever it is at the moment."""

        def forget() -> None:
            # Looks twice, since a run moves once when it is put away.
            for _ in range(2):
                run = self.find(run_id)
                if run is None:
                    return
                with contextlib.suppress(FileNotFoundError):
                    run.write_once(FORGET, b"")
                    return

        await self._write(forget)

    async def bury(self, run_id: TaskId, until_ms: int) -> None:
        """Makes durable that a task is answered as gone until then; before it is removed."""

        def note() -> None:
            run = self.find(run_id)
            if run is None:
                return
            with contextlib.suppress(FileNotFoundError, GatewayError):
                spec = decode_spec(run.spec())
                stone = Tombstone(run_id, spec.number, spec.owner, spec.name, until_ms)
                self.tombstones.add(stone)

        await self._write(note)

    async def remove(self, run_id: TaskId) -> None:
        """Removes a finalised run with its output; its request id stays taken until swept.

        Whoever reads it meanwhile finds it whole or not at all.
        """
        path = self.runs.in_done(run_id)
        await self._write(lambda: self._vanish(path))

    async def sweep(self, now_ms: int, keep_ms: int, limit: int = 1000) -> int:
        """Frees request ids whose tasks expired more than ``keep_ms`` ago; how many.

        Only those whose run directory is gone, and at most ``limit`` at once.
        """
        return await self._read(lambda: self._claims.sweep(now_ms, keep_ms, limit))

    async def tidy(self, age_seconds: float = 60.0) -> list[TaskId]:
        """Ends what crashes left half made or half removed; the tasks that turned out accepted."""

        def tidy() -> list[TaskId]:
            self._trash.tidy()
            found = adopt_new(self.runs.new, self.runs.live, age_seconds=age_seconds)
            return [TaskId(run_id) for run_id in found]

        return await self._write(tidy)

    async def live_ids(self) -> list[TaskId]:
        """The runs that are not finalised, oldest first."""
        return await self._read(self.runs.live_ids)

    async def done_days(self) -> list[str]:
        """The days from which there are finalised runs, newest first."""
        return await self._read(self.runs.done_days)

    async def done_ids(self, day: str) -> list[TaskId]:
        """The finalised runs of a day, newest first."""
        return await self._read(lambda: self.runs.done_ids(day))

    def find(self, run_id: TaskId) -> RunDir | None:
        """The run directory of an id, live or done; two looks at the disk, no reading."""
        return self.runs.find(run_id)

    def _accept(self, spec: TaskSpec, ending: Exit | None = None) -> TaskSpec:
        self._refuse_near_full()
        claim = self._claims.path(spec.owner, spec.request_id) if spec.request_id else None
        data, runs = encode_spec(spec), self.runs
        run_id = runs.in_live(spec.task_id).name  # refused here if it is no name
        # Free again, if it was swept or given back between losing it and reading it.
        for _ in range(3):
            try:
                create_run(runs.new, runs.live, run_id, data, claim, ending, events=_asked(spec))
            except Claimed:
                if claim is not None and (earlier := self._claims.read(claim)) is not None:
                    return self._repeated(spec, earlier)
            else:
                return spec
        raise GatewayError(Kind.CONFLICT, "the request id is contended", retry_after=1.0)

    def _refuse_near_full(self) -> None:
        """Leaves the last of the disk to what was accepted: its endings must be recorded."""
        disk = os.statvfs(self.runs.live)
        free, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
        scarce = disk.f_files > 0 and disk.f_favail < min(disk.f_files * _SPARE_SHARE, _SPARE_FILES)
        if scarce or free < min(size * _SPARE_SHARE, _SPARE_BYTES):
            raise OSError(errno.ENOSPC, "nearly full")

    def _repeated(self, spec: TaskSpec, earlier: TaskSpec) -> TaskSpec:
        if earlier.body_hash != spec.body_hash:
            raise GatewayError(
                Kind.CONFLICT, "the request id was used for another request", field="requestId"
            )
        if self.find(earlier.task_id) is None:
            # It may have died, or be, between taking the id and showing its directory.
            adopt_new(self.runs.new, self.runs.live, run_id=earlier.task_id)
            if self.find(earlier.task_id) is None:
                raise TaskGone(earlier.task_id, earlier.number, earlier.owner)
        return earlier

    def _discard(self, spec: TaskSpec) -> None:
        if spec.request_id:
            self._claims.free(spec.owner, spec.request_id)
        self._vanish(self.runs.in_live(spec.task_id))

    def _vanish(self, path: Path) -> None:
        """Takes a run directory away at once and then apart; ``tidy`` ends what a crash leaves."""
        self._trash.remove(path)
        if path.parent != self.runs.live:
            with contextlib.suppress(OSError):
                path.parent.rmdir()  # an empty day

    async def _read(self, work: Callable[[], T]) -> T:
        return await self._do(self._readers, work)

    async def _write(self, work: Callable[[], T]) -> T:
        return await self._do(self._writers, work)

    async def _do(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except OSError as error:
            raise disk_refused(error) from error


def _asked(spec: TaskSpec) -> bytes:
    """What is asked of a run from its beginning."""
    asked = b""
    if spec.hold:
        asked += encode_event(RunEvent("hold", spec.created_ms, spec.owner))
    if spec.tags:
        asked += encode_event(RunEvent("tag", spec.created_ms, spec.owner, tags=spec.tags))
    return asked
