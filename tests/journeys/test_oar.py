"""The OAR REST API over HTTP, on processes: what its clients do from submission to deletion."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.journeys.strangers import stranger_token
from tests.support.served import Served
from tests.support.waiting import wait_until_sync


def submitted(oar: httpx.Client, **data: object) -> dict[str, Any]:
    """The answer to a submission."""
    reply = oar.post("/jobs", json={"command": "true", **data})
    assert reply.status_code == 201, reply.text
    return dict(reply.json())


def job(oar: httpx.Client, number: int) -> dict[str, Any]:
    """All that is told of a job."""
    return dict(oar.get(f"/jobs/{number}/details").json())


def reached(oar: httpx.Client, number: int, *states: str) -> dict[str, Any]:
    """The job once it is in one of these states."""
    wait_until_sync(lambda: job(oar, number)["state"] in states, f"job {number} {states}", 30)
    return job(oar, number)


def test_a_job_from_submission_to_its_end(oar: httpx.Client) -> None:
    """Sections 6 and 7: the id is an integer, the command is verbatim, the wait status is told."""
    reply = oar.post("/jobs.json", json={"command": 'echo "$OAR_JOB_ID"; exit 3', "name": "mine"})
    assert reply.status_code == 201, reply.text
    number = reply.json()["id"]
    assert isinstance(number, int)
    assert reply.headers["location"] == f"/oarapi/jobs/{number}"
    assert f"OAR_JOB_ID={number}\n" in reply.json()["cmd_output"]
    ended = reached(oar, number, "Terminated", "Error")
    assert (ended["state"], ended["exit_code"]) == ("Terminated", 768)
    assert ended["command"] == 'echo "$OAR_JOB_ID"; exit 3'
    assert ended["stdout_file"] == f"OAR.mine.{number}.stdout"
    assert ended["walltime"] == 7200
    assert len(ended["resources"]) == 1
    assert ended["nodes"][0]["status"] == "assigned"
    assert number not in [item["id"] for item in oar.get("/jobs").json()["items"]]
    listed = oar.get("/jobs", params={"ids": str(number)}).json()
    assert [item["id"] for item in listed["items"]] == [number]


def test_a_running_job_is_deleted(oar: httpx.Client) -> None:
    """Section 8: both names of the output are sent, the job ends in Error without an exit code."""
    number = submitted(oar, command="sleep 60")["id"]
    reached(oar, number, "Running")
    reply = oar.delete(f"/jobs/{number}.json")
    assert reply.status_code == 202
    assert f"Deleting the job = {number} ...REGISTERED." in reply.json()["oardel_output"]
    assert reply.json()["oardel_output"] == reply.json()["cmd_output"]
    ended = reached(oar, number, "Error")
    assert ended["exit_code"] is None
    again = oar.delete(f"/jobs/{number}.json")
    assert again.status_code == 400
    assert "already killed" in again.json()["message"]


def test_a_job_that_does_not_want_to_end(oar: httpx.Client) -> None:
    """Section 6.1: between its deletion and its end it is on the way to Error, in no list."""
    command = "trap '' TERM; echo up; while :; do sleep 0.1; done"
    number = submitted(oar, command=command)["id"]
    file = f"/media/~/OAR.{number}.stdout"
    wait_until_sync(lambda: "up" in oar.get(file).text, "the job to be deaf", 30)
    assert oar.delete(f"/jobs/{number}").status_code == 202
    assert job(oar, number)["state"] == "toError"
    assert number not in [item["id"] for item in oar.get("/jobs").json()["items"]]
    listed = oar.get("/jobs", params={"state": "toError"}).json()["items"]
    assert number in [item["id"] for item in listed]
    reached(oar, number, "Error")


def test_an_identity_that_is_claimed_is_ignored(served: Served, oar: httpx.Client) -> None:
    """Section 1: whoever says in a header who they are is who they are without it."""
    base = f"{served.url}/oarapi"
    for name in (
        "X-Remote-Ident",
        "X_REMOTE_IDENT",
        "x-remote_ident",
        "X-Remote-User",
        "REMOTE_USER",
    ):
        claimed = {name: "oar"}
        who = httpx.get(f"{base}/whoami.json", headers=claimed).json()["authenticated_user"]
        assert who == "", name
        assert httpx.get(f"{base}/config.json", headers=claimed).status_code == 401
        assert oar.get("/whoami", headers=claimed).json()["authenticated_user"] == "admin"
    token = stranger_token(served)
    headers = {"Authorization": f"Bearer {token}", "X-Remote-Ident": "oar"}
    refused = httpx.get(f"{base}/admission_rules.json", headers=headers)
    assert refused.status_code == 401


def test_a_stranger_reads_lists_and_no_job(served: Served, oar: httpx.Client) -> None:
    """Sections 1 and 6.2: lists are public and tell no command, one job needs a login."""
    number = submitted(oar, command="echo secret")["id"]
    base = f"{served.url}/oarapi"
    reply = httpx.get(f"{base}/jobs/details.json", params={"ids": number})
    assert reply.status_code == 200, reply.text
    listed = reply.json()
    assert [item["command"] for item in listed["items"]] == [""]
    refused = httpx.get(f"{base}/jobs/{number}.json")
    assert refused.status_code == 401
    assert refused.json()["title"] == "Permission denied"
    assert refused.headers["www-authenticate"].startswith("Basic")
    who = httpx.get(f"{base}/whoami.json", headers={"X-Remote-Ident": "oar"}).json()
    assert who["authenticated_user"] == ""


def test_who_is_neither_owner_nor_administrator_changes_nothing(
    served: Served, oar: httpx.Client
) -> None:
    """Sections 1, 6.2 and 8: another's job is told without its command and left alone."""
    number = submitted(oar, command="sleep 60", hold=1)["id"]
    headers = {"Authorization": f"Bearer {stranger_token(served)}", "Accept": "application/json"}
    with httpx.Client(base_url=f"{served.url}/oarapi", headers=headers, timeout=30) as other:
        received = other.get(f"/jobs/{number}").json()
        assert (received["command"], received["initial_request"]) == ("", "")
        for reply in (
            other.delete(f"/jobs/{number}"),
            other.post(f"/jobs/{number}/resumptions/new"),
            other.post(f"/jobs/{number}/signals/12"),
            other.post(f"/jobs/{number}/resubmissions/new"),
        ):
            assert reply.status_code == 400, reply.text
            assert "not the right user" in reply.json()["message"]
        change = {"method": "walltime-change", "walltime": "+1"}
        assert other.post(f"/jobs/{number}", json=change).status_code == 403
        for path, body in (
            ("/resources", {"hostname": "mine"}),
            ("/resources/1/state", {"state": "Dead"}),
            ("/resources/generate", {"resources": "/nodes=a{1}"}),
        ):
            reply = other.post(path, json=body)
            assert reply.status_code == 401, reply.text
            assert "Only the oar user" in reply.json()["message"]
        assert other.delete("/resources/1").status_code == 401
        own = submitted(other, command="sleep 60")["id"]
        reached(other, own, "Running")
        refused = other.post(f"/jobs/{own}/rholds/new")
        assert refused.status_code == 400
        assert "only oar or root users can use '-r' option" in refused.json()["message"]
        assert other.post("/jobs", json={"command": "x", "queue": "admin"}).status_code == 400
        assert oar.delete(f"/jobs/{own}").status_code == 202, "the administrator may"
    assert job(oar, number)["state"] == "Hold"
    oar.delete(f"/jobs/{number}")


def test_fifty_submissions_at_once(oar: httpx.Client) -> None:
    """Section 18: none fails, none gets the id of another, none is left behind."""
    with ThreadPoolExecutor(50) as threads:
        numbers = list(threads.map(lambda _: submitted(oar)["id"], range(50)))
    assert len(set(numbers)) == 50
    ids = ":".join(map(str, numbers))
    wait_until_sync(
        lambda: oar.get("/jobs", params={"ids": ids, "state": "Terminated"}).json()["total"] == 50,
        "all to end",
        60,
    )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nope.json", 404),
        ("PATCH", "/jobs.json", 404),
        ("POST", "/jobs/1/state.json", 404),
        ("GET", "/select_all.json", 404),
        ("GET", "/jobs/0.json", 404),
        ("GET", "/jobs/999999999.json", 404),
        ("GET", "/jobs/99999999999999999999.json", 404),
        ("DELETE", "/jobs/999999999.json", 404),
        ("GET", "/resources/abc.json", 400),
        ("GET", "/resources/nodes/nowhere.json", 404),
    ],
)
def test_what_is_not_there(oar: httpx.Client, method: str, path: str, status: int) -> None:
    """Sections 3, 5 and 15: a hash with the code, whatever is asked."""
    reply = oar.request(method, path)
    assert reply.status_code == status, reply.text
    assert reply.json()["code"] == status


def test_a_page_of_html_shows_data_as_text(oar: httpx.Client) -> None:
    """Section 14: everything is escaped, and the page may load and run nothing."""
    number = submitted(oar, command="echo '<script>alert(1)</script>'", project="<b>")["id"]
    page = oar.get(f"/jobs/{number}.html")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "<b>" not in page.text
    assert f'href: <A HREF="/oarapi/jobs/{number}/nodes.html">' in page.text
