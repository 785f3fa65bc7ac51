"""Keys that are almost known ones: warned of, or refused where strictness is asked for."""

import time
from typing import Any

import pytest

from protocol.dialects.linkis.fields import Fields
from protocol.dialects.linkis.misspelt import warnings_of
from protocol.errors import GatewayError
from tests.protocol.linkis.scenes import ROOT, request, said, task

BODY = {"executeApplicationName": "shell", "runType": "shell", "executionCode": "true"}


@pytest.mark.parametrize(
    ("more", "slip", "meant"),
    [
        ({"param": {}}, "param", "params"),
        ({"Params": {}}, "Params", "params"),
        ({"lables": {}}, "lables", "labels"),
        ({"scriptpath": "x"}, "scriptpath", "scriptPath"),
        ({"params": {"varible": {}}}, "params.varible", "variable"),
        ({"params": {"variables": {}}}, "params.variables", "variable"),
        (
            {"params": {"configuration": {"run_time": {}}}},
            "params.configuration.run_time",
            "runtime",
        ),
        ({"source": {"scriptpath": "x"}}, "source.scriptpath", "scriptPath"),
        ({"labels": {"engineTyp": "x"}}, "labels.engineTyp", "engineType"),
        ({"executionContent": {"kode": "x"}}, "executionContent.kode", "code"),
    ],
    ids=str,
)
def test_row_c5_a_slip_is_told(more: dict[str, Any], slip: str, meant: str) -> None:
    """Row C5: each level of a body is looked through, and the key that was meant is named."""
    (warning,) = warnings_of(Fields({**BODY, **more}))
    assert warning == f"{slip} is unknown and counts for nothing: is {meant} meant?"


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"postType": "http", "fromLine": 1, "umUser": "a", "method": "x"},
        {"somethingElse": 1, "x": 2},
        {"source": {"requestIP": "::1", "anything": 1}, "labels": {"route": "a", "dc": "b"}},
        {"params": {"variable": {"param": 1}, "configuration": {"runtime": {"param": 1}}}},
        {"params": None, "labels": None, "source": []},
    ],
    ids=str,
)
def test_row_c5_what_clients_send_is_no_slip(more: dict[str, Any]) -> None:
    """Row C5: keys of genuine clients, of free maps, and those like no other are not told."""
    assert warnings_of(Fields({**BODY, **more})) == []


@pytest.mark.parametrize("more", [{"param": {}}, {"else": 1}, {"params": {"x": 1}}])
def test_row_c5_strict_bodies_are_refused(more: dict[str, Any]) -> None:
    """Row C5: with ``strict`` an unknown key is refused with its path."""
    found, asked = request("POST", f"{ROOT}/entrance/execute", {}, {**BODY, "strict": True, **more})
    with pytest.raises(GatewayError, match="is unknown") as error:
        found.route.parse(asked)
    assert error.value.field.split(".")[0] in more


def test_row_c5_the_reply_has_the_warnings() -> None:
    """Row C5: the task is accepted, and its reply has a sentence for each slip."""
    path = f"{ROOT}/entrance/execute"
    found, asked = request("POST", path, {}, {**BODY, "param": {}})
    command: Any = found.route.parse(asked)
    data = data_of_reply(path, command.client)
    assert data["warnings"] == ["param is unknown and counts for nothing: is params meant?"]
    assert "warnings" not in data_of_reply(path, {})


def data_of_reply(path: str, client: dict[str, Any]) -> dict[str, Any]:
    """The data of the acknowledgement of a task with these words."""
    found, asked = request("POST", path, {}, BODY)
    reply = found.route.render(task(client=client), asked)
    return dict(said(reply)["data"])


def test_row_c5_many_keys_take_no_time() -> None:
    """Row C5: of a body with very many keys only the first are looked at."""
    began = time.perf_counter()
    warnings_of(Fields({**BODY, **{f"key{number}" * 1000: 1 for number in range(2000)}}))
    assert time.perf_counter() - began < 0.5
