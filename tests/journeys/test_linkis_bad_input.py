"""What bad input gets: every method of the table, on both transports, times a table of bad bodies.

Contract, sections 1.4, 1.5, 4.3 and 4.6: the envelope, a message that says what is wrong, no stack,
nothing started, and on a websocket no harm to other tabs.
"""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from protocol.dialects.linkis import LinkisDialect
from protocol.dialects.linkis.envelope import ROOT
from tests.journeys.entrance import frame, shell
from tests.journeys.linkis_people import User, add_user
from tests.support.served import Served, serving

# It does what it is for, whatever is in its body: the caller would be nobody for the rest.
_HARMLESS = "/user/logout"
ROWS = sorted(
    {
        (route.method, route.template.removeprefix(ROOT))
        for route in LinkisDialect({}).routes
        if route.template.startswith(f"{ROOT}/") and not route.template.endswith(_HARMLESS)
    }
)
IDS = ("0", "-1", "99999999999999999999", "030418IDE", "%25", "a%3Ab", "%E2%82%AC", "x" * 3000)
UNFIT: dict[str, Any] = {
    name: value
    for value, names in (
        (7, ("executionCode", "path", "userName", "oldDest", "scriptContent", "websocketTag")),
        ("text", ("params", "labels", "executionContent", "idList", "globalVariables")),
    )
    for name in names
}
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "half": b'{"data": {',
    "list": b"[]",
    "null": b"null",
    "text": b'"executionCode"',
    "number": b"1",
    "no object": b"{}",
    "data null": b'{"data": null}',
    "data list": b'{"data": []}',
    "no utf-8": b'{"executionCode": "\xff\xfe"}',
    "deep": b"[" * 50_000,
    "deep data": b'{"data": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
    "huge number": b'{"taskID": 1e999, "idList": [1e999], "taskIDList": [1]}',
    "surrogate": b'{"userName": "\\ud800", "password": "\\ud800", "path": "\\ud800"}',
    "nul": b'{"executionCode": "a\\u0000", "path": "a\\u0000", "userName": "a\\u0000"}',
    "unfit": json.dumps(UNFIT).encode(),
    "unfit data": json.dumps({"data": UNFIT}).encode(),
    "no engine": json.dumps(shell("true") | {"executeApplicationName": ""}).encode(),
    "no type": json.dumps(shell("true") | {"runType": None}).encode(),
    "no code": json.dumps(shell("")).encode(),
    "no labels": b'{"executionContent": {"code": "true", "runType": "shell"}}',
    "way out": b'{"path": "file:///../../etc/passwd", "scriptContent": ""}',
}
QUERIES: dict[str, str] = {
    **dict.fromkeys(("fromLine", "size", "pageNow", "pageSize", "page", "taskID", "jobId"), "x"),
    **dict.fromkeys(("grace", "wait", "startDate", "endDate", "startTaskID"), "nan"),
    **dict.fromkeys(("path", "proxyUser", "status", "format", "columnPage"), "../%00"),
}
CODES = {0: {200}, 1: {400, 404, 405, 409, 410, 413, 429}, 2: {412}, 3: {403}, -1: {401}, 4: {206}}


@pytest.fixture(scope="module")
def ann(served: Served) -> User:
    """Somebody who is no administrator."""
    add_user(served, "ann-of-bad-input")
    return User(served, "ann-of-bad-input")


def paths(template: str) -> list[str]:
    """The path of a row, with bad ids where it has one."""
    return [template.replace("{id}", one) for one in IDS] if "{id}" in template else [template]


def check(envelope: Any) -> int:  # noqa: ANN401 - JSON
    """The status of an envelope, after everything about it was looked at."""
    assert isinstance(envelope, dict)
    assert envelope.keys() - {"websocketTag"} == {"method", "status", "message", "data"}, envelope
    assert isinstance(envelope["data"], dict)
    assert "stack" not in envelope["data"]
    status = envelope["status"]
    assert status in CODES
    assert envelope["message"]
    reason = envelope["data"].get("errorMsg")
    assert (reason is None) == (status == 0)
    if reason is not None:
        assert type(reason["errCode"]) is int
        assert reason["desc"]
    assert "Traceback" not in json.dumps(envelope)
    return int(status)


def started(user: User) -> int:
    """How many tasks of a user there are."""
    return int(user.data("GET", "jobhistory/list", params={"pageSize": 1})["totalPage"])


def checked(reply: httpx.Response) -> int:
    """The status of a reply, whose HTTP code goes with it."""
    if not reply.headers["content-type"].startswith("application/json"):
        assert reply.status_code == 200
        return 0
    status = check(reply.json())
    assert reply.status_code in CODES[status], reply.text
    return status


@pytest.mark.parametrize(("verb", "template"), ROWS)
def test_every_call_over_http(ann: User, verb: str, template: str) -> None:
    """Each bad body, id and query is answered in the envelope, and never with an HTTP 500."""
    before = started(ann)
    with httpx.Client(
        base_url=f"{ann.http.base_url}{ROOT}", headers=ann.headers, timeout=20
    ) as http:
        for path in paths(template):
            if verb == "GET":
                checked(http.get(path))
                for name, value in QUERIES.items():
                    checked(http.get(path, params={name: value}))
                checked(http.get(path, params=QUERIES))
                continue
            for body in BODIES.values():
                headers = {"Content-Type": "application/json;charset=UTF-8"}
                checked(http.post(path, content=body, headers=headers))
        wrong = http.request("PATCH", paths(template)[0])
        assert (wrong.status_code, checked(wrong)) == (405, 1)
        assert "PATCH" in wrong.json()["message"]
    assert started(ann) == before


@pytest.mark.parametrize("name", [name for name in BODIES if name != "way out"])
@pytest.mark.parametrize("call", ["execute", "submit"])
def test_a_submit_that_is_malformed(ann: User, name: str, call: str) -> None:
    """It is status 2 and HTTP 412, and the message names the field at fault."""
    headers = {**ann.headers, "Content-Type": "application/json"}
    reply = ann.http.post(f"{ROOT}/entrance/{call}", content=BODIES[name], headers=headers)
    assert (reply.status_code, checked(reply)) == (412, 2)
    field = reply.json()["data"].get("field", "")
    assert field.rpartition(".")[2] in reply.json()["message"]


@pytest.mark.parametrize(
    ("path", "code", "named"),
    [
        ("/api/rest_j/v1/nosuchservice/x", 404, "nosuchservice"),
        ("/api/rest_j/v1/entrance/1/nosuchverb", 404, "nosuchverb"),
        ("/api/rest_j/v1/user/nosuchverb", 404, "nosuchverb"),
        ("/api/rest_j/v2/entrance/1/status", 404, "v2"),
        ("/api/rest_j/entrance/999999/status/", 400, "999999"),
    ],
)
def test_paths_of_nothing(ann: User, path: str, code: int, named: str) -> None:
    """What there is not is status 1, and the message says what (1.5)."""
    reply = ann.http.get(path)
    assert (reply.status_code, checked(reply)) == (code, 1)
    assert named in reply.json()["message"]


def test_a_stranger_is_told_to_log_in(served: Served) -> None:
    """Any call but those before a login is status -1, with ``data`` an object (1.4, 2.2)."""
    open_ones = {route.template for route in LinkisDialect({}).routes if route.open}
    with httpx.Client(base_url=served.url, timeout=20) as http:
        for verb, template in ROWS:
            if ROOT + template in open_ones:
                continue
            reply = http.request(verb, ROOT + template.replace("{id}", "1"), content=b"{}")
            assert (reply.status_code, checked(reply)) == (401, -1), template
            assert reply.json()["message"].startswith("You are not logged in, please login first")


def test_every_method_on_a_websocket(tmp_path: Path) -> None:
    """Each bad frame has its one answer, and a tab that runs meanwhile is unharmed (4.3, 4.6)."""
    frames = ["{", "[]", "1", '{"method": 5}', '{"method": "/nothing"}', '{"method": "/x\\u0000"}']
    for verb, template in ROWS:
        # Of the data of a GET only the plain values are looked at: a few bodies say it all.
        for number, body in list(enumerate(BODIES.values()))[:: 4 if verb == "GET" else 1]:
            path = ROOT + paths(template)[number % len(paths(template))]
            inner = body.decode("utf-8", "replace") or "null"
            frames.append(f'{{"method": {json.dumps(path)}, "data": {inner}}}')
    # Frames come faster here than a gateway takes them for no flood.
    with serving(tmp_path / "data", NARTHEX_LIMITS_MESSAGES_PER_SECOND="100000") as served:
        unharmed(served, User(served, "admin"), frames)


def unharmed(served: Served, ann: User, frames: list[str]) -> None:
    """Sends the frames while a task runs, and looks at all that comes back."""
    pushed: list[dict[str, Any]] = []
    answered = 0
    with connect(served.socket_url, additional_headers=ann.headers, max_size=None) as socket:

        def take() -> None:
            nonlocal answered
            message = json.loads(socket.recv(timeout=20))
            status = check(message)
            if message.get("websocketTag") == "other":
                assert status == 0
                pushed.append(message)
            else:
                answered += 1

        code = "for i in 1 2 3; do echo line $i; done; sleep 1000"
        socket.send(frame("execute", shell(code), websocketTag="other"))
        while not pushed:
            take()
        before = started(ann)
        for sent, text in enumerate(frames, 1):
            socket.send(text)
            while answered < sent:
                take()
        assert answered == len(frames)
        assert started(ann) == before
        # On a busy machine the task may not even have begun.
        while "line 3" not in logged(pushed):
            take()
        ann.data("GET", f"entrance/{pushed[0]['data']['taskID']}/kill", params={"grace": 0})
        while pushed[-1]["data"].get("status") != "Cancelled":
            take()
        assert answered == len(frames)
    log = logged(pushed)
    assert [log.count(f" INFO line {number}\n") for number in (1, 2, 3)] == [1, 1, 1]


def logged(pushed: list[dict[str, Any]]) -> str:
    """All lines that were pushed."""
    return "".join(one["data"]["log"][3] for one in pushed if "log" in one["data"])
