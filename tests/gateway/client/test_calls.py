"""The requests a client makes, literally, and how it reads the replies."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from gateway.client import calls, kills, messages
from gateway.client.call import Call, Reply
from gateway.client.errors import ClientError
from gateway.client.submission import Submission
from gateway.client.values import (
    KillReport,
    LogPage,
    Progress,
    Stage,
    Status,
    Submitted,
    TaskRow,
    Ticket,
)
from protocol.logs import Gap, Line, Stream

EXEC_ID = "030418IDEhivebdpdwc010004:10087IDE_johnnwang_21"
ROOT = "/api/rest_j/v1"
KILLING: dict[str, object] = {
    "execID": "e",
    "status": "Running",
    "report": {
        "state": "killing",
        "verified": False,
        "proof": "",
        "signals": [{"name": "SIGTERM"}],
        "diedCount": 1,
        "left": [4, 5],
    },
}
REPORT = KillReport(
    "e",
    "Running",
    "killing",
    verified=False,
    proof="",
    signals=("SIGTERM",),
    died=1,
    left=(4, 5),
    record=KILLING,
)
JOB = Submission("shell", "", "echo", "r1")


def ok(data: dict[str, object], **more: Any) -> Reply:  # noqa: ANN401 - fields of Reply
    """A positive answer in the envelope."""
    envelope = {"method": "/x", "status": 0, "message": "OK", "data": data}
    return Reply(200, orjson.dumps(envelope), **more)


REQUESTS: list[tuple[Call[Any], str, str, dict[str, str], object]] = [
    (calls.status(EXEC_ID), "GET", f"{ROOT}/entrance/{EXEC_ID}/status", {}, None),
    (calls.status("12"), "GET", f"{ROOT}/entrance/12/status", {}, None),
    (calls.status("a/../b"), "GET", f"{ROOT}/entrance/a%2F..%2Fb/status", {}, None),
    (calls.progress(EXEC_ID), "GET", f"{ROOT}/entrance/{EXEC_ID}/progress", {}, None),
    (calls.describe("12"), "GET", f"{ROOT}/jobhistory/12/get", {}, None),
    (kills.kill(EXEC_ID), "POST", f"{ROOT}/entrance/{EXEC_ID}/kill", {}, None),
    (kills.kill("7", 0), "POST", f"{ROOT}/entrance/7/kill", {"grace": "0"}, None),
    (
        kills.kill_report("7", 1.5, 20),
        "POST",
        f"{ROOT}/entrance/7/kill",
        {"report": "true", "wait": "20", "grace": "1.5"},
        None,
    ),
    (
        calls.log(EXEC_ID, 7, size=10, wait=2.5),
        "GET",
        f"{ROOT}/entrance/{EXEC_ID}/log",
        {
            "format": "lines",
            "text": "raw",
            "fromLine": "7",
            "size": "10",
            "wait": "2.5",
            "fromPart": "0",
        },
        None,
    ),
    (
        calls.list_tasks(("Running", "Inited"), 2, 50),
        "GET",
        f"{ROOT}/jobhistory/list",
        {"pageNow": "2", "pageSize": "50", "status": "Running,Inited"},
        None,
    ),
    (
        calls.login("ann", "pw"),
        "POST",
        f"{ROOT}/user/login",
        {},
        {"userName": "ann", "password": "pw"},
    ),
    (
        calls.execute(JOB),
        "POST",
        f"{ROOT}/entrance/execute",
        {},
        {
            "executeApplicationName": "shell",
            "runType": "shell",
            "executionCode": "echo",
            "requestId": "r1",
            "params": {},
            "variables": False,
        },
    ),
]


@pytest.mark.parametrize(("call", "method", "path", "query", "body"), REQUESTS)
def test_requests(
    call: Call[Any], method: str, path: str, query: dict[str, str], body: object
) -> None:
    """Each question is the request that the contract names."""
    assert (call.method, call.path, dict(call.query)) == (method, path, query)
    assert (orjson.loads(call.body) if call.body else None) == body
    assert call.seconds > 0


def test_a_long_poll_waits_longer_than_the_gateway() -> None:
    """The deadline of a long poll lies beyond the time that the gateway may take."""
    assert calls.log("1", 1, wait=20).seconds >= 50


LINES = [
    {"n": 3, "t": 1700, "s": "err", "text": "é"},
    {"n": 4, "t": 1701, "s": "out", "text": "\ufffd", "base64": "/w==", "part": 1, "more": True},
]

REPLIES: list[tuple[Call[Any], dict[str, object], object]] = [
    (calls.execute(JOB), {"execID": "e", "taskID": 12}, Submitted("e", 12)),
    (calls.execute(JOB), {"execID": "e", "taskID": "12"}, Submitted("e", 12)),
    (calls.status("e"), {"execID": "e", "status": "Running"}, Status("e", "Running")),
    (
        calls.status("e"),
        {"execID": "e", "status": "Failed", "taskID": 3, "exitCode": None, "signal": 9},
        Status("e", "Failed", 3, None, 9),
    ),
    (
        calls.progress("e"),
        {
            "progress": 1,
            "progressInfo": [
                {
                    "id": "j",
                    "totalTasks": 10,
                    "succeedTasks": 2,
                    "failedTasks": 0,
                    "runningTasks": 5,
                }
            ],
        },
        Progress(1.0, (Stage("j", 10, 2, 0, 5),)),
    ),
    (kills.kill("7"), {"execID": "e"}, "e"),
    (kills.kill_report("7"), KILLING, REPORT),
    (
        calls.log("e", 3),
        {
            "execID": "e",
            "lines": LINES,
            "fromLine": 4,
            "fromPart": 1,
            "first": 1,
            "last": 9,
            "eof": False,
            "status": "Running",
            "gaps": [[1, 2]],
        },
        LogPage(
            (
                Line(3, 1700, Stream.ERR, "é".encode()),
                Line(4, 1701, Stream.OUT, b"\xff", 1, more=True),
            ),
            4,
            1,
            1,
            9,
            eof=False,
            status="Running",
            gaps=(Gap(1, 2),),
        ),
    ),
    (
        calls.list_tasks(),
        {
            "tasks": [
                {
                    "taskID": 5,
                    "strongerExecId": "long",
                    "execId": "short",
                    "status": "Failed",
                    "umUser": "ann",
                    "executeApplicationName": "shell",
                    "runType": "sh",
                    "createdTime": 1000,
                    "costTime": 20,
                    "progress": "1.0",
                    "errDesc": None,
                }
            ]
        },
        (TaskRow(5, "long", "Failed", "ann", "shell", "sh", 1000, 20, 1.0, ""),),
    ),
]


@pytest.mark.parametrize(("call", "data", "value"), REPLIES)
def test_replies(call: Call[Any], data: dict[str, object], value: object) -> None:
    """Each reply becomes the value that it tells of."""
    assert call.parse(ok(data)) == value


def test_the_ticket_comes_by_cookie() -> None:
    """A login takes the token from the cookie that the gateway sets."""
    reply = ok(
        {"userName": "ann", "isAdmin": True},
        cookies={"linkis_user_session_ticket_id_v1": "tok"},
    )
    assert calls.login("Ann", "x").parse(reply) == Ticket("ann", admin=True, token="tok")  # noqa: S106 - no secret


def test_a_login_without_a_ticket_is_refused() -> None:
    """A gateway that gives no ticket has not let anybody in."""
    with pytest.raises(ClientError, match="no ticket"):
        calls.login("ann", "x").parse(ok({"userName": "ann"}))


@pytest.mark.parametrize(
    ("reply", "status", "code", "words", "passing"),
    [
        (Reply(400, b'{"status":1,"message":"no such task","data":{}}'), 1, 400, "no such", False),
        (Reply(401, b'{"status":-1,"message":"not logged in"}'), -1, 401, "not logged in", False),
        (Reply(503, b'{"status":1,"message":"later"}', {}, 2.0), 1, 503, "later", True),
        (Reply(429, b'{"status":1,"message":"full"}'), 1, 429, "full", True),
        (Reply(502, b"<html>", {}), 0, 502, "HTTP 502", True),
        (Reply(200, b"[]"), 0, 200, "HTTP 200", False),
        (Reply(500, b'{"status":0,"message":""}'), 0, 500, "HTTP 500", False),
        (Reply(200, b'{"status":0,"data":{}}'), 0, 0, "status", False),
        (Reply(200, b'{"status":0,"data":{"status":7}}'), 0, 0, "status", False),
        (Reply(200, b'{"status":"x","message":"odd"}'), 1, 200, "odd", False),
    ],
)
def test_refusals(reply: Reply, status: int, code: int, words: str, *, passing: bool) -> None:
    """A refusal keeps the gateway's number and words and says whether to ask again."""
    with pytest.raises(ClientError) as caught:
        calls.status("e").parse(reply)
    assert (caught.value.status, caught.value.code) == (status, code)
    assert words in caught.value.message
    assert caught.value.passing is passing
    assert caught.value.retry_after == reply.retry_after


@pytest.mark.parametrize(
    "data",
    [
        {"progress": "half", "progressInfo": []},
        {"progress": True, "progressInfo": []},
        {"progress": 0.5},
        {"progress": 0.5, "progressInfo": [1]},
        {"progress": 0.5, "progressInfo": [{"totalTasks": 1.5}]},
    ],
)
def test_odd_progress(data: dict[str, object]) -> None:
    """A reply of another shape is an error and not a guess."""
    with pytest.raises(ClientError, match="has no"):
        calls.progress("e").parse(ok(data))


FRAMES: list[tuple[Callable[[], str], dict[str, object]]] = [
    (
        lambda: messages.subscribe_frame(EXEC_ID, 5, 0),
        {
            "method": f"{ROOT}/entrance/{EXEC_ID}/subscribe",
            "data": {"fromLine": 5, "format": "lines", "text": "raw"},
        },
    ),
    (
        lambda: messages.subscribe_frame(EXEC_ID, 5, 2),
        {
            "method": f"{ROOT}/entrance/{EXEC_ID}/subscribe",
            "data": {"fromLine": 5, "fromPart": 2, "format": "lines", "text": "raw"},
        },
    ),
    (
        lambda: messages.execute_frame(replace(JOB, push=False)),
        {
            "method": f"{ROOT}/entrance/execute",
            "websocketTag": "r1",
            "data": {
                "executeApplicationName": "shell",
                "runType": "shell",
                "executionCode": "echo",
                "requestId": "r1",
                "params": {},
                "variables": False,
                "push": False,
            },
        },
    ),
]


@pytest.mark.parametrize(("build", "document"), FRAMES)
def test_frames(build: Callable[[], str], document: dict[str, object]) -> None:
    """Each websocket message is the one that the contract and our extension name."""
    assert orjson.loads(build()) == document


@pytest.mark.parametrize(
    ("frame", "verb", "exec_id", "status"),
    [
        (f'{{"method":"{ROOT}/entrance/{EXEC_ID}/lines","status":0}}', "lines", EXEC_ID, 0),
        (f'{{"method":"{ROOT}/entrance/a%3Ab/eof/"}}', "eof", "a:b", 0),
        (f'{{"method":"{ROOT}/entrance/execute","status":1}}', "execute", "entrance", 1),
        ('{"method":"","status":-1,"message":"no"}', "", "", -1),
    ],
)
def test_messages(frame: str, verb: str, exec_id: str, status: int) -> None:
    """A message is known by the last words of its method."""
    message = messages.parse_message(frame)
    assert (message.verb, message.exec_id, message.status) == (verb, exec_id, status)


@pytest.mark.parametrize("frame", ["", "1", "[]", "{", b"\xff"])
def test_no_message(frame: str | bytes) -> None:
    """What is no JSON object is an error."""
    with pytest.raises(ClientError):
        messages.parse_message(frame)


@pytest.mark.parametrize(
    "odd",
    [
        {"gaps": 1},
        {"gaps": [[1]]},
        {"gaps": [["a", 2]]},
        {"lines": [{"n": 1, "t": 1, "s": "out", "text": "", "base64": "?"}]},
        {"lines": [{"n": 1, "t": 1, "s": "out"}]},
        {"eof": None},
    ],
)
def test_odd_pages(odd: dict[str, object]) -> None:
    """A page of another shape is an error and not a guess."""
    page = {"lines": [], "fromLine": 1, "eof": False, **odd}
    with pytest.raises(ClientError, match="has no"):
        calls.log("e", 1).parse(ok(page))
