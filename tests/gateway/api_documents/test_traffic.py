"""What a gateway really answered is held against its documents, and a misfit is told.

The fixture ``documented`` does so for the gateways of all tests.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.support.documented import fault
from tests.support.served import serving
from tests.support.traffic_check import Traffic, recording

EXECUTE = "/api/rest_j/v1/entrance/execute"
LINES = {
    "method": "/api/rest_j/v1/entrance/exec_id/lines",
    "status": 0,
    "websocketTag": "",
    "data": {"execID": "exec_id", "lines": [], "surprise": 1},
}


def test_what_is_answered_is_as_documented(tmp_path: Path) -> None:
    """Calls of four dialects and what a websocket pushes, each kept once for each shape."""
    folder = tmp_path / "kept"
    folder.mkdir()
    body = {"executionCode": "seq 3", "executeApplicationName": "shell", "runType": "shell"}
    with serving(tmp_path / "data", **recording(folder)) as gateway:
        with httpx.Client(base_url=gateway.url, headers=gateway.headers) as client:
            for _ in range(3):
                assert client.post(EXECUTE, json=body).status_code == 200
            client.post(EXECUTE, json={"runType": "shell"})
            for path in ("/list_jobs", "/api/v2/jobs", "/oarapi/jobs.yaml", "/oarapi/jobs.json"):
                assert client.get(path).status_code == 200
        with connect(gateway.socket_url, additional_headers=gateway.headers) as socket:
            socket.send(json.dumps({"method": EXECUTE, "data": body}))
            while '"Succeed"' not in str(socket.recv(timeout=30)):
                pass
    values = list(Traffic(folder).fresh())
    found: list[Any] = [place for place, _ in values]
    assert {place[1] for place in found if place[0] == "reply"} == {
        *("linkis", "job_manager", "openpai", "oar")
    }
    assert ["message", "log"] in found
    executed = [place for place in found if place[3:5] == [EXECUTE, 200]]
    assert len(executed) == 1
    assert not any(fault(place, value) for place, value in values)


def test_every_gateway_of_a_test_is_held(traffic: Traffic | None, tmp_path: Path) -> None:
    """Whoever starts it: its answers are looked at after the test, also of one that is killed."""
    if traffic is None:
        pytest.skip("it is switched off")
    assert traffic.faults() == []
    with serving(tmp_path / "data") as gateway:
        httpx.get(f"{gateway.url}/api/v2/jobs", headers=gateway.headers)
        gateway.process.kill()
        found = [place for place, _ in traffic.fresh()]
    assert [place[:4] for place in found] == [["reply", "openpai", "GET", "/api/v2/jobs"]]


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (["reply", "linkis", "POST", EXECUTE, 200, "text/html", True], None, "not described"),
        (["reply", "linkis", "POST", EXECUTE, 200, "application/json", True], {"status": 0}, "200"),
        (["reply", "linkis", "POST", EXECUTE, 202, "", False], None, "status"),
        (["message", "lines"], LINES, "LinesPush"),
    ],
)
def test_a_misfit_is_told(tmp_path: Path, place: list[object], value: object, words: str) -> None:
    """A kind or status that is not described, a member that is missing or that nobody knows."""
    record = json.dumps({"place": place, "value": value})
    (tmp_path / "1-0.jsonl").write_text(f"{record}\n{record}\n", "utf-8")
    held = Traffic(tmp_path)
    [reported] = held.faults()
    assert words in reported
    assert held.faults() == []
