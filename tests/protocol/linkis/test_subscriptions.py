"""Subscriptions in conversations: from any line, in any form, with credit or without."""

from dataclasses import replace

import pytest

from protocol.dialect import Acknowledge, Credit, Follow, Unfollow, Watch
from protocol.errors import GatewayError, Kind
from protocol.events import (
    Ended,
    LineOpen,
    LinesAppended,
    ProgressChanged,
    QueueMoved,
    StateChanged,
)
from protocol.logs import Block, Cursor, Gap, Line, Mark, Stream
from protocol.tasks import ByNumber, TaskState
from tests.protocol.linkis.scenes import NOW, SEED_ID, block, dialect, task
from tests.protocol.linkis.talks import (
    ENTRANCE,
    TAGGED,
    TASK,
    asked,
    executed,
    frame,
    message,
    page,
    reported,
    subscribed,
)


def test_subscribe() -> None:
    """Lines come with their numbers, then exactly one end."""
    session = dialect().conversation({})
    follow = subscribed(session, task(client=TAGGED), fromLine=4, format="lines")
    assert follow == Follow(follow.key, ByNumber(21), Cursor(4))
    marks = (Mark(1, Stream.OUT, NOW), Mark(1, Stream.ERR, NOW + 1))
    both = page(Block(4, 5, b"four\n", marks))
    (lines,) = reported(session, follow.key, LinesAppended(task(client=TAGGED), both))
    assert lines == {
        "method": f"{TASK}/lines",
        "status": 0,
        "message": "OK",
        "data": {
            "execID": SEED_ID,
            "lines": [
                {"n": 4, "t": NOW, "s": "out", "text": "four"},
                {"n": 5, "t": NOW + 1, "s": "err", "text": ""},
            ],
            "last": 5,
        },
        "websocketTag": "tab",
    }
    assert reported(session, follow.key, StateChanged(task())) == []
    ended = Ended(task(TaskState.FAILED, last_line=5))
    (eof,) = reported(session, follow.key, ended)
    assert eof["method"] == f"{TASK}/eof"
    assert eof["data"] == {
        "execID": SEED_ID,
        "last": 5,
        "status": "Failed",
        "exitCode": 3,
        "signal": None,
    }
    assert reported(session, follow.key, ended) == []


def test_subscribe_from_the_default_and_from_a_part() -> None:
    """Lines count from 1, a broken long line can be taken up again."""
    assert subscribed(dialect().conversation({}), task()).cursor == Cursor(1)
    follow = subscribed(dialect().conversation({}), task(), fromLine="3", fromPart=2)
    assert follow.cursor == Cursor(3, 2)


def test_gaps_in_a_subscription() -> None:
    """Lines that are no longer kept are told, with or without others."""
    session = dialect().conversation({})
    key = subscribed(session, task()).key
    only = page(gaps=(Gap(1, 7),))
    (found,) = reported(session, key, LinesAppended(task(), only))
    assert found["data"] == {"execID": SEED_ID, "lines": [], "last": 7, "gaps": [[1, 7]]}
    some = page(block(8, ["x" * 150_000]), block(9, ["y" * 150_000]), gaps=(Gap(1, 7),))
    first, second = reported(session, key, LinesAppended(task(), some))
    assert (first["data"]["gaps"], first["data"]["last"]) == ([[1, 7]], 8)
    assert ("gaps" in second["data"], second["data"]["last"]) == (False, 9)


def test_a_subscription_to_blocks() -> None:
    """With ``format=block`` neighbours come as one block, and what is gone is told first."""
    session = dialect().conversation({})
    key = subscribed(session, task(), format="block").key
    gaps = (Gap(1, 7),)
    (only,) = reported(session, key, LinesAppended(task(), page(gaps=gaps)))
    assert (only["method"], only["data"]) == (
        f"{TASK}/block",
        {"execID": SEED_ID, "gaps": [[1, 7]]},
    )
    some = page(block(8, ["eight"]), block(9, ["nine"]), gaps=gaps)
    (found,) = reported(session, key, LinesAppended(task(), some))
    row = found["data"]
    assert (row["first"], row["last"], row["text"]) == (8, 9, "eight\nnine")
    assert (row["gaps"], sum(mark[0] for mark in row["marks"])) == ([[1, 7]], 2)


def test_a_line_that_has_not_ended() -> None:
    """What came last on it is pushed, with the number that it would have."""
    session = dialect().conversation({})
    follow = subscribed(session, task(), partial=True)
    open_line = Line(7, NOW, Stream.ERR, b"10%\r20%\r")
    (found,) = reported(session, follow.key, LineOpen(task(), open_line))
    assert found["method"] == f"{TASK}/partial"
    assert found["data"] == {"execID": SEED_ID, "n": 7, "t": NOW, "s": "err", "text": "20%"}
    (found,) = reported(session, follow.key, LineOpen(task(), replace(open_line, part=3)))
    assert found["data"]["part"] == 3
    assert reported(session, executed(session), LineOpen(task(), open_line)) == []


@pytest.mark.parametrize(
    ("asked_for", "row"),
    [
        ({}, {"text": "20%", "cr": True, "base64": "MTAlDTIwJQ0="}),
        ({"text": "raw"}, {"text": "10%\r20%\r"}),
        ({"format": "raw"}, {"base64": "MTAlDTIwJQ0="}),
    ],
)
def test_forms_of_a_subscription(asked_for: dict[str, object], row: dict[str, object]) -> None:
    """People get what counts, programs all of it, and both can have the bytes."""
    session = dialect().conversation({})
    follow = subscribed(session, task(), **asked_for)
    (found,) = reported(session, follow.key, LinesAppended(task(), page(block(1, ["10%\r20%\r"]))))
    assert found["data"]["lines"] == [{"n": 1, "t": NOW, "s": "out", **row}]


def test_a_subscription_with_credit() -> None:
    """Its bounds go with it, and each acknowledgement is passed on without a reply."""
    session = dialect().conversation({})
    follow = subscribed(session, task(), fromLine=3, credit=10, creditBytes=4096, partial=True)
    assert (follow.credit, follow.watch.partial) == (Credit(10, 4096), True)
    ack = f"{TASK}/ack"
    for data, cursor in (
        ({"line": 7}, Cursor(8)),
        ({"line": 8, "part": 2}, Cursor(8, 3)),
        ({"line": 0}, Cursor(1)),
    ):
        assert session.received(frame(ack, data), NOW) == [Acknowledge(follow.key, cursor)]
    other = frame(f"{ENTRANCE}/99/ack", {"line": 7})
    assert session.received(other, NOW) == []
    session.received(frame(f"{TASK}/unsubscribe"), NOW)
    assert session.received(frame(ack, {"line": 9}), NOW) == []


def test_a_subscription_without_credit() -> None:
    """It runs as fast as its client takes it."""
    assert subscribed(dialect().conversation({}), task()).credit is None


def test_each_task_is_subscribed_to_once() -> None:
    """A second subscription to the same task takes the place of the first."""
    session = dialect().conversation({})
    first = subscribed(session, task())
    ask = asked(session.received(frame(f"{ENTRANCE}/21/subscribe", {"fromLine": 9}), NOW))
    steps = session.answered(ask.key, task(), NOW)
    assert steps[1:] == [Unfollow(first.key), Follow(ask.key + 1, ByNumber(21), Cursor(9))]
    assert reported(session, first.key, Ended(task(TaskState.FAILED))) == []


def test_unsubscribe() -> None:
    """The subscription ends at once, and what was on its way is dropped."""
    session = dialect().conversation({})
    follow = subscribed(session, task())
    steps = session.received(frame(f"{TASK}/unsubscribe"), NOW)
    assert steps[0] == Unfollow(follow.key)
    assert reported(session, follow.key, LinesAppended(task(), page(block(1, ["late"])))) == []
    found = message(session.answered(asked(steps).key, task(), NOW))
    assert (found["method"], found["status"]) == (f"{TASK}/unsubscribe", 0)


def test_a_subscription_that_is_refused_later() -> None:
    """If following fails after the answer, the message that asked for it is answered again."""
    session = dialect().conversation({})
    follow = subscribed(session, task())
    error = GatewayError(Kind.EXHAUSTED, "too many subscriptions", retry_after=1)
    found = message(session.failed(follow.key, error, NOW))
    assert (found["method"], found["status"]) == (f"{TASK}/subscribe", 1)
    assert session.failed(follow.key, error, NOW) == []


def test_row_c4_state_and_progress_of_a_subscription() -> None:
    """Row C4: who submits with ``push: false`` can be told state, progress and queue as well."""
    session = dialect().conversation({})
    more = {"state": True, "progress": True, "queue": True}
    follow = subscribed(session, task(client=TAGGED), fromLine=1, **more)
    assert follow.watch == Watch(lines=True, state=True, progress=True, queue=True)
    about = task(TaskState.QUEUED, client=TAGGED)
    (moved,) = reported(session, follow.key, QueueMoved(about, 3))
    assert (moved["method"], moved["data"]["waitingSize"]) == (f"{TASK}/waitingSize", 3)
    (status,) = reported(session, follow.key, StateChanged(about))
    assert (status["method"], status["data"]["status"]) == (f"{TASK}/status", "Scheduled")
    starting = task(TaskState.STARTING, client=TAGGED)
    assert reported(session, follow.key, StateChanged(starting)) == []
    (progress,) = reported(session, follow.key, ProgressChanged(about))
    assert progress["data"]["websocketTag"] == progress["websocketTag"] == "tab"
    ended = reported(session, follow.key, Ended(task(TaskState.FAILED, client=TAGGED)))
    assert [one["method"].rpartition("/")[2] for one in ended] == ["progress", "status", "eof"]
    assert [one["data"].get("progress", one["data"].get("status")) for one in ended] == [
        1.0,
        "Failed",
        "Failed",
    ]


def test_row_c4_a_subscription_is_told_lines_alone_unless_it_asks() -> None:
    """Row C4: without asking, a subscription is told its lines and the end, as ever."""
    session = dialect().conversation({})
    follow = subscribed(session, task(), fromLine=1)
    assert follow.watch == Watch()
    (end,) = reported(session, follow.key, Ended(task(TaskState.FAILED)))
    assert end["method"] == f"{TASK}/eof"
