"""What each node keeps for itself: warm sessions, which all list and end, and users' files."""

from __future__ import annotations

from contextlib import closing

from tests.journeys.test_files import ROOT, Bar
from tests.journeys.test_sessions import Python
from tests.nodes.rig import Pair
from tests.support.waiting import wait_until_sync


def test_a_session_is_of_one_node_and_ended_at_any(nodes: Pair) -> None:
    """What it holds is known where it was made; both list it, and either ends it."""
    with Python(nodes["a"]) as at_a, Python(nodes["b"]) as at_b:
        at_a.run("x = 41")
        assert at_a.run("print(x + 1)") == ["42"]
        listed = [{one["id"] for one in caller.sessions()} for caller in (at_a, at_b)]
        assert listed[0] == listed[1]
        (made,) = listed[0]
        assert at_b.run("print('x' in globals())") == ["False"]
        wait_until_sync(lambda: len(at_a.sessions()) == 2, "both sessions to be listed")
        at_b.call("POST", f"sessions/{made}/kill")
        wait_until_sync(
            lambda: made not in {one["id"] for one in at_a.sessions()}, "the session to be gone"
        )
        (other,) = at_b.sessions()
        at_a.call("POST", f"sessions/{other['id']}/kill")
        wait_until_sync(lambda: not at_b.sessions(), "the other to be gone")
        missing = at_a.http.post(f"{at_a.gateway.api}/sessions/{other['id']}/kill")
        assert missing.json()["status"] == 1


def test_files_of_a_user_are_where_they_were_made(nodes: Pair) -> None:
    """As the page says: the other node has none of that name, and may have another."""
    a, b = Bar(nodes["a"], nodes["a"].token), Bar(nodes["b"], nodes["b"].token)
    with closing(a.http), closing(b.http):
        path = f"{ROOT}/only-here.sh"
        assert a.sent("createNewFile", path=path) == 0
        assert a.got("isExist", path=path) == (0, {"isExist": True})
        assert b.got("isExist", path=path) == (0, {"isExist": False})
        assert b.sent("createNewFile", path=path) == 0
        assert a.sent("deleteDirOrFile", path=path) == 0
        assert b.got("isExist", path=path) == (0, {"isExist": True})
        assert b.sent("deleteDirOrFile", path=path) == 0
