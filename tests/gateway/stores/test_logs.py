"""The hot window of logs over the real server, against a plain list."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.stores import keys
from gateway.stores.errors import LogGap, StaleEpoch
from gateway.stores.index_lease import IndexLeaseStore
from gateway.stores.logs import LogStore
from gateway.stores.redis_client import RedisClient
from gateway.stores.tasks import Ending, TaskStore
from protocol.errors import GatewayError, Kind
from protocol.logs import Block, Cursor, Line, LogPage, Mark, Stream
from protocol.tasks import ById, Outcome, Reason, TaskId, TaskState
from tests.gateway.stores.conftest import EPOCH
from tests.support.specs import LATER_MS, make_spec

_ALL = 1 << 30


async def _task(tasks: TaskStore) -> TaskId:
    spec = make_spec()
    await tasks.index(spec)
    return spec.task_id


def _lines(first: int, last: int, size: int = 0) -> Block:
    data = b"\n".join((b"%d" % number).ljust(size + 2, b".") for number in range(first, last + 1))
    return Block(first, last, data, (Mark(last - first + 1, Stream.OUT, 7),))


def _part(number: int, part: int, *, more: bool, size: int = 5) -> Block:
    return Block(number, number, b"p" * size, (Mark(1, Stream.ERR, 9),), part, more)


async def _page(logs: LogStore, task_id: TaskId, cursor: Cursor, lines: int = _ALL) -> LogPage:
    page = await logs.read(task_id, cursor, lines, _ALL)
    assert page is not None
    return page


async def test_what_was_appended_is_read(tasks: TaskStore, link: RedisClient) -> None:
    """Lines come back with their numbers, streams and times, and the task knows the last one."""
    logs, task_id = LogStore(link), await _task(tasks)
    block = Block(1, 3, b"a\n\nc", (Mark(2, Stream.OUT, 5), Mark(1, Stream.ERR, 6)))
    assert await logs.append(task_id, EPOCH, [block]) == 3
    page = await _page(logs, task_id, Cursor())
    assert list(page.lines()) == [
        Line(1, 5, Stream.OUT, b"a"),
        Line(2, 5, Stream.OUT, b""),
        Line(3, 6, Stream.ERR, b"c"),
    ]
    assert (page.next, page.last, page.first, page.eof) == (Cursor(4), 3, 1, False)
    assert (await tasks.read(ById(task_id))).last_line == 3


async def test_a_repeated_append_adds_nothing(tasks: TaskStore, link: RedisClient) -> None:
    """The same block again, from many at once, is there once."""
    logs, task_id = LogStore(link), await _task(tasks)
    found = await asyncio.gather(
        *(logs.append(task_id, EPOCH, [_lines(1, 5), _lines(6, 9)]) for _ in range(20))
    )
    assert set(found) == {9}
    assert await link.call("XLEN", keys.LOG.key(task_id)) == 2


async def test_an_overlap_is_cut(tasks: TaskStore, link: RedisClient) -> None:
    """Of a block that begins before the end only what is new is added."""
    logs, task_id = LogStore(link), await _task(tasks)
    await logs.append(task_id, EPOCH, [_lines(1, 5)])
    assert await logs.append(task_id, EPOCH, [_lines(1, 2), _lines(3, 8), _lines(9, 9)]) == 9
    page = await _page(logs, task_id, Cursor())
    assert [line.data for line in page.lines()] == [b"%d." % n for n in range(1, 10)]


async def test_a_gap_is_refused_and_says_where_to_go_on(
    tasks: TaskStore, link: RedisClient
) -> None:
    """Missing lines are never papered over; what stood before the gap is kept."""
    logs, task_id = LogStore(link), await _task(tasks)
    with pytest.raises(LogGap) as caught:
        await logs.append(task_id, EPOCH, [_lines(1, 5), _lines(7, 9)])
    assert (caught.value.last, caught.value.next) == (5, Cursor(6))
    assert await logs.last(task_id) == Cursor(6)


async def test_parts_of_a_long_line_follow_one_another(tasks: TaskStore, link: RedisClient) -> None:
    """Parts are kept once and in order, and a missing one is a gap."""
    logs, task_id = LogStore(link), await _task(tasks)
    first, second = _part(2, 1, more=True), _part(2, 2, more=True)
    third = _part(2, 3, more=False)
    assert await logs.append(task_id, EPOCH, [_lines(1, 1), first]) == 1
    with pytest.raises(LogGap) as caught:
        await logs.append(task_id, EPOCH, [third])
    assert caught.value.next == Cursor(2, 2)
    with pytest.raises(LogGap):
        await logs.append(task_id, EPOCH, [_lines(3, 3)])
    assert (await _page(logs, task_id, Cursor(2))).next == Cursor(2, 2)
    assert await logs.append(task_id, EPOCH, [first, second, third, _lines(3, 3)]) == 3
    assert list((await _page(logs, task_id, Cursor(2, 2))).blocks) == [second, third, _lines(3, 3)]
    assert await logs.append(task_id, EPOCH, [first, second, third]) == 3


async def test_a_line_that_is_still_open_is_not_the_last_one(
    tasks: TaskStore, link: RedisClient
) -> None:
    """The last line is the last complete one."""
    logs, task_id = LogStore(link), await _task(tasks)
    await logs.append(task_id, EPOCH, [_lines(1, 1), _part(2, 1, more=True)])
    assert (await tasks.read(ById(task_id))).last_line == 1
    assert (await _page(logs, task_id, Cursor())).last == 1


async def test_an_older_runner_appends_nothing(
    tasks: TaskStore, lease: IndexLeaseStore, link: RedisClient
) -> None:
    """A runner that was replaced is refused."""
    logs, task_id = LogStore(link), await _task(tasks)
    await lease.ready(EPOCH + 1)
    with pytest.raises(StaleEpoch):
        await logs.append(task_id, EPOCH, [_lines(1, 1)])
    with pytest.raises(StaleEpoch):
        await logs.begin(task_id, EPOCH, 5)


async def test_no_log_without_a_task(tasks: TaskStore, link: RedisClient) -> None:
    """Lines of an unknown task are told from lines of a buried one, and neither is kept."""
    logs, task_id = LogStore(link), await _task(tasks)
    await tasks.bury(task_id, LATER_MS)
    for wanted, unwelcome in ((Kind.GONE, task_id), (Kind.NOT_FOUND, TaskId("nobody"))):
        with pytest.raises(GatewayError) as caught:
            await logs.append(unwelcome, EPOCH, [_lines(1, 1)])
        assert caught.value.kind is wanted
        assert await logs.read(unwelcome, Cursor(), 1, 1) is None


async def test_the_window_keeps_the_latest_lines(tasks: TaskStore, link: RedisClient) -> None:
    """What left the window is not answered from it, and what is in it is exact."""
    logs, task_id = LogStore(link, hot_bytes=1000), await _task(tasks)
    for first in range(1, 200, 10):
        await logs.append(task_id, EPOCH, [_lines(first, first + 9, 10)])
    assert await logs.read(task_id, Cursor(1), 5, _ALL) is None
    kept = [n for n in range(1, 201) if await logs.read(task_id, Cursor(n), 1, _ALL)]
    first_kept = kept[0]
    assert first_kept % 10 == 1
    page = await _page(logs, task_id, Cursor(first_kept))
    assert [line.number for line in page.lines()] == list(range(first_kept, 201))
    assert await link.call("XLEN", keys.LOG.key(task_id)) == await link.call(
        "LLEN", keys.LOG_SIZES.key(task_id)
    )


async def test_the_window_may_begin_in_the_middle_of_a_line(
    tasks: TaskStore, link: RedisClient
) -> None:
    """A long line whose first parts left is read on from a later part only."""
    logs, task_id = LogStore(link, hot_bytes=250), await _task(tasks)
    for part in range(1, 6):
        await logs.append(task_id, EPOCH, [_part(1, part, more=part < 5, size=80)])
    assert await logs.read(task_id, Cursor(1), 5, _ALL) is None
    assert await logs.read(task_id, Cursor(1, 3), 5, _ALL) is None
    page = await _page(logs, task_id, Cursor(1, 4))
    assert [block.part for block in page.blocks] == [4, 5]


async def test_a_log_begins_where_the_writer_says(tasks: TaskStore, link: RedisClient) -> None:
    """After Redis was emptied a window may begin at the live end; a begun log is left alone."""
    logs, task_id = LogStore(link), await _task(tasks)
    await logs.begin(task_id, EPOCH, 100)
    assert await logs.append(task_id, EPOCH, [_lines(98, 103)]) == 103
    assert await logs.read(task_id, Cursor(100), 5, _ALL) is None
    assert [line.number for line in (await _page(logs, task_id, Cursor(101))).lines()] == [
        101,
        102,
        103,
    ]
    await logs.begin(task_id, EPOCH, 500)
    assert await logs.last(task_id) == Cursor(104)


@pytest.mark.parametrize("family", [keys.LOG, keys.LOG_MARK, keys.LOG_SIZES])
async def test_a_log_that_lost_a_key_answers_nothing_wrong(
    tasks: TaskStore, link: RedisClient, family: keys.Family
) -> None:
    """Whatever of a log goes away, a reader gets right lines or is sent to the spool."""
    logs, task_id = LogStore(link), await _task(tasks)
    await logs.append(task_id, EPOCH, [_lines(1, 5), _lines(6, 10)])
    await link.call("DEL", family.key(task_id))
    page = await logs.read(task_id, Cursor(3), 100, _ALL)
    assert page is None or [line.number for line in page.lines()] == list(range(3, 11))
    following = (await logs.last(task_id)).line
    await logs.append(task_id, EPOCH, [_lines(following, following + 20)])
    page = await _page(logs, task_id, Cursor(following))
    assert [line.number for line in page.lines()] == list(range(following, following + 21))


async def test_a_reader_beyond_the_end_waits(tasks: TaskStore, link: RedisClient) -> None:
    """A cursor past the last line gets an empty page and keeps its place."""
    logs, task_id = LogStore(link), await _task(tasks)
    await logs.append(task_id, EPOCH, [_lines(1, 5)])
    for cursor in (Cursor(6), Cursor(60)):
        page = await _page(logs, task_id, cursor)
        assert (page.blocks, page.next, page.last) == ((), cursor, 5)


async def test_a_page_is_bounded_in_bytes_but_never_empty(
    tasks: TaskStore, link: RedisClient
) -> None:
    """About the bytes asked for are given, and one line in any case."""
    logs, task_id = LogStore(link), await _task(tasks)
    await logs.append(task_id, EPOCH, [_lines(1, 100, 98), _lines(101, 200, 98)])
    page = await logs.read(task_id, Cursor(50), 100, 1000)
    assert page is not None
    assert 500 <= sum(len(block.data) for block in page.blocks) <= 1000
    page = await logs.read(task_id, Cursor(50), 100, 1)
    assert page is not None
    assert [line.number for line in page.lines()] == [50]


async def test_a_window_ends(tasks: TaskStore, link: RedisClient) -> None:
    """A dropped log is read from the spool: nothing of it is left."""
    logs, task_id = LogStore(link), await _task(tasks)
    await logs.append(task_id, EPOCH, [_lines(1, 5)])
    await logs.drop(task_id)
    for family in (keys.LOG, keys.LOG_MARK, keys.LOG_SIZES):
        assert await link.call("EXISTS", family.key(task_id)) == 0
    assert await logs.read(task_id, Cursor(1), 1, 1) is None
    assert await logs.last(task_id) == Cursor(1)


async def test_the_end_of_a_run_gives_its_log_a_life(tasks: TaskStore, link: RedisClient) -> None:
    """The window of an ended task ends by itself, after the time that was said with the end."""
    spec = make_spec()
    await tasks.index(spec)
    logs = LogStore(link)
    await logs.append(spec.task_id, EPOCH, [_lines(1, 5)])
    outcome = Outcome(Reason.EXITED, 0, None, "ended")
    ending = Ending(TaskState.SUCCEEDED, outcome, 1, 2, last_line=5, log_seconds=5)
    await tasks.conclude(spec.task_id, spec.owner, EPOCH, ending, sent=True)
    for family in (keys.LOG, keys.LOG_MARK, keys.LOG_SIZES):
        assert 0 < int(str(await link.call("PTTL", family.key(spec.task_id)))) <= 5000


async def test_a_page_comes_with_its_task(tasks: TaskStore, link: RedisClient) -> None:
    """One look answers the lines and the task, also where the window has no lines."""
    logs, task_id = LogStore(link), await _task(tasks)
    assert await logs.read_with_task(task_id, Cursor(), 9, 9) == (
        None,
        await tasks.read(ById(task_id)),
    )
    await logs.append(task_id, EPOCH, [_lines(1, 5)])
    page, task = await logs.read_with_task(task_id, Cursor(4), 9, _ALL)
    assert (page, task) == (
        await logs.read(task_id, Cursor(4), 9, _ALL),
        await tasks.read(ById(task_id)),
    )
    with pytest.raises(GatewayError) as caught:
        await logs.read_with_task(make_spec().task_id, Cursor(), 9, 9)
    assert caught.value.kind in {Kind.NOT_FOUND, Kind.UNAVAILABLE}


async def test_foreign_entries_are_a_damaged_record(tasks: TaskStore, link: RedisClient) -> None:
    """Garbage in a stream is refused and never shown as lines."""
    logs, task_id = LogStore(link), await _task(tasks)
    await logs.append(task_id, EPOCH, [_lines(1, 5)])
    await link.call("XADD", keys.LOG.key(task_id), "9-0", "x", "y", "z", "w")
    with pytest.raises(GatewayError) as caught:
        await logs.read(task_id, Cursor(1), 100, _ALL)
    assert caught.value.kind is Kind.UNAVAILABLE


@dataclass(frozen=True)
class _Unit:
    """A whole line, or one part of a long one: the smallest thing that a log can end after."""

    block: Block

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.block.first, self.block.part)


def _units(shape: list[tuple[int, bool]]) -> list[_Unit]:
    units = []
    for number, (parts, err) in enumerate(shape, 1):
        mark = (Mark(1, Stream.ERR if err else Stream.OUT, number % 3),)
        units += [
            _Unit(Block(number, number, b"%d" % part, mark, part, more=part < parts))
            for part in range(1, parts + 1)
        ]
        if not parts:
            units.append(_Unit(Block(number, number, b"x" * (number % 4), mark)))
    return units


def _blocks(units: list[_Unit], sizes: list[int]) -> list[Block]:
    """The units as blocks: whole lines joined, at most so many at a time as the sizes say."""
    blocks: list[Block] = []
    room = 0
    for turn, unit in enumerate(units):
        block, before = unit.block, blocks[-1] if blocks else None
        if block.part or room == 0 or before is None or before.part:
            blocks.append(block)
            room = sizes[turn % len(sizes)]
        else:
            data = before.data + b"\n" + block.data
            blocks[-1] = Block(before.first, block.last, data, before.marks + block.marks)
            room -= 1
    return blocks


_SHAPES = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 0, 1, 2, 4]), st.booleans()), min_size=1, max_size=25
)
_WRITES = st.lists(
    st.tuples(st.floats(0, 1), st.floats(0, 1), st.lists(st.integers(0, 9), min_size=1)),
    max_size=8,
)


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(shape=_SHAPES, writes=_WRITES, hot_bytes=st.sampled_from([60, 300, 1 << 20]))
async def test_any_writing_gives_the_one_log(
    tasks: TaskStore,
    link: RedisClient,
    shape: list[tuple[int, bool]],
    writes: list[tuple[float, float, list[int]]],
    hot_bytes: int,
) -> None:
    """Through duplicates, overlaps, gaps and any cut into blocks a log holds each line once."""
    logs, task_id = LogStore(link, hot_bytes=hot_bytes), await _task(tasks)
    units = _units(shape)
    kept = 0
    for begin, length, sizes in [*writes, (0.0, 1.0, [3])]:
        start = int(begin * len(units))
        end = start + int(length * (len(units) - start))
        blocks = _blocks(units[start:end], sizes)
        if not blocks:
            continue
        if start > kept:
            with pytest.raises(LogGap) as caught:
                await logs.append(task_id, EPOCH, blocks)
            assert caught.value.next == _normal(_following(units, kept))
        else:
            await logs.append(task_id, EPOCH, blocks)
            kept = max(kept, end)
        assert await logs.last(task_id) == _normal(_following(units, kept))
    assert kept == len(units)
    await _check_reading(logs, task_id, units, whole=hot_bytes == 1 << 20)


def _following(units: list[_Unit], kept: int) -> Cursor:
    if kept < len(units):
        return units[kept].cursor
    return Cursor(units[-1].block.last + 1)


def _normal(cursor: Cursor) -> Cursor:
    return cursor if cursor.part > 1 else Cursor(cursor.line)


async def _check_reading(
    logs: LogStore, task_id: TaskId, units: list[_Unit], *, whole: bool
) -> None:
    """Every place is read right in pages of every size, or, before the window, not at all."""
    hot = False
    for at, unit in enumerate(units):
        page = await logs.read(task_id, _normal(unit.cursor), 1 + at % 7, 1 + at % 50)
        # Once a place is in the window, so are all later ones.
        assert page is not None or not (hot or whole)
        if page is None:
            continue
        hot = True
        found: list[Line] = list(page.lines())
        while page.blocks:
            page = await logs.read(task_id, page.next, 1 + at % 7, 1 + at % 50)
            assert page is not None
            found += page.lines()
        assert found == [line for later in units[at:] for line in later.block.lines()]
    assert hot


def test_the_units_of_these_tests_are_a_log() -> None:
    """The generator of the property makes consecutive lines with all their parts."""
    units = _units([(0, True), (3, False), (1, True), (0, False)])
    assert [unit.cursor for unit in units] == [(1, 0), (2, 1), (2, 2), (2, 3), (3, 1), (4, 0)]
    for before, after in pairwise(units):
        assert before.cursor < after.cursor
