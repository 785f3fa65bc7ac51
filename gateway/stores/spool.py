"""The spool: every run directory of a node, and with them the truth about every accepted task.

    new/<random>              being made
    live/<run id>             accepted and not yet finalised
    done/<YYYYMMDD>/<run id>  finalised; the day is the id's own, so the path follows from the id
    requests/<hash>           hard link to a spec: the request ids of a user that were accepted
    buried/<YYYYMMDD>         tasks that are no longer kept, by the day on which that is forgotten
    node.lock, epoch          which runner of this node is the one that may act
    clock                     what time it was, by the clock of this boot of the machine

Nothing here depends on Redis. Reading has threads of its own, so that a slow disk never makes a
kill wait. A disk that refuses is UNAVAILABLE and never half an acceptance.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from engines.archive import Damaged
from engines.facts import Exit, ExitKind
from engines.replay import Replay
from engines.rundir import KILL, Claimed, RunDir
from gateway.ids import is_task_id
from gateway.stores.blocks import from_engine
from gateway.stores.errors import TaskGone
from gateway.stores.files import private_folder, refuse_network, replace, try_lock
from gateway.stores.spec import TaskSpec, decode_spec, encode_spec
from gateway.stores.tombstones import Tombstone, Tombstones
from protocol.errors import GatewayError, Kind
from protocol.logs import Cursor, Gap, LogPage
from protocol.tasks import TaskId

__all__ = ["FORGET", "NodeLock", "Spool", "day_of"]

T = TypeVar("T")

FORGET = "forget"
"""The file of a run directory that says that its task was deleted: nothing of it is kept."""

_READERS = 4
_WRITERS = 4
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_SPARE_SHARE = 0.05
_SPARE_BYTES = 256 << 20
_SPARE_FILES = 2000


def day_of(run_id: str) -> str:
    """The day (UTC, YYYYMMDD) on which a time-ordered id was made. INVALID if it is no such id."""
    try:
        milliseconds = UUID(run_id).int >> 80
        return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y%m%d")
    except (ValueError, OverflowError, OSError) as error:
        raise GatewayError(Kind.INVALID, "the id of a task is a UUID of version 7") from error


class NodeLock:
    """The right to act for a node, held until closed or until the process ends."""

    def __init__(self, fd: int, epoch_path: Path) -> None:
        self._fd = fd
        self._epoch_path = epoch_path

    def next_epoch(self, floor: int = 0) -> int:
        """A number larger than the floor and than any that was given on this node, for ever.

        ``floor`` is what Redis knows of. Durable before it is returned, so that a Redis that went
        back in time cannot make it be given again. Raises UNAVAILABLE if the disk refuses.
        """
        try:
            with contextlib.suppress(FileNotFoundError, ValueError):
                floor = max(floor, int(self._epoch_path.read_text("ascii")))
            replace(self._epoch_path, f"{floor + 1}\n".encode())
        except OSError as error:
            raise _refused(error) from error
        return floor + 1

    def close(self) -> None:
        """Gives the right back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Spool:
    """The spool in the folder ``root``. Every process of a node may have one."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._new = root / "new"
        self._live = root / "live"
        self._done = root / "done"
        self._requests = root / "requests"
        self.tombstones = Tombstones(root / "buried")
        self._readers = ThreadPoolExecutor(_READERS, "spool-read")
        self._writers = ThreadPoolExecutor(_WRITERS, "spool-write")

    def prepare(self) -> None:
        """Makes the folders. Called once at start, before anything else; may block.

        Raises FORBIDDEN or UNSUPPORTED with one clear sentence if the place will not do, and
        UNAVAILABLE if the run directories were here and are gone, by a lost mount for example.
        """
        made = self._root.with_name(f"{self._root.name}.made")
        if made.exists() and not self._live.is_dir():
            raise GatewayError(
                Kind.UNAVAILABLE,
                f"the run directories in {self._root} are gone; bring them back, or remove {made} "
                "to begin without them",
            )
        for folder in (self._root, self._new, self._live, self._done, self._requests):
            private_folder(folder)
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

    def lock(self) -> NodeLock:
        """The right to act for this node. CONFLICT if another process has it."""
        fd = try_lock(self._root / "node.lock")
        if fd is None:
            raise GatewayError(Kind.CONFLICT, f"another runner works on the spool {self._root}")
        return NodeLock(fd, self._root / "epoch")

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

        def look() -> TaskSpec | None:
            earlier = self._claimed(self._claim(owner, request_id))
            if earlier is not None and self.find(earlier.task_id) is None:
                # Taken, and not live yet: who took it may have died in between. Whoever goes on
                # from the claim must find a run directory, or the task would be queued without.
                RunDir.adopt_new(self._new, self._live, run_id=earlier.task_id)
            return earlier

        return await self._read(look)

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

    async def wish_kill(self, run_id: TaskId, grace_seconds: float) -> bool:
        """Makes it durable that a run is to end and wakes its shim; False if it is not live."""

        def wish() -> bool:
            run = RunDir(self._live / _name(run_id))
            try:
                run.wish_kill(grace_seconds)
            except FileNotFoundError:
                return False
            run.ring()
            return True

        return await self._write(wish)

    async def read_log(
        self, run_id: TaskId, cursor: Cursor, max_lines: int, max_bytes: int
    ) -> LogPage | None:
        """The page at a cursor from the recorded output; None if there is no such run directory.

        ``last`` is the last complete line that the page came to see. ``eof`` says that the run has
        ended and that nothing follows.
        """
        return await self._read(lambda: self._page(run_id, cursor, max_lines, max_bytes))

    async def finish(self, run_id: TaskId, *, forgo_kill: bool = False) -> None:
        """Puts a finalised run away among the done ones; does nothing if it is not live.

        ``forgo_kill`` takes back a wish to kill that came when the run had ended. The move is not
        made durable: a run that is found live again has its ending, and is put away again.
        """

        def move() -> None:
            day = self._done / day_of(run_id)
            live = self._live / _name(run_id)
            while live.is_dir():
                day.mkdir(mode=0o700, exist_ok=True)
                # The day may have been removed again as empty: then once more.
                with contextlib.suppress(FileNotFoundError):
                    live.rename(day / run_id)
            if forgo_kill:
                (day / run_id / KILL).unlink(missing_ok=True)

        await self._write(move)

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
        day = day_of(run_id)
        await self._write(lambda: self._vanish(self._done / day / _name(run_id)))

    async def sweep(self, now_ms: int, keep_ms: int, limit: int = 1000) -> int:
        """Frees request ids whose tasks expired more than ``keep_ms`` ago; how many.

        Only those whose run directory is gone, and at most ``limit`` at once.
        """
        return await self._read(lambda: self._sweep(now_ms, keep_ms, limit))

    async def tidy(self, age_seconds: float = 60.0) -> list[TaskId]:
        """Ends what crashes left half made or half removed; the tasks that turned out accepted."""

        def tidy() -> list[TaskId]:
            for path in self._new.glob("*.gone"):
                shutil.rmtree(path, ignore_errors=True)
            found = RunDir.adopt_new(self._new, self._live, age_seconds=age_seconds)
            return [TaskId(run_id) for run_id in found]

        return await self._write(tidy)

    async def live_ids(self) -> list[TaskId]:
        """The runs that are not finalised, oldest first."""
        return await self._read(lambda: list(map(TaskId, _names(self._live))))

    async def done_days(self) -> list[str]:
        """The days from which there are finalised runs, newest first."""
        return await self._read(lambda: _names(self._done)[::-1])

    async def done_ids(self, day: str) -> list[TaskId]:
        """The finalised runs of a day, newest first."""

        def names() -> list[TaskId]:
            with contextlib.suppress(FileNotFoundError):
                return list(map(TaskId, reversed(_names(self._done / _name(day)))))
            return []

        return await self._read(names)

    def finished(self) -> Iterator[RunDir]:
        """All finalised runs, newest first; for one who only looks."""
        for day in reversed(_names(self._done) if self._done.is_dir() else []):
            with contextlib.suppress(FileNotFoundError):
                for name in reversed(_names(self._done / day)):
                    yield RunDir(self._done / day / name)

    def find(self, run_id: TaskId) -> RunDir | None:
        """The run directory of an id, live or done; two looks at the disk, no reading."""
        live = self._live / _name(run_id)
        if live.is_dir():
            return RunDir(live)
        done = self._done / day_of(run_id) / run_id
        if done.is_dir():
            return RunDir(done)
        return None

    def _accept(self, spec: TaskSpec, ending: Exit | None = None) -> TaskSpec:
        self._refuse_near_full()
        claim = self._claim(spec.owner, spec.request_id) if spec.request_id else None
        data = encode_spec(spec)
        # Free again, if it was swept or given back between losing it and reading it.
        for _ in range(3):
            try:
                RunDir.create(self._new, self._live, _name(spec.task_id), data, claim, ending)
            except Claimed:
                if claim is not None and (earlier := self._claimed(claim)) is not None:
                    return self._repeated(spec, earlier)
            else:
                return spec
        raise GatewayError(Kind.CONFLICT, "the request id is contended", retry_after=1.0)

    def _refuse_near_full(self) -> None:
        """Leaves the last of the disk to what was accepted: its endings must be recorded."""
        disk = os.statvfs(self._live)
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
            RunDir.adopt_new(self._new, self._live, run_id=earlier.task_id)
            if self.find(earlier.task_id) is None:
                raise TaskGone(earlier.task_id, earlier.number, earlier.owner)
        return earlier

    def _claim(self, owner: str, request_id: str) -> Path:
        text = f"{owner}\0{request_id}".encode("utf-8", "surrogatepass")
        return self._requests / sha256(text).hexdigest()

    def _claimed(self, claim: Path) -> TaskSpec | None:
        try:
            return decode_spec(claim.read_bytes())
        except FileNotFoundError:
            return None

    def _discard(self, spec: TaskSpec) -> None:
        if spec.request_id:
            self._claim(spec.owner, spec.request_id).unlink(missing_ok=True)
        self._vanish(self._live / _name(spec.task_id))

    def _vanish(self, path: Path) -> None:
        """Takes a run directory away at once and then apart; ``tidy`` ends what a crash leaves."""
        gone = self._new / f"{path.name}.{os.urandom(6).hex()}.gone"
        with contextlib.suppress(FileNotFoundError):
            path.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)
            if path.parent != self._live:
                with contextlib.suppress(OSError):
                    path.parent.rmdir()  # an empty day

    def _page(
        self, run_id: TaskId, cursor: Cursor, max_lines: int, max_bytes: int
    ) -> LogPage | None:
        for _ in range(2):
            run = self.find(run_id)
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

    def _sweep(self, now_ms: int, keep_ms: int, limit: int) -> int:
        freed = 0
        for path in self._only_claims():
            if freed == limit:
                break
            spec = self._claimed(path)
            if spec is not None and 0 < spec.expires_ms + keep_ms < now_ms:
                path.unlink(missing_ok=True)
                freed += 1
        return freed

    def _only_claims(self) -> Iterator[Path]:
        """Claims to specs whose run directory is gone."""
        with os.scandir(self._requests) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    # Not the entry's own stat: its count of links may be an old one.
                    path = Path(entry.path)
                    if path.stat().st_nlink == 1:
                        yield path

    async def _read(self, work: Callable[[], T]) -> T:
        return await self._do(self._readers, work)

    async def _write(self, work: Callable[[], T]) -> T:
        return await self._do(self._writers, work)

    async def _do(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except OSError as error:
            raise _refused(error) from error


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


def _name(name: str) -> str:
    """The name if it can only be a name below a folder."""
    if not name or name.startswith(".") or "/" in name or "\0" in name:
        raise GatewayError(Kind.INVALID, "the id of a task is a UUID of version 7")
    return name


def _refused(error: OSError) -> GatewayError:
    what = "is full" if error.errno in _FULL else "refuses"
    return GatewayError(
        Kind.UNAVAILABLE, f"the disk of the gateway {what} at the moment", retry_after=5.0
    )
