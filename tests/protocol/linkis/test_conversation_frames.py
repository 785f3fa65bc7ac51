"""Who one is on a websocket, and what becomes of frames that are wrong."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.accounts import Principal, Role, Ticket
from protocol.commands.history import Refuse
from protocol.commands.login import Login, WhoAmI
from protocol.dialect import Ask, Authenticate, Send
from protocol.errors import GatewayError, Kind
from protocol.events import LinesAppended, ProgressChanged, StateChanged
from protocol.media import encode_msgpack
from tests.protocol.linkis.scenes import NOW, ROOT, SEED_ID, block, dialect, task
from tests.protocol.linkis.talks import (
    BODY,
    ENTRANCE,
    TASK,
    asked,
    followed,
    frame,
    message,
    messages,
    page,
    reported,
    resumed,
    subscribed,
)


@pytest.mark.parametrize(
    "method", [f"{ROOT}/user/login", "/ws/user/login", "/api/rest_s/user/login"]
)
def test_login_by_password(method: str) -> None:
    """A login that succeeds speaks for the user from then on, and resumes."""
    session = dialect().conversation({})
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


@pytest.mark.parametrize("verb", ["login", "token-login", "proxy"])
def test_a_session_of_another_user_is_refused(verb: str) -> None:
    """Whose a socket is stays as it is, and nobody is told that it changed."""
    session = dialect().conversation({})
    session.opened("ann", NOW)
    data = {"userName": "bob", "password": "secret", "proxyUser": "bob"}
    ask = asked(session.received(frame(f"{ROOT}/user/{verb}", data), NOW))
    ticket = Ticket("t.o.k", Principal("bob", Role.USER), NOW + 1000)
    steps = session.answered(ask.key, ticket, NOW)
    assert message(steps)["status"] == 3
    assert len(steps) == 1
    labels = {"engineType": "shell", "userCreator": "bob-IDE"}
    content = {"executionContent": {"code": "true", "runType": "shell"}, "labels": labels}
    refused = asked(session.received(frame(f"{ENTRANCE}/submit", content), NOW)).command
    assert isinstance(refused, Refuse)


def test_login_by_token() -> None:
    """A token is tried by asking whose it is."""
    session = dialect().conversation({})
    steps = session.received(frame(f"{ROOT}/user/login", {"token": "t.o.k"}), NOW)
    assert steps[0] == Authenticate("t.o.k")
    ask = asked(steps)
    assert ask.command == WhoAmI()
    answer = session.answered(ask.key, Principal("ann", Role.ADMIN), NOW)
    assert message(answer)["data"] == {"userName": "ann", "isAdmin": True}
    resumed(answer)


def test_a_login_that_fails() -> None:
    """A wrong password is a refusal, and the socket goes on."""
    session = dialect().conversation({})
    ask = asked(session.received(frame("/ws/user/login", {"userName": "a", "password": "b"}), NOW))
    found = message(session.failed(ask.key, GatewayError(Kind.UNAUTHENTICATED, "no"), NOW))
    assert (found["status"], found["message"]) == (1, "wrong user name or password")


def test_who_am_i_is_no_login() -> None:
    """Asking for the user's name gives the name and nothing else."""
    session = dialect().conversation({})
    ask = asked(session.received(frame(f"{ROOT}/user/userInfo"), NOW))
    steps = session.answered(ask.key, Principal("ann", Role.USER), NOW)
    assert len(steps) == 1
    assert "websocketTag" not in message(steps)["data"]


@pytest.mark.parametrize("verb", ["status", "log", "kill", "subscribe", "unsubscribe"])
def test_before_login(verb: str) -> None:
    """Whatever is asked without a login is answered with -1 under its own method."""
    session = dialect().conversation({})
    ask = asked(session.received(frame(f"{TASK}/{verb}"), NOW))
    found = message(session.failed(ask.key, GatewayError(Kind.UNAUTHENTICATED, "who?"), NOW))
    assert (found["method"], found["status"]) == (f"{TASK}/{verb}", -1)
    assert isinstance(found["data"], dict)


@pytest.mark.parametrize("text", ["", " \n", frame("", {}), '{"method": ""}'])
def test_ignored(text: str) -> None:
    """Blank messages and empty methods are ignored (contract, section 4.2)."""
    assert dialect().conversation({}).received(text, NOW) == []


@pytest.mark.parametrize("method", ["backgroundservice", "execute", "submit"])
@pytest.mark.parametrize("code", [{"source": {"path": "/a"}}, {}, [1], 5, True])
def test_section_9_point_9_code_that_is_an_object(method: str, code: object) -> None:
    """Linkis section 9, point 9: a task that fails, in one tab; an error would stop all tabs."""
    data = {"executeApplicationName": "spark", "runType": "function.mdq", "executionCode": code}
    if method == "submit":
        content = {"code": code, "runType": "sql"}
        data = {"executionContent": content, "labels": {"engineType": "spark-2.4.3"}}
    sent = frame(f"{ENTRANCE}/{method}", data, websocketTag="t")
    (step,) = dialect().conversation({}).received(sent, NOW)
    assert isinstance(step, Ask)
    assert isinstance(step.command, Refuse)
    assert json.loads(step.command.execute.code) == code
    assert step.command.execute.client["websocketTag"] == "t"
    assert "must be a string" in step.command.message


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
    steps = dialect().conversation({}).received(sent, NOW)
    assert len(steps) == 1
    found = message(steps)
    assert found["status"] == status
    assert words in found["message"]
    assert "websocketTag" not in found["data"]


def test_a_refusal_is_no_acknowledgement() -> None:
    """The tag of a refused execute stays out of the data, where it would mean success."""
    session = dialect().conversation({})
    sent = frame(f"{ENTRANCE}/execute", {**BODY, "runType": None}, websocketTag="tab")
    found = message(session.received(sent, NOW))
    assert (found["status"], found["websocketTag"]) == (2, "tab")
    assert found["method"] == f"{ENTRANCE}/execute"
    assert found["data"]["field"] == "data.runType"
    assert found["data"]["errorMsg"]["desc"] == "data.runType must not be empty"
    assert "websocketTag" not in found["data"]


def test_a_result_that_is_not_what_the_id_says() -> None:
    """A task whose parts differ from the id is unknown, on a socket as over HTTP."""
    session = dialect().conversation({})
    ask = asked(session.received(frame(f"{TASK}/status"), NOW))
    found = message(session.answered(ask.key, task(number=22), NOW))
    assert (found["status"], found["message"]) == (
        1,
        f"error code(91004): unknown execID or taskID {SEED_ID!r}",
    )


def test_the_form_of_the_last_message() -> None:
    """Answers and pushes are msgpack after a binary message, and JSON after a text one."""
    session = dialect().conversation({})
    packed = encode_msgpack({"method": f"{ENTRANCE}/execute", "data": BODY})
    ask = asked(session.received(packed, NOW))
    steps = session.answered(ask.key, task(), NOW)
    assert isinstance(steps[0], Send)
    assert isinstance(steps[0].frame, bytes)
    key = followed(steps).key
    (push,) = session.on_event(key, StateChanged(task()), NOW)
    assert isinstance(push, Send)
    assert isinstance(push.frame, bytes)
    assert not push.text
    assert message([push])["data"]["status"] == "Running"
    session.received("", NOW)
    (push,) = session.on_event(key, ProgressChanged(task()), NOW)
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
    session = dialect().conversation({})
    for found in messages(session.received(sent, NOW)):
        assert set(found) == {"method", "status", "message", "data"}


def test_a_task_of_another_dialect() -> None:
    """Its lines can be subscribed to; it has no tag of ours."""
    session = dialect().conversation({})
    other = task(dialect="other", client={"websocketTag": "not ours"})
    key = subscribed(session, other).key
    (found,) = reported(session, key, LinesAppended(other, page(block(1, ["x"]))))
    assert found["websocketTag"] == ""
