"""OpenPAI's rules that no other journey shows, by the section of the contract that makes them."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.auth.tokens import Tokens, load_key
from gateway.clock import now_ms
from gateway.data_paths import DataPaths
from protocol.accounts import Role
from tests.support.served import Served, admin_password
from tests.support.waiting import wait_until_sync

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def web(served: Served) -> Iterator[httpx.Client]:
    """The administrator."""
    with httpx.Client(base_url=f"{served.url}/api", headers=served.headers, timeout=40) as client:
        yield client


def job(name: str, command: str = "true", **role: object) -> dict[str, Any]:
    """A job of one task."""
    return {
        "jobName": name,
        "image": "",
        "taskRoles": [{"name": "w", "command": command, "memoryMB": 16, **role}],
    }


def ended(web: httpx.Client, name: str) -> dict[str, Any]:
    """The status of a job of the administrator that has ended."""

    def status() -> dict[str, Any]:
        found = web.get(f"/v1/user/admin/jobs/{name}").json()["jobStatus"]
        return dict(found)

    wait_until_sync(lambda: status()["completedTime"] is not None, "the job to end", timeout=60)
    return status()


def test_preflights(served: Served) -> None:
    """0.1: OPTIONS anywhere is 204 and names methods and the headers that were asked for."""
    for path in ("/api/v1/token", "/api/v2/jobs/a~b/executionType", "/rest-server/api/v2/users"):
        reply = httpx.options(
            served.url + path,
            headers={
                "Origin": "http://portal.example",
                "Access-Control-Request-Method": "PUT",
                "Access-Control-Request-Headers": "authorization,content-type",
            },
        )
        assert (reply.status_code, reply.content) == (204, b""), path
        assert reply.headers["access-control-allow-origin"] == "*"
        assert "PUT" in reply.headers["access-control-allow-methods"]
        assert "authorization" in reply.headers["access-control-allow-headers"].lower()
        plain = httpx.options(served.url + path, headers={"Origin": "http://portal.example"})
        assert (plain.status_code, plain.content) == (204, b""), path


def test_a_probe_finds_the_portal(served: Served, web: httpx.Client) -> None:
    """0.1 and 6.2: ``/healthz`` is 200, and the probe for protocol 2 gets any code but one."""
    assert httpx.get(f"{served.url}/healthz").status_code == 200
    probe = f"{served.url}/rest-server/api/v2/jobs/protocolversion/config"
    assert httpx.get(probe).json()["code"] != "NoApiError"
    assert web.get("/v2/jobs/protocolversion/config").json()["code"] == "NoJobError"


def test_every_reply_is_json_of_the_dialect(web: httpx.Client) -> None:
    """0.1 and 0.4: code and message, no stack, the type with its charset."""
    for method, path in (
        ("GET", "/v2/jobs/x:y"),
        ("POST", "/v2/jobs/a~b"),
        ("GET", "/v2/user/%20/none"),
        ("PUT", "/v2/user/admin"),
        ("GET", "/v1/virtual-clusters/a-b"),
        ("DELETE", "/v1/token/notatoken"),
        ("GET", "/v2/jobs?limit=50001"),
        ("GET", "/v2/jobs?limit=-1"),
        ("GET", "/v2/jobs?order=name"),
        ("PUT", "/v2/user/admin/email"),
        ("POST", "/v2/group"),
    ):
        reply = web.request(method, path)
        assert 400 <= reply.status_code < 500, (method, path, reply.status_code)
        assert reply.headers["content-type"] == "application/json; charset=utf-8", (method, path)
        assert set(reply.json()) == {"code", "message"}, (method, path)


def test_names_come_raw_and_encoded(web: httpx.Client) -> None:
    """0.1: ``~`` and ``%7E`` name the same job; a slash at the end means nothing."""
    assert web.post("/v1/user/admin/jobs", json=job("tilde.-_1")).status_code == 202
    for path in (
        "/v1/jobs/admin~tilde.-_1",
        "/v1/jobs/admin%7Etilde.-_1/",
        "/v1/jobs/admin%7etilde.-_1",
    ):
        assert web.get(path).json()["name"] == "admin~tilde.-_1", path


def test_a_body_with_a_read_is_ignored(web: httpx.Client) -> None:
    """0.2: the Python SDK sends ``{}`` with its reads, and JSON as its type."""
    kind = {"Content-Type": "application/json"}
    for path in ("/v1", "/v1/jobs", "/v1/virtual-clusters", "/v2/users/admin"):
        assert web.request("GET", path, content=b"{}", headers=kind).status_code == 200, path


def test_bodies_too_large(web: httpx.Client) -> None:
    """0.2: 413 with the code of the dialect."""
    sent = job("large", "x" * 3_000_000)
    reply = web.post("/v1/user/admin/jobs", json=sent)
    assert (reply.status_code, reply.json()["code"]) == (413, "InvalidParametersError")


def test_what_a_token_may_be(served: Served, web: httpx.Client) -> None:
    """0.4 and 2.1: expired, tampered and wrong tokens, and the scheme in any case."""

    def say(credential: str) -> tuple[int, str, str]:
        reply = httpx.get(f"{served.url}/api/v2/users", headers={"Authorization": credential})
        body = reply.json() if reply.status_code != 200 else {"code": "", "message": ""}
        return reply.status_code, body["code"], body["message"]

    code = "UnauthorizedUserError"
    assert say(f"bearer {served.token}")[0] == 200
    guest = (401, code, "Guest is not allowed to do this operation.")
    assert say("Bearer nothing") == guest
    assert say("Bearer a.b.c") == guest
    assert say(f"Token {served.token}") == guest
    old = Tokens(load_key(DataPaths.of(served.data).token_key), 60)
    expired = old.issue("admin", Role.ADMIN, now_ms() - 3_600_000, 60).token
    assert say(f"Bearer {expired}") == (401, code, "Your token is expired.")
    assert say(f"Bearer {served.token[:-6]}AAAAAA") == (401, code, "Your token is invalid.")
    extra = web.post("/v1/token/application").json()["token"]
    assert web.delete(f"/v1/token/{extra}").status_code == 200
    assert say(f"Bearer {extra}") == (401, code, "Your token is invalid.")


def test_lives_of_tokens(served: Served, web: httpx.Client) -> None:
    """1.2 and 2.2: the expiration is honoured and bounded, and told by ``check``."""
    password = admin_password(served.data)
    login = {"username": "admin", "password": password}
    for bad in (59, 604_801, "x", True, 1.5):
        reply = web.post("/v1/token", json={**login, "expiration": bad})
        assert reply.json()["code"] == "InvalidParametersError", bad
    assert web.post("/v1/token", json={**login, "more": 1}).status_code == 400
    token = web.post("/v1/token", json={**login, "expiration": "120"}).json()["token"]
    claims = web.get("/v1/token/check", headers={"Authorization": f"Bearer {token}"}).json()
    assert claims["exp"] - claims["iat"] == 120
    assert (claims["username"], claims["admin"], claims["application"]) == ("admin", True, False)
    again = web.post("/v1/token", json=login).json()["token"]
    assert again != web.post("/v1/token", json=login).json()["token"]


def test_only_one_of_two_submissions(web: httpx.Client) -> None:
    """4.8: at the same time one is accepted and the others are told of it."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        codes = list(
            pool.map(
                lambda _: web.post("/v1/user/admin/jobs", json=job("race")).status_code, range(4)
            )
        )
    assert sorted(codes) == [202, 409, 409, 409]


def test_stop_and_start_at_any_time(web: httpx.Client) -> None:
    """4.8: STOP is repeatable and flips the type of a job that has ended, changing no state."""
    assert web.post("/v1/jobs", json=job("finished", "exit 5")).status_code == 202
    assert ended(web, "finished")["state"] == "FAILED"
    path = "/v1/user/admin/jobs/finished/executionType"
    for value in ("STOP", "STOP", "START", "STOP"):
        assert web.put(path, json={"value": value}).status_code == 200, value
        assert ended(web, "finished")["executionType"] == value
        row = next(one for one in web.get("/v1/jobs").json() if one["name"] == "finished")
        assert row["executionType"] == value
    status = ended(web, "finished")
    assert (status["state"], status["appExitCode"]) == ("FAILED", 5)
    assert web.put("/v2/jobs/admin~finished/executionType", json={"value": "STOP"}).json() == {
        "status": 202,
        "message": "Execute job admin~finished successfully.",
    }
    wrong: tuple[Any, ...] = ({}, {"value": "PAUSE"}, {"value": 1}, [])
    for bad in wrong:
        reply = web.put(path, json=bad)
        assert (reply.status_code, reply.json()["code"]) == (400, "InvalidParametersError"), bad


def test_a_job_waits_with_a_reason(web: httpx.Client) -> None:
    """5.3 and 7: a job that is bigger than its cluster's ceiling waits, and says why."""
    put = web.put("/v1/virtual-clusters/narrow", json={"vcCapacity": 1})
    assert put.status_code == 201, put.text
    sent = {**job("wide", taskNumber=3), "virtualCluster": "narrow"}
    assert web.post("/v1/user/admin/jobs", json=sent).status_code == 202
    path = "/v1/user/admin/jobs/wide"

    def reason() -> str:
        return str(web.get(path).json()["jobStatus"]["appExitDiagnostics"])

    wait_until_sync(lambda: reason() != "", "a reason", timeout=40)
    assert web.get(path).json()["jobStatus"]["state"] == "WAITING"
    busy = web.delete("/v1/virtual-clusters/narrow")
    assert (busy.status_code, busy.json()["code"]) == (403, "RemoveRunningVcError")
    assert web.put(f"{path}/executionType", json={"value": "STOP"}).status_code == 200
    status = ended(web, "wide")
    assert (status["state"], status["appExitCode"]) == ("STOPPED", -7351)
    assert status["appLaunchedTime"] is None
    wait_until_sync(
        lambda: web.delete("/v1/virtual-clusters/narrow").status_code == 201, "a free cluster"
    )


@pytest.mark.parametrize(
    ("name", "role"),
    [("huge.cores", {"cpuNumber": 100_000}), ("huge.memory", {"memoryMB": 1_000_000_000})],
)
def test_what_this_node_can_never_give(web: httpx.Client, name: str, role: dict[str, Any]) -> None:
    """5.3: the job is accepted and has failed at once, with -7200 and the limit."""
    sent = job(name)
    sent["taskRoles"][0] |= role
    reply = web.post("/v1/user/admin/jobs", json=sent)
    assert reply.status_code == 202, reply.text
    status = ended(web, name)
    assert (status["state"], status["appExitCode"]) == ("FAILED", -7200)
    assert status["appExitDiagnostics"]


def test_configurations_come_back(web: httpx.Client) -> None:
    """4.6: the form that was sent, before its defaults, and as a protocol that can be submitted."""
    sent = {**job("first", "echo $A"), "jobEnvs": {"A": "x y"}, "retryCount": 1}
    assert web.post("/v1/user/admin/jobs", json=sent).status_code == 202
    shown = web.get("/v1/user/admin/jobs/first/config")
    assert (shown.headers["content-type"], shown.json()) == ("text/plain; charset=utf-8", sent)
    protocol = web.get("/v2/jobs/admin~first/config")
    assert protocol.headers["content-type"] == "text/yaml; charset=utf-8"
    again = protocol.text.replace("name: first", "name: second", 1)
    reply = web.post("/v2/jobs", content=again, headers={"Content-Type": "text/yaml"})
    assert reply.status_code == 202, reply.text
    ended(web, "second")
    task = web.get("/v1/user/admin/jobs/second").json()["taskRoles"]["w"]["taskStatuses"][0]
    assert web.get(f"{task['containerLog']}user.pai.stdout").text.splitlines()[-1] == "x y"
    same = web.get("/v1/user/admin/jobs/second/config")
    assert (same.headers["content-type"], same.text) == ("text/plain; charset=utf-8", again)


def test_names_that_no_job_may_have(web: httpx.Client) -> None:
    """4.1.1 and 10: names are segments of addresses, in the body and in the address alike."""
    for name in (".", "..", "a b", "a~b", "", "a/b", "\u00e9"):
        reply = web.post("/v1/user/admin/jobs", json=job(name))
        assert (reply.status_code, reply.json()["code"]) == (400, "InvalidParametersError"), name
    for path in ("/v1/user/admin/jobs/a b", "/v1/jobs/admin~\u00e9", "/v1/jobs/a~b~c"):
        reply = web.put(path, json=job("good"))
        assert (reply.status_code, reply.json()["code"]) == (400, "InvalidParametersError"), path
    none = web.post("/v1/user/nobody/jobs", json=job("good"))
    assert (none.status_code, none.json()) == (
        404,
        {"code": "NoUserError", "message": "User nobody is not found."},
    )


def test_what_must_stay(web: httpx.Client) -> None:
    """1.4 and 10: the administrators' group, and a token that is none is no login that ended."""
    for method, path, body in (
        ("DELETE", "/v2/group/default", None),
        ("DELETE", "/v2/group/admin", None),
        ("PUT", "/v2/group/admin/extension/acls/admin", {"data": False}),
    ):
        reply = web.request(method, path, json=body)
        assert (reply.status_code, reply.json()["code"]) == (403, "ForbiddenUserError"), path
    reply = web.delete("/v1/token/a.b.c")
    assert (reply.status_code, reply.json()["code"]) == (400, "InvalidParametersError")


def test_paths_that_nobody_can_read(served: Served) -> None:
    """0.1 and 0.4: a decoded slash, a NUL, bytes that are no text; refused by the dialect."""
    for path in ("v2/jobs/a%2fb", "v1/user/%00/jobs", "v2/user/%ff", "v1/%zz"):
        for prefix in ("api", "rest-server/api"):
            reply = httpx.get(f"{served.url}/{prefix}/{path}")
            assert (reply.status_code, reply.json()["code"]) == (400, "InvalidParametersError")


def test_guests_learn_of_no_configuration(served: Served) -> None:
    """0.3 and errata: a guest is refused before existence is told, and sends no long body."""
    for path in ("/v2/jobs/none~none", "/v2/jobs/none~none/config", "/v2/user/none"):
        assert httpx.get(f"{served.url}/api{path}").status_code == 401, path


def test_the_location_of_a_job(served: Served, web: httpx.Client) -> None:
    """1.6, J4 to J6: the header, the name in the address, and the caller's own namespace."""
    made = web.put("/v1/jobs/located", json=job("another"))
    assert (made.status_code, made.json()) == (
        202,
        {"message": "update job located successfully"},
    )
    assert made.headers["location"].endswith("/jobs/located")
    row = web.get("/v1/jobs/admin~located").json()
    assert row["jobStatus"]["username"] == "admin"
    assert httpx.get(f"{served.url}/api/v1/user/nobody/jobs").json() == []


def test_a_program_manages_nobody(web: httpx.Client) -> None:
    """3.2, the permission matrix: an administrator's application token submits and reads alone."""
    token = web.post("/v1/token/application").json()["token"]
    program = {"Authorization": f"Bearer {token}"}
    user = {"username": "eve", "password": "long-enough"}
    calls: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("POST", "/v2/user", user),
        ("PUT", "/v2/user/admin/password", {"newPassword": "long-enough"}),
        ("POST", "/v2/group", {"groupname": "made"}),
        ("PUT", "/v1/virtual-clusters/made", {"vcCapacity": 1}),
        ("PUT", "/v1/virtual-clusters/made/status", {"vcStatus": "stopped"}),
        ("DELETE", "/v1/virtual-clusters/made", {}),
    )
    for method, path, body in calls:
        reply = web.request(method, path, json=body, headers=program)
        assert (reply.status_code, reply.json()["code"]) == (403, "ForbiddenUserError"), path
    assert web.get("/v2/user/eve").json()["code"] == "NoUserError"
    assert web.get("/v1/virtual-clusters/made").status_code == 404
    sent = web.post("/v1/user/admin/jobs", json=job("program"), headers=program)
    assert sent.status_code == 202, sent.text
    assert web.get("/v2/user/admin", headers=program).status_code == 200


def test_nobody_else_submits_into_a_namespace(web: httpx.Client) -> None:
    """3.2 and 10: a user's own namespace alone, and an administrator into any."""
    login = {"username": "frank", "password": "long-enough"}
    assert web.post("/v2/user", json=login).status_code == 201
    token = web.post("/v1/token", json=login).json()["token"]
    frank = {"Authorization": f"Bearer {token}"}
    reply = web.post("/v1/user/admin/jobs", json=job("foreign"), headers=frank)
    assert (reply.status_code, reply.json()["code"]) == (403, "ForbiddenUserError"), reply.text
    assert web.get("/v1/user/admin/jobs/foreign").status_code == 404
    other = {"newPassword": "long-enough", "oldPassword": "long-enough"}
    taken = web.put("/v2/user/admin/password", json=other, headers=frank)
    assert taken.status_code == 403, taken.text
    assert web.post("/v1/user/frank/jobs", json=job("given")).status_code == 202
    assert web.get("/v1/user/frank/jobs/given").json()["jobStatus"]["username"] == "frank"
    status = web.put("/v2/user/frank/email", json={"email": "no address"}, headers=frank)
    assert status.json()["code"] == "InvalidParametersError"
