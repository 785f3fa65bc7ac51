"""The five verbs with nothing but curl and a token, on the paths of the seed."""

import json
import subprocess
from typing import Any

import pytest

from tests.journeys.entrance import shell
from tests.support.served import Served
from tests.support.waiting import wait_until_sync


def curl(gateway: Served, *words: str) -> dict[str, Any]:
    """What curl prints for a call, as the envelope that it must be."""
    printed = subprocess.run(
        ["curl", "-sS", "-H", f"Authorization: Bearer {gateway.token}", *words],
        capture_output=True,
        timeout=40,
        check=True,
    ).stdout
    envelope = json.loads(printed)
    assert isinstance(envelope, dict)
    assert envelope["status"] == 0, envelope
    return envelope


@pytest.mark.parametrize("prefix", ["rest_j", "rest_s", "rest_j/v1", "rest_s/v1"])
@pytest.mark.parametrize("kill", ["POST", "GET"])
def test_the_five_verbs(served: Served, prefix: str, kill: str) -> None:
    """Execute, status, log, progress and kill answer as the seed prints them."""
    base = f"{served.url}/api/{prefix}/entrance"
    body = {
        "method": "/api/rest_j/v1/entrance/execute",
        "data": {"params": {}, **shell("echo one; echo two; sleep 300")},
    }
    accepted = curl(
        served,
        f"{base}/execute",
        "-H",
        "Content-Type: application/json",
        "-d",
        json.dumps(body),
    )
    assert accepted["message"] == "Execution request succeeded"
    assert accepted["method"] == "/api/rest_j/v1/entrance/execute"
    exec_id = accepted["data"]["execID"]
    assert isinstance(accepted["data"]["taskID"], int)

    def running() -> bool:
        status = curl(served, f"{base}/{exec_id}/status")["data"]
        assert status["execID"] == exec_id
        return bool(status["status"] == "Running")

    wait_until_sync(running, "the script to run")
    page = curl(served, f"{base}/{exec_id}/log?format=lines&fromLine=2&size=1&wait=10")["data"]
    assert [(line["n"], line["text"]) for line in page["lines"]] == [(2, "two")]
    assert (page["fromLine"], page["eof"]) == (3, False)
    log = curl(served, f"{base}/{exec_id}/log?fromLine=0&size=100")["data"]
    assert len(log["log"]) == 4
    assert log["log"][3].splitlines()[2].endswith("one")
    progress = curl(served, f"{base}/{exec_id}/progress")["data"]
    assert progress["progressInfo"] == []
    assert 0 <= progress["progress"] < 1
    killed = curl(served, "-X", kill, f"{base}/{exec_id}/kill")
    assert killed["message"] == "OK"

    def cancelled() -> bool:
        return bool(curl(served, f"{base}/{exec_id}/status")["data"]["status"] == "Cancelled")

    wait_until_sync(cancelled, "the kill to be true")
