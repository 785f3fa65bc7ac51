"""Where readers of numbered lines go on: with parts exactly, without them ever further."""

from collections.abc import Mapping

import pytest

from protocol.commands.logs import LogRead
from protocol.dialects.linkis.places import cursor_of, movable
from protocol.logs import Block, Cursor, LogPage, Mark, Stream
from protocol.tasks import TaskState
from tests.protocol.linkis.scenes import NOW, block, task

PART = 65_536


def read(
    *blocks: Block, following: Cursor, last: int, state: TaskState = TaskState.RUNNING
) -> LogRead:
    """A page of these blocks."""
    return LogRead(LogPage(blocks, following, 1, last, eof=False), task(state, last_line=last))


def part(line: int, number: int, size: int = PART) -> Block:
    """A part of a long line that goes on."""
    return Block(line, line, b"x" * size, (Mark(1, Stream.OUT, NOW),), number, more=True)


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ({}, Cursor(1)),
        ({"fromLine": "7"}, Cursor(7)),
        ({"fromLine": "7", "fromPart": "2"}, Cursor(7, 2)),
        ({"fromLine": "7", "fromPart": "0"}, Cursor(7)),
        ({"fromLine": "7", "fromPart": "-2"}, Cursor(6, 2)),
        ({"fromLine": "0", "fromPart": "-2"}, Cursor(1, 2)),
        ({"fromLine": "-3"}, Cursor(1)),
    ],
    ids=str,
)
def test_row_c1_places(query: Mapping[str, str], place: Cursor) -> None:
    """Row C1: a negative part is one of the line before."""
    assert cursor_of(query) == place


@pytest.mark.parametrize("query", [{"fromPart": "0"}, {"fromPart": "3"}])
def test_row_c1_who_names_parts_is_told_parts(query: Mapping[str, str]) -> None:
    """Row C1: whoever sends ``fromPart`` goes on within a line."""
    found = read(block(4, ["a"]), part(5, 1), following=Cursor(5, 2), last=5)
    assert movable(found, query) == (found.page, 5, 2)


def test_row_c1_a_page_is_cut_before_a_line_that_does_not_fit() -> None:
    """Row C1: what comes before a long line is told first, and the long line with the next page."""
    found = read(block(4, ["a"]), part(5, 1), following=Cursor(5, 2), last=9)
    page, line, rest = movable(found, {})
    assert ([one.first for one in page.blocks], line, rest) == ([4], 5, 0)


@pytest.mark.parametrize(
    "found",
    [
        read(part(5, 1), following=Cursor(5, 2), last=9),
        read(part(5, 1), following=Cursor(5, 2), last=5, state=TaskState.FAILED),
        read(*(part(5, n) for n in range(1, 6)), following=Cursor(5, 6), last=5),
    ],
    ids=["a later line is there", "the task has ended", "it is long enough"],
)
def test_row_c1_a_line_alone_is_passed(found: LogRead) -> None:
    """Row C1: a line that fills a page is told as far as it goes, and its rest can be had."""
    page, line, rest = movable(found, {"fromLine": "5"})
    assert (page.blocks, line) == (found.page.blocks, 6)
    following = cursor_of({"fromLine": str(line), "fromPart": str(rest)})
    assert following == found.page.next


def test_row_c1_a_line_that_grows_is_waited_for() -> None:
    """Row C1: of a line that may end soon nothing is told yet, so that nothing comes twice."""
    found = read(part(5, 1), following=Cursor(5, 2), last=5)
    page, line, rest = movable(found, {"fromLine": "5"})
    assert (page.blocks, line, rest) == ((), 5, 0)
