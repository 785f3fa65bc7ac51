"""Conversations on a websocket: frames in, steps out."""

import json
from typing import Any

import pytest

from protocol.accounts import Principal, Role, Ticket
from protocol.commands.history import Refuse, TaskPage
from protocol.commands.logs import LogRead, ReadLog
from protocol.commands.tasks import Execute, Kill, ReadTask
from protocol.dialect import Authenticate, Follow, Send, Unfollow
from protocol.errors import GatewayError, Kind
from protocol.events import Ended, Event, LinesAppended, ProgressChanged, QueueMoved, StateChanged
from protocol.logs import Cursor, Gap
from protocol.tasks import ByNumber, Outcome, Progress, Reason, TaskState
from tests.protocol.linkis.scenes import DONE, NOW, ROOT, SEED_ID, block, dialect, task
from tests.protocol.linkis.talks import (
    AT,
    BODY,
    ENTRANCE,
    PUSHED,
    TAGGED,
    TASK,
    asked,
    at,
    executed,
    followed,
    frame,
    message,
    page,
    reported,
    resumed,
)


def test_execute() -> None:
    """The acknowledgement has method and tag as they were sent, and comes before the pushes."""
    session = dialect().conversation({})
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
    session = dialect().conversation({})
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
    sent = [found for event in events for found in reported(session, key, event)]
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
    session = dialect().conversation({})
    key = executed(session)
    ended = task(TaskState.FAILED, client=TAGGED)
    log = reported(session, key, Ended(ended))[0]["data"]["log"]
    assert [len(text.splitlines()) for text in log] == [1, 0, 3, 4]


def test_a_log_whose_beginning_is_gone() -> None:
    """The banner comes before the warning about lines that are no longer kept."""
    session = dialect().conversation({})
    key = executed(session)
    gone = page(block(8, ["eight"]), gaps=(Gap(1, 7),))
    everything = reported(session, key, LinesAppended(task(), gone))[0]["data"]["log"][3]
    assert [line[24:40] for line in everything.splitlines()] == [
        "INFO Job with jo",
        "INFO Your job is",
        "WARN lines 1 to ",
        "INFO eight",
    ]


def test_big_pages_become_several_pushes() -> None:
    """No message is much larger than 256 KiB, and no line is lost between two."""
    session = dialect().conversation({})
    key = executed(session)
    texts = [f"{number:05d} " + "x" * 3000 for number in range(1, 301)]
    sent = reported(session, key, LinesAppended(task(client=TAGGED), page(block(1, texts))))
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
        ("log", ReadLog, LogRead(page(block(1, ["one"])), task(client=TAGGED)), {"fromLine": 3}),
    ],
)
def test_calls_about_a_task(
    verb: str, command: type, result: object, extra: dict[str, Any]
) -> None:
    """A message without data or tag is answered with ids, tag and the canonical method."""
    session = dialect().conversation({})
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
    session = dialect().conversation({})
    data = {"fromLine": 7, "size": "3", "distinctLevel": False, "a": None, "b": [], "c": True}
    ask = asked(session.received(frame(f"{TASK}/log", data), NOW))
    assert isinstance(ask.command, ReadLog)
    assert (ask.command.cursor, ask.command.max_lines) == (Cursor(6), 3)
    read = LogRead(page(block(6, ["six"])), task())
    assert message(session.answered(ask.key, read, NOW))["data"]["log"] == f"{AT} INFO six"


def test_percent_escapes_in_a_method() -> None:
    """A method may be written like a path."""
    session = dialect().conversation({})
    escaped = SEED_ID.replace(":", "%3A")
    ask = asked(session.received(frame(f"{ENTRANCE}/{escaped}/status"), NOW))
    assert message(session.answered(ask.key, task(), NOW))["method"] == f"{TASK}/status"


def test_pushes_that_are_refused_are_a_line_of_the_log() -> None:
    """Whoever submits must know it, and a status other than 0 would stop every tab."""
    session = dialect().conversation({})
    key = executed(session)
    told = message(session.failed(key, GatewayError(Kind.EXHAUSTED, "too many"), NOW))
    assert (told["method"], told["status"]) == (f"{TASK}/log", 0)
    assert told["data"]["log"][3].endswith(
        " ERROR nothing is pushed of this task, ask for it: too many\n"
    )
    assert reported(session, key, StateChanged(task())) == []


def test_pushes_of_what_is_gone_end_in_silence() -> None:
    """Nobody asked for them."""
    session = dialect().conversation({})
    key = executed(session)
    assert session.failed(key, GatewayError(Kind.NOT_FOUND, "none"), NOW) == []


def test_a_repeated_submit_attaches() -> None:
    """It is told from the beginning and waits for no other socket; one that does gives way."""
    session = dialect().conversation({})
    first = asked(session.received(frame(f"{ENTRANCE}/execute", BODY), NOW))
    fresh = followed(session.answered(first.key, task(), NOW))
    assert fresh.resume
    again = asked(session.received(frame(f"{ENTRANCE}/execute", BODY), NOW))
    steps = session.answered(again.key, task(repeated=True), NOW)
    assert [step for step in steps if isinstance(step, Unfollow)] == [Unfollow(fresh.key)]
    attached = followed(steps)
    assert (attached.resume, attached.cursor) == (False, Cursor())
    assert reported(session, attached.key, StateChanged(task()))
    third = asked(session.received(frame(f"{ENTRANCE}/execute", BODY), NOW))
    steps = session.answered(third.key, task(repeated=True), NOW)
    assert not any(isinstance(step, Follow | Unfollow) for step in steps)


def test_resume() -> None:
    """On connect the running tasks are followed, oldest first, without being asked."""
    session = dialect().conversation({})
    ask, _ = resumed(session.opened("johnnwang", NOW))
    silent = task(number=19, client={"push": False})
    younger = task(number=30, created_ms=NOW + 1)
    found = TaskPage((younger, task(number=22), task(), silent), 4)
    steps = session.answered(ask.key, found, NOW)
    assert [step.task for step in steps if isinstance(step, Follow)] == [ByNumber(21), ByNumber(22)]
    assert all(isinstance(step, Follow) and step.resume for step in steps)


def test_resume_that_fails_is_silent() -> None:
    """Nobody asked for the list either."""
    session = dialect().conversation({})
    running, ended = resumed(session.opened("johnnwang", NOW))
    for ask in (running, ended):
        assert session.failed(ask.key, GatewayError(Kind.UNAVAILABLE, "no store"), NOW) == []
    for ask in resumed(session.opened("johnnwang", NOW)):
        assert session.answered(ask.key, None, NOW) == []


def test_resume_of_what_has_just_ended() -> None:
    """What ended while no socket was there is told to its end; what ended long ago is not."""
    session = dialect().conversation({})
    _, ask = resumed(session.opened("johnnwang", NOW))
    just = task(TaskState.SUCCEEDED, number=22, finished_ms=NOW - 1000)
    old = task(TaskState.SUCCEEDED, finished_ms=NOW - 3_600_000)
    assert session.answered(ask.key, TaskPage((just, old), 2), NOW) == [
        Follow(3, ByNumber(22), watch=PUSHED, resume=True, begun=True, yields=True)
    ]
    repeated = asked(session.received(frame(f"{ENTRANCE}/execute", BODY), NOW))
    steps = session.answered(repeated.key, just, NOW)
    assert followed(steps).begun is False


@pytest.mark.parametrize("query", [{"resume": "false"}, {"resume": "FALSE"}])
def test_a_socket_can_decline_to_resume(query: dict[str, str]) -> None:
    """What is pushed to a browser of the same user stays with it."""
    session = dialect().conversation(query)
    assert session.opened("johnnwang", NOW) == []
    executed(session)


@pytest.mark.parametrize(
    "error",
    [
        GatewayError(Kind.INVALID, "unknown engine 'hive'", field="engine"),
        GatewayError(Kind.EXHAUSTED, "1000 tasks are waiting already", retry_after=1),
        GatewayError(Kind.FORBIDDEN, "only an administrator may submit for others"),
    ],
)
def test_a_refused_submit_becomes_a_task_that_failed(error: GatewayError) -> None:
    """A rule's refusal is recorded, acknowledged and pushed like any task (section 4.3)."""
    session = dialect().conversation({})
    ask = asked(session.received(frame(f"{ENTRANCE}/execute", BODY, websocketTag="tab"), NOW))
    record = asked(session.failed(ask.key, error, NOW))
    assert isinstance(ask.command, Execute)
    assert record.command == Refuse(ask.command, error.message)
    outcome = Outcome(Reason.REFUSED, None, None, error.message)
    failed = task(TaskState.FAILED, client=TAGGED, outcome=outcome)
    steps = session.answered(record.key, failed, NOW)
    ack = message(steps)
    assert (ack["status"], ack["data"]["taskID"], ack["data"]["websocketTag"]) == (0, 21, "tab")
    pushed = reported(session, followed(steps).key, Ended(failed))
    assert [push["method"].rpartition("/")[2] for push in pushed] == ["log", "progress", "status"]
    assert error.message in pushed[0]["data"]["log"][0]
    assert pushed[-1]["data"]["status"] == "Failed"


def test_a_refusal_while_reading_is_recorded_too() -> None:
    """Code of which nothing is left is refused before the core sees it."""
    session = dialect().conversation({})
    body = {**BODY, "executionCode": "-- nothing"}
    record = asked(session.received(frame(f"{ENTRANCE}/execute", body), NOW))
    assert isinstance(record.command, Refuse)
    assert record.command.message.startswith("error code(20014): ")
    assert record.command.execute.code == "-- nothing"


def test_a_refusal_that_cannot_be_recorded() -> None:
    """Then the first refusal itself is the answer, with what clients read as a refused submit."""
    session = dialect().conversation({})
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
    session = dialect().conversation({})
    ask = asked(session.received(frame(f"{ENTRANCE}/execute", {**BODY, **more}), NOW))
    found = message(session.failed(ask.key, GatewayError(kind, "no"), NOW))
    assert found["status"] != 0


def test_heartbeat_renews_the_login_in_place() -> None:
    """A fresh ticket from a heartbeat is the socket's from then on."""
    session = dialect().conversation({})
    ask = asked(session.received(frame(f"{ROOT}/user/heartbeat"), NOW))
    ticket = Ticket("f.r.esh", Principal("ann", Role.USER), NOW + 1000)
    steps = session.answered(ask.key, ticket, NOW)
    assert steps[0] == Authenticate("f.r.esh")
    assert len(steps) == 2


def test_a_task_is_pushed_once() -> None:
    """A repeated execute of the same task is acknowledged and not pushed twice."""
    session = dialect().conversation({})
    executed(session)
    ask = asked(session.received(frame(f"{ENTRANCE}/execute", {**BODY, "requestId": "1"}), NOW))
    assert len(session.answered(ask.key, task(client=TAGGED), NOW)) == 1


def test_without_pushes() -> None:
    """A client that reads lines by itself can decline the pushes."""
    session = dialect().conversation({})
    ask = asked(session.received(frame(f"{ENTRANCE}/execute", {**BODY, "push": False}), NOW))
    assert isinstance(ask.command, Execute)
    assert len(session.answered(ask.key, task(client=ask.command.client), NOW)) == 1
