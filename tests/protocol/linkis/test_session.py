"""Conversations on a websocket: frames in, steps out."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.accounts import Principal, Role, Ticket
from protocol.commands import (
    Execute,
    Kill,
    ListTasks,
    Login,
    LogRead,
    ReadLog,
    ReadTask,
    Refuse,
    WhoAmI,
)
from protocol.dialect import (
    Acknowledge,
    Ask,
    Authenticate,
    Credit,
    Follow,
    Send,
    Session,
    Step,
    Unfollow,
    Watch,
)
from protocol.dialects.linkis.words import ACTIVE, ENDED
from protocol.errors import GatewayError, Kind
from protocol.events import (
    Ended,
    Event,
    LineOpen,
    LinesAppended,
    ProgressChanged,
    QueueMoved,
    StateChanged,
)
from protocol.logs import Block, Cursor, Gap, Line, LogPage, Mark, Stream
from protocol.media import as_object, decode_msgpack, encode_msgpack
from protocol.tasks import ByNumber, Outcome, Progress, Reason, Task, TaskState
from tests.protocol.linkis.scenes import DONE, NOW, ROOT, SEED_ID, WORDS, block, dialect, task

ENTRANCE = f"{ROOT}/entrance"
TASK = f"{ENTRANCE}/{SEED_ID}"
TAGGED = {**WORDS, "websocketTag": "tab"}
AT = "2023-11-14 22:13:20.000"
BODY = {"executeApplicationName": "hive", "runType": "sql", "executionCode": "show tables"}
LISTING = ListTasks(states=ACTIVE, dialect="linkis", limit=1000)
JUST_ENDED = ListTasks(states=ENDED, dialect="linkis", limit=100)
PUSHED = Watch(lines=True, state=True, progress=True, queue=True)


def frame(method: str, data: object = None, **more: object) -> str:
    """A message as clients send it; without data if there is none."""
    message = {"method": method, **more}
    return json.dumps(message if data is None else {**message, "data": data})


def messages(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The messages that are sent, in order."""
    found: list[dict[str, Any]] = []
    for step in steps:
        match step:
            case Send(frame, text=True):
                found.append(json.loads(frame))
            case Send(bytes() as packed):
                found.append(as_object(decode_msgpack(packed)))
    return found


def message(steps: Sequence[Step]) -> dict[str, Any]:
    """The only message that is sent."""
    (found,) = messages(steps)
    return found


def asked(steps: Sequence[Step]) -> Ask:
    """The only thing that is asked."""
    (ask,) = [step for step in steps if isinstance(step, Ask)]
    return ask


def resumed(steps: Sequence[Step]) -> tuple[Ask, Ask]:
    """The lists that are asked for on a new socket: of what runs, and of what has just ended."""
    running, ended = [step for step in steps if isinstance(step, Ask)]
    assert running.command == LISTING
    assert ended.command == JUST_ENDED
    return running, ended


def followed(steps: Sequence[Step]) -> Follow:
    """The only subscription that begins."""
    (follow,) = [step for step in steps if isinstance(step, Follow)]
    return follow


def page(*blocks: Block, last: int = 9, gaps: tuple[Gap, ...] = ()) -> LogPage:
    """Lines that were appended."""
    following = blocks[-1].last + 1 if blocks else gaps[-1].last + 1
    return LogPage(blocks, Cursor(following), 1, last, eof=False, gaps=gaps)


def executed(session: Session, about: Task | None = None) -> int:
    """The key of the pushes of a task that was just submitted."""
    ask = asked(session.received(frame(f"{ENTRANCE}/execute", BODY, websocketTag="tab"), NOW))
    about = about or task(TaskState.ACCEPTED, client=TAGGED)
    return followed(session.answered(ask.key, about, NOW)).key


def at(state: TaskState) -> Task:
    """The tagged task in a state."""
    return task(state, client=TAGGED)


def told(session: Session, key: int, event: Event) -> list[dict[str, Any]]:
    """What the client is sent for an event."""
    return messages(session.told(key, event, NOW))


def test_execute() -> None:
    """The acknowledgement has method and tag as they were sent, and comes before the pushes."""
    session = dialect().session({})
    method = "/api/rest_j/entrance/execute"
    ask = asked(session.received(frame(method, BODY, websocketTag="tab"), NOW))
    assert isinstance(ask.command, Execute)
    assert ask.command.client["websocketTag"] == "tab"
    steps = session.answered(ask.key, task(TaskState.ACCEPTED, client=TAGGED), NOW)
    assert message(steps) == {
        "method": method,
        "status": 0,
        "message": "Execution request succeeded",
        "data": {"execID": SEED_ID, "taskID": 21, "websocketTag": "tab"},
        "websocketTag": "tab",
    }
    assert isinstance(steps[0], Send)
    assert steps[1:] == [Follow(2, ByNumber(21), watch=PUSHED, resume=True)]


def test_the_whole_life_of_a_task() -> None:
    """Status, logs, progress, last log, progress 1, final status, and nothing after it."""
    session = dialect().session({})
    key = executed(session)
    one = block(1, ["one", "", f"{AT} WARN two"])
    ended = task(TaskState.SUCCEEDED, client=TAGGED, outcome=DONE, last_line=3)
    events: list[Event] = [
        StateChanged(at(TaskState.QUEUED)),
        QueueMoved(at(TaskState.QUEUED), 4),
        StateChanged(at(TaskState.STARTING)),
        StateChanged(at(TaskState.RUNNING)),
        LinesAppended(at(TaskState.RUNNING), page(one)),
        LinesAppended(at(TaskState.RUNNING), page(block(4, ["", " "]))),
        ProgressChanged(task(client=TAGGED, progress=Progress(0.5))),
        Ended(ended),
        Ended(ended),
    ]
    sent = [found for event in events for found in told(session, key, event)]
    assert [found["method"].removeprefix(f"{TASK}/") for found in sent] == [
        "status",
        "waitingSize",
        "status",
        "log",
        "progress",
        "log",
        "progress",
        "status",
    ]
    for found in sent:
        assert (found["status"], found["websocketTag"]) == (0, "tab")
        names = {"execID": SEED_ID, "taskID": 21, "websocketTag": "tab"}
        assert names.items() <= found["data"].items()
    words = [found["data"].get("status") for found in sent]
    assert list(filter(None, words)) == ["Scheduled", "Running", "Succeed"]
    assert sent[1]["data"]["waitingSize"] == 4
    error, warn, info, everything = sent[3]["data"]["log"]
    assert (error, warn) == ("", f"{AT} WARN two\n")
    assert info.splitlines()[0].startswith(f"{AT} INFO Job with jobId : 21")
    assert everything.endswith(f"{AT} INFO one\n{AT} WARN two\n")
    assert len(everything.splitlines()) == 4
    assert sent[4]["data"]["progress"] == 0.5
    assert sent[5]["data"]["log"][3].endswith("execute with status Succeed.\n")
    assert sent[6]["data"]["progress"] == 1.0


def test_a_task_that_prints_nothing_has_its_banner() -> None:
    """The log of a silent task is the same as over HTTP."""
    session = dialect().session({})
    key = executed(session)
    ended = task(TaskState.FAILED, client=TAGGED)
    log = told(session, key, Ended(ended))[0]["data"]["log"]
    assert [len(text.splitlines()) for text in log] == [1, 0, 3, 4]


def test_a_log_whose_beginning_is_gone() -> None:
    """The banner comes before the warning about lines that are no longer kept."""
    session = dialect().session({})
    key = executed(session)
    gone = page(block(8, ["eight"]), gaps=(Gap(1, 7),))
    everything = told(session, key, LinesAppended(task(), gone))[0]["data"]["log"][3]
    assert [line[24:40] for line in everything.splitlines()] == [
        "INFO Job with jo",
        "INFO Your job is",
        "WARN lines 1 to ",
        "INFO eight",
    ]


def test_big_pages_become_several_pushes() -> None:
    """No message is much larger than 256 KiB, and no line is lost between two."""
    session = dialect().session({})
    key = executed(session)
    texts = [f"{number:05d} " + "x" * 3000 for number in range(1, 301)]
    sent = told(session, key, LinesAppended(task(client=TAGGED), page(block(1, texts))))
    assert len(sent) > 3
    assert all(len(json.dumps(found)) < 256 * 1024 for found in sent)
    joined = "".join(found["data"]["log"][3] for found in sent).splitlines()
    assert [line[29:34] for line in joined[2:]] == [text[:5] for text in texts]


@pytest.mark.parametrize(
    ("verb", "command", "result", "extra"),
    [
        ("status", ReadTask, task(client=TAGGED), {"status": "Running"}),
        ("progress", ReadTask, task(client=TAGGED), {"progress": 0.0, "progressInfo": []}),
        ("kill", Kill, task(TaskState.KILLING, client=TAGGED), {}),
        (
            "log",
            ReadLog,
            LogRead(page(block(1, ["one"])), task(client=TAGGED)),
            {"fromLine": 3},
        ),
    ],
)
def test_calls_about_a_task(
    verb: str, command: type, result: object, extra: dict[str, Any]
) -> None:
    """A message without data or tag is answered with ids, tag and the canonical method."""
    session = dialect().session({})
    ask = asked(session.received(frame(f"/api/rest_s/entrance/{SEED_ID}/{verb}"), NOW))
    assert isinstance(ask.command, command)
    steps = session.answered(ask.key, result, NOW)
    assert len(steps) == 1
    found = message(steps)
    assert found["method"] == f"{TASK}/{verb}"
    assert (found["status"], found["websocketTag"]) == (0, "tab")
    names = {"execID": SEED_ID, "taskID": 21, "websocketTag": "tab"}
    assert (names | extra).items() <= found["data"].items()


def test_data_is_the_query() -> None:
    """Plain values of the data stand where a query would; others are nothing."""
    session = dialect().session({})
    data = {"fromLine": 7, "size": "3", "distinctLevel": False, "a": None, "b": [], "c": True}
    ask = asked(session.received(frame(f"{TASK}/log", data), NOW))
    assert isinstance(ask.command, ReadLog)
    assert (ask.command.cursor, ask.command.max_lines) == (Cursor(6), 3)
    read = LogRead(page(block(6, ["six"])), task())
    assert message(session.answered(ask.key, read, NOW))["data"]["log"] == f"{AT} INFO six"


def test_percent_escapes_in_a_method() -> None:
    """A method may be written like a path."""
    session = dialect().session({})
    escaped = SEED_ID.replace(":", "%3A")
    ask = asked(session.received(frame(f"{ENTRANCE}/{escaped}/status"), NOW))
    assert message(session.answered(ask.key, task(), NOW))["method"] == f"{TASK}/status"


def subscribed(session: Session, about: Task, **data: object) -> Follow:
    """The subscription that a message begins."""
    ask = asked(session.received(frame(f"{TASK}/subscribe", data), NOW))
    assert isinstance(ask.command, ReadTask)
    steps = session.answered(ask.key, about, NOW)
    assert message(steps)["data"]["taskID"] == 21
    return followed(steps)


def test_subscribe() -> None:
    """Lines come with their numbers, then exactly one end."""
    session = dialect().session({})
    follow = subscribed(session, task(client=TAGGED), fromLine=4, format="lines")
    assert follow == Follow(follow.key, ByNumber(21), Cursor(4))
    marks = (Mark(1, Stream.OUT, NOW), Mark(1, Stream.ERR, NOW + 1))
    both = page(Block(4, 5, b"four\n", marks))
    (lines,) = told(session, follow.key, LinesAppended(task(client=TAGGED), both))
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
    assert told(session, follow.key, StateChanged(task())) == []
    ended = Ended(task(TaskState.FAILED, last_line=5))
    (eof,) = told(session, follow.key, ended)
    assert eof["method"] == f"{TASK}/eof"
    assert eof["data"] == {
        "execID": SEED_ID,
        "last": 5,
        "status": "Failed",
        "exitCode": 3,
        "signal": None,
    }
    assert told(session, follow.key, ended) == []


def test_subscribe_from_the_default_and_from_a_part() -> None:
    """Lines count from 1, a broken long line can be taken up again."""
    assert subscribed(dialect().session({}), task()).cursor == Cursor(1)
    follow = subscribed(dialect().session({}), task(), fromLine="3", fromPart=2)
    assert follow.cursor == Cursor(3, 2)


def test_gaps_in_a_subscription() -> None:
    """Lines that are no longer kept are told, with or without others."""
    session = dialect().session({})
    key = subscribed(session, task()).key
    only = page(gaps=(Gap(1, 7),))
    (found,) = told(session, key, LinesAppended(task(), only))
    assert found["data"] == {"execID": SEED_ID, "lines": [], "last": 7, "gaps": [[1, 7]]}
    some = page(block(8, ["x" * 150_000]), block(9, ["y" * 150_000]), gaps=(Gap(1, 7),))
    first, second = told(session, key, LinesAppended(task(), some))
    assert (first["data"]["gaps"], first["data"]["last"]) == ([[1, 7]], 8)
    assert ("gaps" in second["data"], second["data"]["last"]) == (False, 9)


def test_a_subscription_to_blocks() -> None:
    """With ``format=block`` neighbours come as one block, and what is gone is told first."""
    session = dialect().session({})
    key = subscribed(session, task(), format="block").key
    gaps = (Gap(1, 7),)
    (only,) = told(session, key, LinesAppended(task(), page(gaps=gaps)))
    assert (only["method"], only["data"]) == (
        f"{TASK}/block",
        {"execID": SEED_ID, "gaps": [[1, 7]]},
    )
    some = page(block(8, ["eight"]), block(9, ["nine"]), gaps=gaps)
    (found,) = told(session, key, LinesAppended(task(), some))
    row = found["data"]
    assert (row["first"], row["last"], row["text"]) == (8, 9, "eight\nnine")
    assert (row["gaps"], sum(mark[0] for mark in row["marks"])) == ([[1, 7]], 2)


def test_a_line_that_has_not_ended() -> None:
    """What came last on it is pushed, with the number that it would have."""
    session = dialect().session({})
    follow = subscribed(session, task(), partial=True)
    open_line = Line(7, NOW, Stream.ERR, b"10%\r20%\r")
    (found,) = told(session, follow.key, LineOpen(task(), open_line))
    assert found["method"] == f"{TASK}/partial"
    assert found["data"] == {"execID": SEED_ID, "n": 7, "t": NOW, "s": "err", "text": "20%"}
    (found,) = told(session, follow.key, LineOpen(task(), replace(open_line, part=3)))
    assert found["data"]["part"] == 3
    assert told(session, executed(session), LineOpen(task(), open_line)) == []


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
    session = dialect().session({})
    follow = subscribed(session, task(), **asked_for)
    (found,) = told(session, follow.key, LinesAppended(task(), page(block(1, ["10%\r20%\r"]))))
    assert found["data"]["lines"] == [{"n": 1, "t": NOW, "s": "out", **row}]


def test_a_subscription_with_credit() -> None:
    """Its bounds go with it, and each acknowledgement is passed on without a reply."""
    session = dialect().session({})
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
    assert subscribed(dialect().session({}), task()).credit is None


def test_each_task_is_subscribed_to_once() -> None:
    """A second subscription to the same task takes the place of the first."""
    session = dialect().session({})
    first = subscribed(session, task())
    ask = asked(session.received(frame(f"{ENTRANCE}/21/subscribe", {"fromLine": 9}), NOW))
    steps = session.answered(ask.key, task(), NOW)
    assert steps[1:] == [Unfollow(first.key), Follow(ask.key + 1, ByNumber(21), Cursor(9))]
    assert told(session, first.key, Ended(task(TaskState.FAILED))) == []


def test_unsubscribe() -> None:
    """The subscription ends at once, and what was on its way is dropped."""
    session = dialect().session({})
    follow = subscribed(session, task())
    steps = session.received(frame(f"{TASK}/unsubscribe"), NOW)
    assert steps[0] == Unfollow(follow.key)
    assert told(session, follow.key, LinesAppended(task(), page(block(1, ["late"])))) == []
    found = message(session.answered(asked(steps).key, task(), NOW))
    assert (found["method"], found["status"]) == (f"{TASK}/unsubscribe", 0)


def test_a_subscription_that_is_refused_later() -> None:
    """If following fails after the answer, the message that asked for it is answered again."""
    session = dialect().session({})
    follow = subscribed(session, task())
    error = GatewayError(Kind.EXHAUSTED, "too many subscriptions", retry_after=1)
    found = message(session.failed(follow.key, error, NOW))
    assert (found["method"], found["status"]) == (f"{TASK}/subscribe", 1)
    assert session.failed(follow.key, error, NOW) == []


def test_pushes_that_are_refused_end_in_silence() -> None:
    """Nobody asked for them, and a status other than 0 would stop every tab."""
    session = dialect().session({})
    key = executed(session)
    assert session.failed(key, GatewayError(Kind.EXHAUSTED, "too many"), NOW) == []
    assert told(session, key, StateChanged(task())) == []


def test_a_repeated_submit_attaches() -> None:
    """It is told from the beginning and waits for no other socket; one that does gives way."""
    session = dialect().session({})
    first = asked(session.received(frame(f"{ENTRANCE}/execute", BODY), NOW))
    fresh = followed(session.answered(first.key, task(), NOW))
    assert fresh.resume
    again = asked(session.received(frame(f"{ENTRANCE}/execute", BODY), NOW))
    steps = session.answered(again.key, task(repeated=True), NOW)
    assert [step for step in steps if isinstance(step, Unfollow)] == [Unfollow(fresh.key)]
    attached = followed(steps)
    assert (attached.resume, attached.cursor) == (False, Cursor())
    assert told(session, attached.key, StateChanged(task()))
    third = asked(session.received(frame(f"{ENTRANCE}/execute", BODY), NOW))
    steps = session.answered(third.key, task(repeated=True), NOW)
    assert not any(isinstance(step, Follow | Unfollow) for step in steps)


def test_resume() -> None:
    """On connect the running tasks are followed, oldest first, without being asked."""
    session = dialect().session({})
    ask, _ = resumed(session.opened("johnnwang", NOW))
    silent = task(number=19, client={"push": False})
    younger = task(number=30, created_ms=NOW + 1)
    found = (younger, task(number=22), task(), silent)
    steps = session.answered(ask.key, found, NOW)
    assert [step.task for step in steps if isinstance(step, Follow)] == [ByNumber(21), ByNumber(22)]
    assert all(isinstance(step, Follow) and step.resume for step in steps)


def test_resume_that_fails_is_silent() -> None:
    """Nobody asked for the list either."""
    session = dialect().session({})
    running, ended = resumed(session.opened("johnnwang", NOW))
    for ask in (running, ended):
        assert session.failed(ask.key, GatewayError(Kind.UNAVAILABLE, "no store"), NOW) == []
    for ask in resumed(session.opened("johnnwang", NOW)):
        assert session.answered(ask.key, None, NOW) == []


def test_resume_of_what_has_just_ended() -> None:
    """What ended while no socket was there is told to its end; what ended long ago is not."""
    session = dialect().session({})
    _, ask = resumed(session.opened("johnnwang", NOW))
    just = task(TaskState.SUCCEEDED, number=22, finished_ms=NOW - 1000)
    old = task(TaskState.SUCCEEDED, finished_ms=NOW - 3_600_000)
    assert session.answered(ask.key, (just, old), NOW) == [
        Follow(3, ByNumber(22), watch=PUSHED, resume=True, begun=True)
    ]
    repeated = asked(session.received(frame(f"{ENTRANCE}/execute", BODY), NOW))
    steps = session.answered(repeated.key, just, NOW)
    assert followed(steps).begun is False


@pytest.mark.parametrize("query", [{"resume": "false"}, {"resume": "FALSE"}])
def test_a_socket_can_decline_to_resume(query: dict[str, str]) -> None:
    """What is pushed to a browser of the same user stays with it."""
    session = dialect().session(query)
    assert session.opened("johnnwang", NOW) == []
    executed(session)


@pytest.mark.parametrize(
    "error",
    [
        GatewayError(Kind.INVALID, "there is no engine 'hive'", field="engine"),
        GatewayError(Kind.EXHAUSTED, "1000 tasks are waiting already", retry_after=1),
        GatewayError(Kind.FORBIDDEN, "only an administrator may submit for others"),
    ],
)
def test_a_refused_submit_becomes_a_task_that_failed(error: GatewayError) -> None:
    """A rule's refusal is recorded, acknowledged and pushed like any task (section 4.3)."""
    session = dialect().session({})
    ask = asked(session.received(frame(f"{ENTRANCE}/execute", BODY, websocketTag="tab"), NOW))
    record = asked(session.failed(ask.key, error, NOW))
    assert isinstance(ask.command, Execute)
    assert record.command == Refuse(ask.command, error.message)
    outcome = Outcome(Reason.REFUSED, None, None, error.message)
    failed = task(TaskState.FAILED, client=TAGGED, outcome=outcome)
    steps = session.answered(record.key, failed, NOW)
    ack = message(steps)
    assert (ack["status"], ack["data"]["taskID"], ack["data"]["websocketTag"]) == (0, 21, "tab")
    pushed = told(session, followed(steps).key, Ended(failed))
    assert [push["method"].rpartition("/")[2] for push in pushed] == ["log", "progress", "status"]
    assert error.message in pushed[0]["data"]["log"][0]
    assert pushed[-1]["data"]["status"] == "Failed"


def test_a_refusal_while_reading_is_recorded_too() -> None:
    """Code of which nothing is left is refused before the core sees it."""
    session = dialect().session({})
    body = {**BODY, "executionCode": "-- nothing"}
    record = asked(session.received(frame(f"{ENTRANCE}/execute", body), NOW))
    assert isinstance(record.command, Refuse)
    assert record.command.message.startswith("error code(20014): ")
    assert record.command.execute.code == "-- nothing"


def test_a_refusal_that_cannot_be_recorded() -> None:
    """Then the first refusal itself is the answer, with what clients read as a refused submit."""
    session = dialect().session({})
    ask = asked(session.received(frame(f"{ENTRANCE}/execute", BODY, websocketTag="tab"), NOW))
    full = GatewayError(Kind.EXHAUSTED, "1000 tasks are waiting already")
    record = asked(session.failed(ask.key, full, NOW))
    down = GatewayError(Kind.UNAVAILABLE, "no store")
    found = message(session.failed(record.key, down, NOW))
    assert (found["status"], found["message"]) == (1, f"error code(91009): {full.message}")
    assert found["data"]["errorMsg"]["desc"] == full.message
    assert "websocketTag" not in found["data"]


@pytest.mark.parametrize(
    ("more", "kind"), [({"push": False}, Kind.INVALID), ({}, Kind.UNAVAILABLE), ({}, Kind.CONFLICT)]
)
def test_refusals_that_stay_errors(more: dict[str, object], kind: Kind) -> None:
    """Who wants no pushes is told the error; trouble of the gateway is no rule."""
    session = dialect().session({})
    ask = asked(session.received(frame(f"{ENTRANCE}/execute", {**BODY, **more}), NOW))
    found = message(session.failed(ask.key, GatewayError(kind, "no"), NOW))
    assert found["status"] != 0


def test_heartbeat_renews_the_login_in_place() -> None:
    """A fresh ticket from a heartbeat is the socket's from then on."""
    session = dialect().session({})
    ask = asked(session.received(frame(f"{ROOT}/user/heartbeat"), NOW))
    ticket = Ticket("f.r.esh", Principal("ann", Role.USER), NOW + 1000)
    steps = session.answered(ask.key, ticket, NOW)
    assert steps[0] == Authenticate("f.r.esh")
    assert len(steps) == 2


def test_a_task_is_pushed_once() -> None:
    """A repeated execute of the same task is acknowledged and not pushed twice."""
    session = dialect().session({})
    executed(session)
    ask = asked(session.received(frame(f"{ENTRANCE}/execute", {**BODY, "requestId": "1"}), NOW))
    assert len(session.answered(ask.key, task(client=TAGGED), NOW)) == 1


def test_without_pushes() -> None:
    """A client that reads lines by itself can decline the pushes."""
    session = dialect().session({})
    ask = asked(session.received(frame(f"{ENTRANCE}/execute", {**BODY, "push": False}), NOW))
    assert isinstance(ask.command, Execute)
    assert len(session.answered(ask.key, task(client=ask.command.client), NOW)) == 1


@pytest.mark.parametrize(
    "method", [f"{ROOT}/user/login", "/ws/user/login", "/api/rest_s/user/login"]
)
def test_login_by_password(method: str) -> None:
    """A login that succeeds speaks for the user from then on, and resumes."""
    session = dialect().session({})
    assert session.opened("", NOW) == []
    credentials = {"userName": "ann", "password": "secret"}
    ask = asked(session.received(frame(method, credentials, websocketTag="t"), NOW))
    assert ask.command == Login("ann", "secret")
    ticket = Ticket("t.o.k", Principal("ann", Role.USER), NOW + 1000)
    steps = session.answered(ask.key, ticket, NOW)
    assert steps[0] == Authenticate("t.o.k")
    found = message(steps)
    assert (found["method"], found["status"], found["websocketTag"]) == (method, 0, "t")
    assert found["data"]["userName"] == "ann"
    resumed(steps)


def test_login_by_token() -> None:
    """A token is tried by asking whose it is."""
    session = dialect().session({})
    steps = session.received(frame(f"{ROOT}/user/login", {"token": "t.o.k"}), NOW)
    assert steps[0] == Authenticate("t.o.k")
    ask = asked(steps)
    assert ask.command == WhoAmI()
    answer = session.answered(ask.key, Principal("ann", Role.ADMIN), NOW)
    assert message(answer)["data"] == {"userName": "ann", "isAdmin": True}
    resumed(answer)


def test_a_login_that_fails() -> None:
    """A wrong password is a refusal, and the socket goes on."""
    session = dialect().session({})
    ask = asked(session.received(frame("/ws/user/login", {"userName": "a", "password": "b"}), NOW))
    found = message(session.failed(ask.key, GatewayError(Kind.UNAUTHENTICATED, "no"), NOW))
    assert (found["status"], found["message"]) == (1, "wrong user name or password")


def test_who_am_i_is_no_login() -> None:
    """Asking for the user's name gives the name and nothing else."""
    session = dialect().session({})
    ask = asked(session.received(frame(f"{ROOT}/user/userInfo"), NOW))
    steps = session.answered(ask.key, Principal("ann", Role.USER), NOW)
    assert len(steps) == 1
    assert "websocketTag" not in message(steps)["data"]


@pytest.mark.parametrize("verb", ["status", "log", "kill", "subscribe", "unsubscribe"])
def test_before_login(verb: str) -> None:
    """Whatever is asked without a login is answered with -1 under its own method."""
    session = dialect().session({})
    ask = asked(session.received(frame(f"{TASK}/{verb}"), NOW))
    found = message(session.failed(ask.key, GatewayError(Kind.UNAUTHENTICATED, "who?"), NOW))
    assert (found["method"], found["status"]) == (f"{TASK}/{verb}", -1)
    assert isinstance(found["data"], dict)


@pytest.mark.parametrize("text", ["", " \n", frame("", {}), '{"method": ""}'])
def test_ignored(text: str) -> None:
    """Blank messages and empty methods are ignored (contract, section 4.2)."""
    assert dialect().session({}).received(text, NOW) == []


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        ("{", 2, "not JSON"),
        ("[]", 2, "must be a JSON object"),
        ('{"method": NaN}', 2, "not JSON"),
        ('{"method": "\\ud800"}', 2, "not JSON"),
        ("{}", 2, "method is missing"),
        ('{"method": null}', 2, "method is missing"),
        ('{"method": 1}', 2, "method must be a string"),
        (frame("x" * 1025), 2, "method must have at most"),
        (frame("execute"), 2, "does not begin with a slash"),
        (frame("/api/rest_j/v1/entrance/../user/login"), 2, "segment of dots"),
        (frame("/api/rest_j/v1/entrance/fly"), 1, "unknown method"),
        (frame(f"{TASK}/pause"), 1, "cannot be paused"),
        (frame(f"{TASK}/dance"), 1, "unknown method"),
        (frame(f"{ENTRANCE}/abc/status"), 1, "unknown execID or taskID 'abc'"),
        (frame(f"{ENTRANCE}/execute", []), 2, "data must be an object"),
        (frame(f"{ENTRANCE}/execute", {}), 2, "data.executeApplicationName must not be empty"),
        (frame(f"{ENTRANCE}/execute"), 2, "executeApplicationName must not be empty"),
        (frame(f"{ENTRANCE}/execute", BODY, websocketTag=1), 2, "websocketTag must be a string"),
        (
            frame(f"{TASK}/subscribe", {"format": "xml"}),
            2,
            "data.format must be 'lines', 'block' or 'raw'",
        ),
        (frame(f"{TASK}/subscribe", {"text": "html"}), 2, "data.text must be 'screen' or 'raw'"),
        (frame(f"{TASK}/subscribe", {"credit": 0}), 2, "data.credit must be between 1 and 100000"),
        (frame(f"{TASK}/subscribe", {"credit": 100_001}), 2, "data.credit must be between"),
        (frame(f"{TASK}/subscribe", {"creditBytes": -1}), 2, "data.creditBytes must be between"),
        (frame(f"{TASK}/subscribe", {"partial": "maybe"}), 2, "data.partial must be true or"),
        (frame(f"{TASK}/ack"), 2, "data.line must be the number of a line"),
        (frame(f"{TASK}/ack", {"line": 1, "part": -1}), 2, "data.part must be the number"),
        (frame(f"{TASK}/subscribe", {"fromLine": "x"}), 2, "fromLine must be a whole number"),
        (frame(f"{TASK}/subscribe", {"fromLine": 1.5}), 2, "fromLine must be a whole number"),
    ],
)
def test_bad_messages(sent: str, status: int, words: str) -> None:
    """A bad message is answered in the envelope, and nothing is asked."""
    steps = dialect().session({}).received(sent, NOW)
    assert len(steps) == 1
    found = message(steps)
    assert found["status"] == status
    assert words in found["message"]
    assert "websocketTag" not in found["data"]


def test_a_refusal_is_no_acknowledgement() -> None:
    """The tag of a refused execute stays out of the data, where it would mean success."""
    session = dialect().session({})
    sent = frame(f"{ENTRANCE}/execute", {**BODY, "runType": None}, websocketTag="tab")
    found = message(session.received(sent, NOW))
    assert (found["status"], found["websocketTag"]) == (2, "tab")
    assert found["method"] == f"{ENTRANCE}/execute"
    assert found["data"]["field"] == "data.runType"
    assert found["data"]["errorMsg"]["desc"] == "data.runType must not be empty"
    assert "websocketTag" not in found["data"]


def test_a_result_that_is_not_what_the_id_says() -> None:
    """A task whose parts differ from the id is unknown, on a socket as over HTTP."""
    session = dialect().session({})
    ask = asked(session.received(frame(f"{TASK}/status"), NOW))
    found = message(session.answered(ask.key, task(number=22), NOW))
    assert (found["status"], found["message"]) == (
        1,
        f"error code(91004): unknown execID or taskID {SEED_ID!r}",
    )


def test_the_form_of_the_last_message() -> None:
    """Answers and pushes are msgpack after a binary message, and JSON after a text one."""
    session = dialect().session({})
    packed = encode_msgpack({"method": f"{ENTRANCE}/execute", "data": BODY})
    ask = asked(session.received(packed, NOW))
    steps = session.answered(ask.key, task(), NOW)
    assert isinstance(steps[0], Send)
    assert isinstance(steps[0].frame, bytes)
    key = followed(steps).key
    (push,) = session.told(key, StateChanged(task()), NOW)
    assert isinstance(push, Send)
    assert isinstance(push.frame, bytes)
    assert not push.text
    assert message([push])["data"]["status"] == "Running"
    session.received("", NOW)
    (push,) = session.told(key, ProgressChanged(task()), NOW)
    assert isinstance(push, Send)
    assert push.text
    bad = message(session.received(b"\xc1", NOW))
    assert (bad["status"], bad["message"]) == (
        2,
        "error code(91001): the message is not valid msgpack",
    )


@given(st.text() | st.binary())
def test_no_frame_breaks_it(sent: str | bytes) -> None:
    """Whatever a frame holds, it is ignored or answered."""
    session = dialect().session({})
    for found in messages(session.received(sent, NOW)):
        assert set(found) == {"method", "status", "message", "data"}


def test_a_task_of_another_dialect() -> None:
    """Its lines can be subscribed to; it has no tag of ours."""
    session = dialect().session({})
    other = task(dialect="other", client={"websocketTag": "not ours"})
    key = subscribed(session, other).key
    (found,) = told(session, key, LinesAppended(other, page(block(1, ["x"]))))
    assert found["websocketTag"] == ""
