"""The old generation of OpenPAI over a running gateway, beside the job manager on the same port."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.served import Served
from tests.support.waiting import wait_until_sync

VALIDATION = {"error": "ParameterValidationError", "message": "could not validate request data"}


@pytest.fixture
def http(served: Served) -> Iterator[httpx.Client]:
    """The administrator."""
    with httpx.Client(base_url=f"{served.url}/api", headers=served.headers, timeout=40) as client:
        yield client


def job(name: str, command: str) -> dict[str, object]:
    """A configuration of this generation."""
    role = {"name": "w", "taskNumber": 1, "command": command}
    return {"jobName": name, "image": "i", "codeDir": "c", "taskRoles": [role]}


def answer(reply: httpx.Response) -> tuple[int, object]:
    """Status and body."""
    return reply.status_code, reply.json()


def test_users(http: httpx.Client, served: Served) -> None:
    """Contract 1.0, 0-1 to 0-3: made, logged in with a form that calls itself JSON, removed."""
    made = {"username": "olga", "password": "old-secret", "admin": False, "modify": False}
    assert answer(http.put("/auth", json=made)) == (200, {"message": "update successfully"})
    assert answer(http.put("/auth", json=made)) == (
        500,
        {"error": "UpdateFailed", "message": "update failed"},
    )
    with httpx.Client(base_url=f"{served.url}/api") as guest:
        reply = guest.post(
            "/auth",
            content="username=olga&password=old-secret&expiration=3600",
            headers={"Content-Type": "application/json"},
        )
        assert reply.json()["user"] == "olga"
        olga = {"Authorization": f"Bearer {reply.json()['token']}"}
        wrong = {"username": "olga", "password": "not-the-one"}
        assert answer(guest.post("/auth", json=wrong)) == (
            401,
            {"error": "AuthenticationFailed", "message": "authentication failed"},
        )
        assert answer(guest.post("/auth", json={"username": "a-b"})) == (500, VALIDATION)
        assert answer(guest.put("/auth", json=made)) == (
            401,
            {"error": "NotAuthorized", "message": "not authorized"},
        )
        assert guest.put("/auth", json=made, headers=olga).json()["error"] == "NotAuthorized"
    gone = http.request("DELETE", "/auth", json={"username": "olga"})
    assert answer(gone) == (200, {"message": "remove successfully"})
    admin = http.request("DELETE", "/auth", json={"username": "admin"})
    assert answer(admin) == (500, {"error": "RemoveFailed", "message": "remove failed"})


def test_jobs(http: httpx.Client, served: Served) -> None:
    """Contract 1.0, 0-4 to 0-7: names of all users are one space; the others see it as legacy."""
    assert answer(http.put("/job/ancient", json=job("other", "exit 4"))) == (
        200,
        {"message": "update job ancient successfully"},
    )
    assert answer(http.put("/job/ancient", json=job("other", "true"))) == (
        500,
        {"error": "DuplicateJobSubmission", "message": "duplicate job submission"},
    )
    wait_until_sync(
        lambda: http.get("/job/ancient").json()["state"] == "FRAMEWORK_COMPLETED", "its end"
    )
    found = httpx.get(f"{served.url}/api/job/ancient").json()
    assert (found["username"], found["appExitCode"]) == ("admin", 4)
    assert "ancient" in [one["name"] for one in http.get("/job").json()]
    row = next(one for one in http.get("/v1/jobs").json() if one["name"] == "ancient")
    assert (row["legacy"], row["state"]) == (True, "FAILED")
    assert http.delete("/job/ancient").json() == {"message": "deleted job ancient successfully"}
    assert answer(http.get("/job/ancient")) == (
        500,
        {"error": "JobNotFound", "message": "could not find job ancient"},
    )


@pytest.mark.parametrize("name", ["list_jobs", "job_info", "cancel", "delete"])
def test_names_that_could_not_be_reached(http: httpx.Client, name: str) -> None:
    """The job manager's addresses stay its own, and no job hides behind them."""
    assert http.put(f"/job/{name}", json=job(name, "true")).status_code == 405


def test_the_job_manager_is_where_it_was(http: httpx.Client) -> None:
    """The more literal route wins, whatever the order of the configuration."""
    assert isinstance(http.get("/job/list_jobs").json(), list | dict)
    assert http.get("/job/list_jobs").status_code == 200


def test_a_greeting(served: Served) -> None:
    """Contract 1.0: any method on the root of the API."""
    for method in ("GET", "POST", "PUT", "DELETE"):
        reply = httpx.request(method, f"{served.url}/api")
        assert (reply.status_code, reply.text) == (
            200,
            "<pre>Welcome to use PAI RESTful API!</pre>",
        )
