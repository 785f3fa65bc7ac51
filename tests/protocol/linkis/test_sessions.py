"""Warm sessions in the words of Linkis."""

from __future__ import annotations

import json

import pytest

from protocol.commands.sessions import EndSession, ListSessions
from protocol.dialects.linkis.sessions import session_rows
from protocol.errors import GatewayError
from protocol.http import Reply, Request
from protocol.sessions import EngineSession, SessionState

ONE = EngineSession(
    "01890a5d-ac96-774b-bcce-b302099a8057", "ann", "python", "IDE", "[]", SessionState.IDLE, 5, 7, 2
)
LIST, _, KILL = session_rows()


def data_of(reply: Reply) -> dict[str, object]:
    """What a reply's envelope carries."""
    assert isinstance(reply.body, bytes)
    data = json.loads(reply.body)["data"]
    assert isinstance(data, dict)
    return data


def test_a_list_shows_sessions() -> None:
    """Each session tells whose it is, what it does and since when it is unused."""
    request = Request("GET", "/entrance/sessions")
    assert LIST.parse(request) == ListSessions()
    reply = LIST.render((ONE,), request)
    assert data_of(reply)["sessions"] == [
        {
            "id": ONE.id,
            "user": "ann",
            "engineType": "python",
            "creator": "IDE",
            "key": "[]",
            "state": "idle",
            "createdTime": 5,
            "lastUsedTime": 7,
            "statements": 2,
            "task": None,
        }
    ]


def test_everybody_is_asked_for_by_name() -> None:
    """``all=true`` asks for the sessions of all users."""
    request = Request("GET", "/entrance/sessions", query={"all": "true"})
    assert LIST.parse(request) == ListSessions(everybody=True)


def test_an_end_may_name_its_grace() -> None:
    """A kill names the session in its path and may say how long to be polite."""
    request = Request("POST", "/x", query={"grace": "2.5"}, params={"id": ONE.id})
    assert KILL.parse(request) == EndSession(ONE.id, 2.5)
    ended = data_of(KILL.render(ONE, request))["session"]
    assert isinstance(ended, dict)
    assert ended["id"] == ONE.id


def test_a_wrong_grace_is_refused() -> None:
    """A grace that is no time is named in the refusal."""
    request = Request("POST", "/x", query={"grace": "soon"}, params={"id": ONE.id})
    with pytest.raises(GatewayError, match="grace"):
        KILL.parse(request)
