"""The hot window of every log: the latest lines of a task, in Redis, by number.

One stream for each log, an entry a block; an entry's id is the number of its last line, and for a
part of a long line also which part, so that a range from line N starts at the entry that holds N.
What left the window is read from the spool.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct

from gateway.stores.errors import LogGap
from gateway.stores.keys import NOTIFICATIONS
from gateway.stores.records import expect_ok, refuse, task_of
from gateway.stores.redis_client import RedisClient, Value, unavailable
from gateway.stores.replies import broken, integer, items, text
from gateway.stores.scripting import TaskScripts
from protocol.errors import GatewayError, Kind, Subject
from protocol.logs import Block, Cursor, LogPage, Mark, Stream
from protocol.tasks import Task, TaskId

__all__ = ["LogGap", "LogStore", "cut_page"]

_MARK = Struct("<IBxxxQ")
_OUT = 1
_ERR = 2
_CUTS = 8


class LogStore:
    """The hot windows of one node's logs.

    Args:
        link: the way to Redis.
        hot_bytes: how much of each log is kept here; the oldest blocks go first.
        idle_seconds: how long a log is kept to which nothing is added.
    """

    def __init__(
        self, link: RedisClient, *, hot_bytes: int = 1 << 20, idle_seconds: int = 2 * 86_400
    ) -> None:
        self._scripts = TaskScripts(link)
        self._hot_bytes = hot_bytes
        self._idle_ms = idle_seconds * 1000

    async def append(self, task_id: TaskId, epoch: int, blocks: Sequence[Block]) -> int:
        """Adds blocks at the end, each line exactly once; the number of the last complete line.

        May be repeated, also in part or overlapping: what is there already is left out. Raises
        LogGap if lines are missing before a block, StaleEpoch, NOT_FOUND if Redis does not know
        the task (rebuild the index), GONE if the task is buried.
        """
        left = list(blocks)
        for _ in range(_CUTS):
            reply = items(
                await self._scripts.run(
                    "log_append",
                    *_packed(left),
                    id=task_id,
                    epoch=epoch,
                    window=self._hot_bytes,
                    life=self._idle_ms,
                    channel=NOTIFICATIONS,
                )
            )
            status = text(reply[0])
            answered = status in {"ok", "gap", "cut"}
            last, part, more = map(integer, reply[1:4]) if answered else (0, 0, 0)
            match status:
                case "ok":
                    return last - more
                case "gap":
                    raise LogGap(last, Cursor(last, part + 1) if more else Cursor(last + 1))
                case "cut":
                    left = [
                        block.slice(max(block.first, last + 1), block.last)
                        for block in left
                        if block.last > last
                    ]
                case "unknown":
                    raise GatewayError(
                        Kind.NOT_FOUND, "the index does not know this task", subject=Subject.TASK
                    )
                case "gone":
                    raise GatewayError(Kind.GONE, "the task is buried", subject=Subject.TASK)
                case _:
                    raise refuse(status, reply)
        raise unavailable()

    async def begin(self, task_id: TaskId, epoch: int, last: int, *, anew: bool = False) -> None:
        """Lets the window of a log that is unknown here begin after a line; else does nothing.

        After Redis was emptied this spares the writer to send again what the spool has anyway.
        ``anew`` moves the window of a known log on: the lines up to ``last`` are not kept.
        """
        reply = items(
            await self._scripts.run(
                "log_begin",
                id=task_id,
                epoch=epoch,
                before=last,
                life=self._idle_ms,
                anew=int(anew),
                channel=NOTIFICATIONS,
            )
        )
        expect_ok(reply)

    async def read(
        self, task_id: TaskId, cursor: Cursor, max_lines: int, max_bytes: int
    ) -> LogPage | None:
        """The page at a cursor, or None if the window does not hold that place.

        At most ``max_lines`` and about ``max_bytes``, but at least one line or part if there is
        one. ``eof`` is never set and ``first`` is 1: the caller knows the task and the spool.
        """
        return _page(
            await self._asked(task_id, cursor, max_lines, max_bytes), cursor, max_lines, max_bytes
        )

    async def read_with_task(
        self, task_id: TaskId, cursor: Cursor, max_lines: int, max_bytes: int
    ) -> tuple[LogPage | None, Task]:
        """The same, and the task as it was at that very moment.

        Raises what TaskStore.read raises.
        """
        reply = await self._asked(task_id, cursor, max_lines, max_bytes)
        return _page(reply, cursor, max_lines, max_bytes), task_of(reply[0])

    async def last(self, task_id: TaskId) -> Cursor:
        """Where the writer goes on: the place after all that is here; line 1 if nothing is."""
        reply = items(await self._scripts.run("log_end", id=task_id))
        last, part, more = (integer(item) for item in reply)
        return Cursor(last, part + 1) if more else Cursor(last + 1)

    async def drop(self, task_id: TaskId) -> None:
        """Ends the window now."""
        await self._scripts.run("log_drop", id=task_id)

    async def _asked(
        self, task_id: TaskId, cursor: Cursor, max_lines: int, max_bytes: int
    ) -> list[object]:
        return items(
            await self._scripts.run(
                "log_read",
                id=task_id,
                line=cursor.line,
                part=cursor.part,
                lines=max_lines,
                bytes=max_bytes,
            )
        )


def cut_page(
    blocks: Iterable[Block], cursor: Cursor, max_lines: int, max_bytes: int
) -> tuple[tuple[Block, ...], Cursor]:
    """What of consecutive blocks belongs to a page from a cursor on, and where the next begins."""
    kept: list[Block] = []
    lines = size = 0
    for block in blocks:
        if block.part:
            if block.first < cursor.line or (
                block.first == cursor.line and block.part < cursor.part
            ):
                continue
            fitting = block
        else:
            if block.last < cursor.line:
                continue
            first = max(block.first, cursor.line)
            fitting = block.slice(first, min(block.last, first + max_lines - lines - 1))
            fitting = _within(fitting, max_bytes - size)
        kept.append(fitting)
        lines += 0 if fitting.more else fitting.last - fitting.first + 1
        size += len(fitting.data)
        if fitting.last < block.last or lines >= max_lines or size >= max_bytes:
            break
    if not kept:
        return (), cursor
    end = kept[-1]
    return tuple(kept), Cursor(end.first, end.part + 1) if end.more else Cursor(end.last + 1)


def _within(block: Block, max_bytes: int) -> Block:
    """The first lines of a block that fit, at least one."""
    if len(block.data) <= max_bytes:
        return block
    lines = block.data.count(b"\n", 0, max(0, max_bytes) + 1)
    return block.slice(block.first, block.first + max(lines, 1) - 1)


def _page(
    reply: Sequence[object], cursor: Cursor, max_lines: int, max_bytes: int
) -> LogPage | None:
    if reply[1] == b"cold":
        return None
    last = integer(reply[1]) - integer(reply[2])
    blocks = [_unpacked(items(entry)) for entry in reply[3:]]
    if blocks and blocks[0].first > cursor.line:
        return None
    kept, following = cut_page(blocks, cursor, max_lines, max_bytes)
    return LogPage(kept, following, min(last, 1), last, eof=False)


def _packed(blocks: Iterable[Block]) -> Iterable[Value]:
    for block in blocks:
        yield block.first
        yield block.last
        yield block.part
        yield int(block.more)
        yield b"".join(
            _MARK.pack(size, _ERR if stream is Stream.ERR else _OUT, time_ms)
            for size, stream, time_ms in block.marks
        )
        yield block.data


def _unpacked(entry: Sequence[object]) -> Block:
    fields = items(entry[1])
    name, marks, data = fields[0], fields[1], fields[3]
    if not isinstance(marks, bytes) or not isinstance(data, bytes) or len(marks) % _MARK.size:
        raise broken()
    last, _, part = text(entry[0]).partition("-")
    found = tuple(
        Mark(size, Stream.ERR if stream == _ERR else Stream.OUT, time_ms)
        for size, stream, time_ms in _MARK.iter_unpack(marks)
    )
    end = int(last)
    first = end - sum(mark.size for mark in found) + 1
    return Block(first, end, data, found, int(part), more=name == b"p")
