"""Replies of Redis as checked values."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.stores.records import QUEUE_MEMBERSHIP, SOURCES, refuse, task_of
from gateway.stores.replies import integer, items, text
from protocol.errors import GatewayError, Kind
from protocol.tasks import TRANSITIONS, TaskState


def test_what_is_there_is_read() -> None:
    """Numbers and texts come as themselves, nothing as nothing."""
    assert [integer(None), integer(b""), integer(b"7"), integer(7)] == [0, 0, 7, 7]
    assert [text(None), text(b"a\xff"), text(7)] == ["", "a\ufffd", "7"]
    assert items([1]) == [1]


@pytest.mark.parametrize(
    ("read", "reply"),
    [
        (integer, b"x"),
        (integer, [1]),
        (items, b"x"),
        (items, None),
        (task_of, []),
        (task_of, [b"task", b"id"]),
        (task_of, [b"task", b"id", None, b"queued", *[None] * 8]),
        (task_of, [b"task", b"id", b"\x80", b"no state", *[None] * 8]),
        (task_of, [b"something"]),
    ],
)
def test_what_is_not_ours_is_a_damaged_record(
    read: Callable[[object], object], reply: object
) -> None:
    """A reply of another shape is one broken record and no other exception."""
    with pytest.raises(GatewayError) as caught:
        read(reply)
    assert caught.value.kind is Kind.UNAVAILABLE


def test_the_tables_are_total() -> None:
    """Every state has a place and its sources, which are those of TRANSITIONS."""
    assert set(QUEUE_MEMBERSHIP) == set(SOURCES) == set(TaskState)
    for state in TaskState:
        assert (QUEUE_MEMBERSHIP[state] == "final") == state.final
        sources = set(SOURCES[state].strip(",").split(",")) - {""}
        assert sources == {before for before in TaskState if state in TRANSITIONS[before]}


def test_refusals_have_their_kinds() -> None:
    """Each word of a script is one kind of refusal."""
    assert refuse("none", []).kind is Kind.NOT_FOUND
    assert refuse("named", []).kind is Kind.CONFLICT
    assert refuse("stale", []).kind is Kind.CONFLICT
    assert refuse("gone", [b"gone", b"id", b"ann", b"3"]).kind is Kind.GONE
