"""The variables that a user keeps: listed, saved, and put into code (section 7.1)."""

import json

import pytest

from protocol.commands.history import Refuse
from protocol.commands.tasks import Execute
from protocol.commands.variables import ListVariables, SaveVariables
from protocol.dialect import Ask, Follow
from protocol.dialects.linkis.files_script import SubmitAfter
from protocol.errors import GatewayError, Kind
from protocol.tasks import TaskState
from tests.protocol.linkis.scenes import NOW, ROOT, data_of, dialect, request, said, task

LIST = f"{ROOT}/variable/listGlobalVariable"
SAVE = f"{ROOT}/variable/saveGlobalVariable"


def test_the_list() -> None:
    """Each variable is an entry with its ids, in the order in which they were saved."""
    found, asked = request("GET", LIST)
    assert found.route.parse(asked) == ListVariables()
    assert data_of("GET", LIST, {"b": "1", "a": ""}) == {
        "globalVariables": [
            {"keyID": 1, "key": "b", "valueID": 1, "value": "1"},
            {"keyID": 2, "key": "a", "valueID": 2, "value": ""},
        ]
    }
    assert data_of("GET", LIST, {}) == {"globalVariables": []}


def test_a_save() -> None:
    """The whole list comes as the web client sends it, with ids or without."""
    body = {
        "globalVariables": [
            {"keyID": 7, "key": "b", "value": "x y"},
            {"key": " a ", "value": 2},
            {"key": "none", "value": None},
        ]
    }
    found, asked = request("POST", SAVE, {}, body)
    assert found.route.parse(asked) == SaveVariables({"b": "x y", "a": "2", "none": ""})
    assert said(found.route.render(None, asked))["status"] == 0


@pytest.mark.parametrize(
    ("entries", "field"),
    [
        (None, "globalVariables"),
        ({}, "globalVariables"),
        ([{"key": f"k{number}", "value": ""} for number in range(501)], "globalVariables"),
        (["a"], "globalVariables[0]"),
        ([{"value": "1"}], "globalVariables[0].key"),
        ([{"key": "a-b", "value": "1"}], "globalVariables[0].key"),
        ([{"key": "a", "value": "1"}, {"key": "a", "value": "2"}], "globalVariables[1].key"),
        ([{"key": "a", "value": [1]}], "globalVariables[0].value"),
        ([{"key": "a", "value": True}], "globalVariables[0].value"),
    ],
)
def test_a_save_that_is_refused(entries: object, field: str) -> None:
    """What is no list of named texts is refused with its place, and nothing is saved."""
    found, asked = request("POST", SAVE, {}, {"globalVariables": entries})
    with pytest.raises(GatewayError) as caught:
        found.route.parse(asked)
    assert (caught.value.kind, caught.value.field) == (Kind.INVALID, field)


def submitted(code: str, **more: object) -> object:
    """What a submit with this code asks for."""
    body = {"executeApplicationName": "shell", "runType": "shell", "executionCode": code, **more}
    found, asked = request("POST", f"{ROOT}/entrance/execute", {}, body)
    return found.route.parse(asked)


def test_code_is_filled() -> None:
    """A directive wins over the request, the request over the user's own; others stay."""
    command = submitted(
        "#@set own=1\necho ${own} ${asked} ${kept} ${other}", params={"variable": {"asked": "2"}}
    )
    assert isinstance(command, SubmitAfter)
    assert command.execute.code == "\necho 1 2 ${kept} ${other}"
    made = command.next({"own": "x", "asked": "x", "kept": "3", "user": "x"})
    assert isinstance(made, Execute)
    assert made.code == "\necho 1 2 3 ${other}"
    assert isinstance(submitted("echo $a"), Execute)
    assert isinstance(submitted("echo ${a}", variables=False), Execute)
    with pytest.raises(GatewayError):
        command.next({"run_date": "no date"})


def test_code_is_filled_on_a_websocket() -> None:
    """Such an execute is pushed like any, and a refusal of it by rule becomes a failed task."""
    body = {"executeApplicationName": "x", "runType": "shell", "executionCode": "echo ${a}"}
    frame = json.dumps({"method": f"{ROOT}/entrance/execute", "data": body})
    session = dialect().conversation({})
    (ask,) = session.received(frame, NOW)
    assert isinstance(ask, Ask)
    assert isinstance(ask.command, SubmitAfter)
    steps = session.answered(ask.key, task(TaskState.QUEUED), NOW)
    assert any(isinstance(step, Follow) for step in steps)
    (again,) = session.received(frame, NOW)
    assert isinstance(again, Ask)
    error = GatewayError(Kind.INVALID, "run_date 'x' is no date such as 20200228")
    (record,) = session.failed(again.key, error, NOW)
    assert isinstance(record, Ask)
    assert record.command == Refuse(ask.command.execute, error.message)
