"""A task: submitted, looked at, read and ended, over plain HTTP."""

from typing import Any

import httpx

from tests.support.waiting import wait_until_sync


def submit(http: httpx.Client, code: str, **more: object) -> dict[str, Any]:
    """Submits a shell script; what the gateway answers once the task is durable."""
    asked = {"executeApplicationName": "shell", "runType": "shell", "executionCode": code, **more}
    return data(http.post("/execute", json=asked))


def data(reply: httpx.Response) -> dict[str, Any]:
    """What a reply holds. Every reply is an envelope; status 0 is success."""
    envelope = reply.json()
    assert set(envelope) == {"method", "status", "message", "data"}
    assert envelope["status"] == 0, envelope["message"]
    found = envelope["data"]
    assert isinstance(found, dict)
    return found


def status(http: httpx.Client, exec_id: str) -> str:
    """The status word of a task."""
    return str(data(http.get(f"/{exec_id}/status"))["status"])


def ended(http: httpx.Client, exec_id: str) -> str:
    """The final status word of a task, once there is one."""
    final = {"Succeed", "Failed", "Cancelled", "Timeout"}
    wait_until_sync(lambda: status(http, exec_id) in final, "the task to end", timeout=30)
    return status(http, exec_id)


def test_a_task_has_two_names(http: httpx.Client) -> None:
    """A submit answers with a number for people and an execID for clients; both name the task."""
    task = submit(http, "true")

    assert task["execID"].endswith(f"_{task['taskID']}")
    assert ended(http, task["execID"]) == "Succeed"
    assert status(http, str(task["taskID"])) == status(http, task["execID"])


def test_the_exit_code_decides(http: httpx.Client) -> None:
    """A script that ends with 0 has succeeded, any other has failed."""
    assert ended(http, submit(http, "exit 0")["execID"]) == "Succeed"
    assert ended(http, submit(http, "exit 3")["execID"]) == "Failed"


def test_a_kill_is_told_when_nothing_is_left(http: httpx.Client) -> None:
    """``Cancelled`` is said after the last process of the task is gone, not before."""
    task = submit(http, "trap '' TERM; sleep 1000 & wait")["execID"]

    data(http.post(f"/{task}/kill", params={"graceSeconds": "0.1"}))

    assert ended(http, task) == "Cancelled"


def test_a_submit_may_be_repeated(http: httpx.Client) -> None:
    """Whoever does not know whether a submit arrived sends it again under the same requestId."""
    first = submit(http, "echo once", requestId="monday-report")
    second = submit(http, "echo once", requestId="monday-report")

    assert first["taskID"] == second["taskID"]


def test_a_bad_submit_starts_nothing(http: httpx.Client) -> None:
    """What cannot be run is refused with a sentence that names it."""
    reply = http.post(
        "/execute",
        json={"executeApplicationName": "cobol", "runType": "cobol", "executionCode": "STOP RUN."},
    )

    envelope = reply.json()
    assert reply.status_code == 412
    assert envelope["status"] == 2
    assert "cobol" in envelope["message"]
