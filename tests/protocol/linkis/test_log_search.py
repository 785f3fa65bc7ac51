"""Searching a log in the words of Linkis."""

from __future__ import annotations

import json

import pytest

from protocol.commands.logs import LogMatches, SearchLog
from protocol.dialects.linkis.exec_id import ExecIds
from protocol.dialects.linkis.log_search import search_rows
from protocol.errors import GatewayError
from protocol.http import Request
from protocol.logs import Line, Stream
from protocol.tasks import ByNumber
from tests.protocol.linkis.scenes import INSTANCE, NOW, task

(ROW,) = search_rows(ExecIds(INSTANCE))


def asked(**query: str) -> SearchLog:
    """What a query asks for."""
    found = ROW.parse(Request("GET", "/x", query=query, params={"id": "21"}))
    assert isinstance(found, SearchLog)
    return found


def test_a_search_says_where_and_which_way() -> None:
    """From line 1 forward if it says nothing else; a hundred lines."""
    command = asked(text="oops")
    assert isinstance(command.task, ByNumber)
    assert (command.task.number, command.text, command.line) == (21, "oops", 1)
    assert (command.backward, command.ignore_case, command.limit) == (False, False, 100)
    command = asked(text="oops", fromLine="7", backward="true", ignoreCase="true", size="5")
    assert (command.line, command.backward, command.ignore_case, command.limit) == (
        7,
        True,
        True,
        5,
    )


@pytest.mark.parametrize(
    ("name", "value"), [("fromLine", "first"), ("backward", "yes"), ("size", "1e3")]
)
def test_what_cannot_be_meant_is_named(name: str, value: str) -> None:
    """A wrong value is refused with the name of its field."""
    with pytest.raises(GatewayError, match=name):
        asked(text="x", **{name: value})


def test_the_answer_has_the_lines_and_where_to_go_on() -> None:
    """As numbered lines are told elsewhere; what is not UTF-8 is shown as far as it is."""
    line = Line(12, NOW, Stream.ERR, b"oops \xff")
    request = Request("GET", "/x", params={"id": "21"})
    reply = ROW.render(LogMatches(task(), (line,), 13, more=True), request)
    assert isinstance(reply.body, bytes)
    data = json.loads(reply.body)["data"]
    assert data["lines"] == [{"n": 12, "t": NOW, "s": "err", "text": "oops �"}]
    assert (data["fromLine"], data["more"], data["taskID"]) == (13, True, 21)
