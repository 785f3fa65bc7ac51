"""OpenPAI over a running gateway: people, clusters and jobs as its clients ask for them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import httpx
import pytest

from tests.journeys.openpai import GUEST, Pai, config
from tests.support.served import Served
from tests.support.waiting import wait_until_sync


class People:
    """Makes users and logs them in; closes what they opened."""

    def __init__(self, served: Served, admin: Pai, guest: Pai) -> None:
        self._served, self._admin, self._guest = served, admin, guest
        self._stack = contextlib.ExitStack()

    def __call__(self, name: str, **more: object) -> Pai:
        """A user that is there from now on, logged in."""
        login = {"username": name, "password": f"secret-of-{name}"}
        assert self._admin("POST", "/v2/user", json=login | more) == (
            201,
            {"message": "User is created successfully"},
        )
        status, body = self._guest("POST", "/v1/token", json=login)
        assert status == 200, body
        assert (body["user"], body["admin"]) == (name, False)
        return self.with_token(body["token"])

    def with_token(self, token: str) -> Pai:
        """Whoever has the token."""
        client = Pai(self._served, token)
        self._stack.callback(client.http.close)
        return client

    def close(self) -> None:
        """Closes all connections."""
        self._stack.close()


@pytest.fixture(scope="module")
def people(served: Served, admin: Pai, guest: Pai) -> Iterator[People]:
    """Makes users."""
    found = People(served, admin, guest)
    yield found
    found.close()


def test_a_guest_sees_what_is_open_and_nothing_else(guest: Pai) -> None:
    """Contract 1.1, 0.3: information, jobs and clusters; everything else is 401."""
    assert guest("GET", "/v1/")[1]["name"] == "PAI RESTfulAPI"
    assert guest("GET", "/v1")[1]["launcherType"] == "yarn"
    assert guest("GET", "/v1/jobs")[0] == 200
    assert guest("GET", "/v1/virtual-clusters")[1]["default"]["status"] == "RUNNING"
    refused = (401, {"code": "UnauthorizedUserError", "message": GUEST})
    for method, path in (
        ("GET", "/v2/user"), ("GET", "/v2/group"), ("POST", "/v2/jobs"), ("GET", "/v2/jobs"),
        ("PUT", "/v1/virtual-clusters/x"), ("DELETE", "/v2/user/admin"), ("GET", "/v1/token"),
        ("POST", "/v1/user/admin/jobs"), ("PUT", "/v1/jobs/x/executionType"),
    ):  # fmt: skip
        assert guest(method, path) == refused, path


def test_unknown_addresses(guest: Pai, served: Served) -> None:
    """Contract 0.1: NoApiError for path and method alike, below both prefixes."""
    assert guest("GET", "/v1/nothing") == (
        404,
        {"code": "NoApiError", "message": "API /api/v1/nothing is not found."},
    )
    assert guest("PATCH", "/v1/jobs")[1]["code"] == "NoApiError"
    reply = httpx.get(f"{served.url}/rest-server/api/v1/virtual-clusters")
    assert reply.status_code == 200


def test_a_page_of_another_origin_may_ask(served: Served) -> None:
    """Contract 0.1: CORS for all, since tokens are the only credential."""
    reply = httpx.get(f"{served.url}/api/v1/jobs", headers={"Origin": "http://portal.example"})

    assert reply.headers["access-control-allow-origin"] == "*"


def test_wrong_logins(guest: Pai) -> None:
    """Contract 1.2, T1 and T2: codes and their two spellings."""
    body = {"username": "nobody9", "password": "whatever"}
    assert guest("POST", "/v1/token", json=body) == (
        400,
        {"code": "NoUserError", "message": "User nobody9 is not found."},
    )
    body = {"username": "admin", "password": "whatever"}
    assert guest("POST", "/v1/token", data=body)[1]["code"] == "IncorrectPassworkError"
    assert guest("POST", "/v2/authn/basic/login", json=body)[1]["code"] == "IncorrectPasswordError"
    assert guest("POST", "/v1/token", json={"username": "a b"})[1]["code"] == (
        "InvalidParametersError"
    )


def test_the_life_of_a_user(admin: Pai, people: People) -> None:
    """Contract 1.3: made, read, changed, and gone."""
    anna = people("anna", email="anna@example.com", extension={"a": 1})

    assert anna("GET", "/v2/user/anna")[1] == {
        "username": "anna",
        "email": "anna@example.com",
        "grouplist": ["default"],
        "virtualCluster": ["default"],
        "admin": False,
        "extension": {"a": 1},
        "storageConfig": [],
    }
    again = {"username": "anna", "password": "secret-of-anna"}
    assert admin("POST", "/v2/user", json=again) == (
        409,
        {"code": "ConflictUserError", "message": "User name anna already exists."},
    )
    assert anna("POST", "/v2/user", json={"username": "eve", "password": "long-enough"}) == (
        403,
        {"code": "ForbiddenUserError", "message": "Non-admin is not allow to do this operation."},
    )
    assert anna("PUT", "/v2/user/anna/email", json={"email": "a@b.org"}) == (
        201,
        {"message": "Update user email data successfully."},
    )
    assert anna("PUT", "/v2/user/anna/extension", json={"extension": {"b": 2}})[0] == 201
    assert anna("GET", "/v2/user/anna")[1]["extension"] == {"a": 1, "b": 2}
    wrong = {"oldPassword": "not-the-password", "newPassword": "another-secret"}
    assert anna("PUT", "/v2/user/anna/password", json=wrong) == (
        403,
        {"code": "ForbiddenUserError", "message": "Pls input the correct password."},
    )
    assert admin("PUT", "/v2/user/anna/admin", json={"admin": True})[0] == 201
    assert admin("DELETE", "/v2/user/anna") == (
        403,
        {"code": "RemoveAdminError", "message": "Admin anna is not allowed to remove."},
    )
    assert admin("PUT", "/v2/user/anna/admin", json={"admin": False})[0] == 201
    assert admin("DELETE", "/v2/user/anna") == (200, {"message": "user is removed successfully"})
    assert anna("GET", "/v2/user/admin")[0] == 401
    assert admin("GET", "/v2/user/anna") == (
        400,
        {"code": "NoUserError", "message": "User anna is not found."},
    )


def test_clusters_their_groups_and_their_quota(admin: Pai, people: People) -> None:
    """Contract 1.5, 3.2 and 3.3: shares come from the default cluster, groups with clusters."""
    path = "/v1/virtual-clusters"
    assert admin("PUT", f"{path}/vc1", json={"vcCapacity": 30}) == (
        201,
        {"message": "Update vc: vc1 to capacity: 30 successfully."},
    )
    assert admin("PUT", f"{path}/vc2", json={"vcCapacity": 71}) == (
        403,
        {"code": "NoEnoughQuotaError", "message": "No enough quota in default vc."},
    )
    found = admin("GET", path)[1]
    assert (found["vc1"]["capacity"], found["default"]["capacity"]) == (30, 70)
    assert admin("GET", "/v2/group/vc1")[1]["extension"]["acls"]["virtualClusters"] == ["vc1"]
    basil = people("basil")
    assert basil(
        "POST", "/v1/user/basil/jobs", json=config("no", "true", virtualCluster="vc1")
    ) == (
        403,
        {"code": "ForbiddenUserError", "message": "User basil is not allowed to add job to vc1"},
    )
    assert basil(
        "POST", "/v1/user/basil/jobs", json=config("no", "true", virtualCluster="none")
    ) == (
        400,
        {"code": "NoVirtualClusterError", "message": "Virtual cluster none is not found."},
    )
    put = admin("PUT", "/v2/user/basil/virtualcluster", json={"virtualCluster": ["vc1"]})
    assert put == (201, {"message": "Update user virtualCluster data successfully."})
    assert basil("GET", "/v2/user/basil")[1]["virtualCluster"] == ["default", "vc1"]
    assert (
        basil("POST", "/v1/user/basil/jobs", json=config("yes", "true", virtualCluster="vc1"))[0]
        == 202
    )
    basil.ended("/v1/user/basil/jobs/yes")
    assert admin("PUT", f"{path}/vc1/status", json={"vcStatus": "stopped"})[0] == 201
    assert (
        basil("POST", "/v1/user/basil/jobs", json=config("late", "true", virtualCluster="vc1"))[0]
        == 403
    )
    removed = (201, {"message": "Remove vc: vc1 successfully."})
    wait_until_sync(lambda: admin("DELETE", f"{path}/vc1") == removed, "the cluster to be free")
    assert admin("GET", "/v2/group/vc1")[1]["code"] == "NoGroupError"
    assert basil("GET", "/v2/user/basil")[1]["grouplist"] == ["default"]
    assert admin("DELETE", f"{path}/default")[1]["code"] == "ForbiddenUserError"


def test_a_job_from_submission_to_its_log(admin: Pai, guest: Pai, served: Served) -> None:
    """Contract 1.6 and 4.4: 202, visible at once, states, exit code, log links that just work."""
    sent = config("hello", "echo out; echo err >&2; exit 3")

    assert admin("POST", "/v1/user/admin/jobs", json=sent) == (
        202,
        {"message": "update job hello successfully"},
    )
    assert admin("POST", "/v1/user/admin/jobs", json=sent) == (
        409,
        {"code": "ConflictJobError", "message": "Job name hello already exists."},
    )
    assert guest("GET", "/v1/jobs/admin~hello")[0] == 200
    job = admin.ended("/v1/user/admin/jobs/hello")
    status = job["jobStatus"]
    assert (status["state"], status["appExitCode"]) == ("FAILED", 3)
    assert status["appExitTriggerTaskRoleName"] == "w"
    assert status["appExitMessages"]["runtime"] == {"exitCode": 255, "originalUserExitCode": 3}
    task = job["taskRoles"]["w"]["taskStatuses"][0]
    assert (task["taskState"], task["containerExitCode"]) == ("FAILED", 3)
    assert task["containerLog"].startswith(served.url)
    out = admin.http.get(f"{task['containerLog']}user.pai.stdout/?start=0")
    assert (out.text, out.headers["content-type"]) == ("out\n", "text/plain; charset=utf-8")
    assert admin.http.get(f"{task['containerLog']}user.pai.stderr?start=-2").text == "r\n"
    assert sorted(admin.http.get(f"{task['containerLog']}user.pai.all").text.split()) == [
        "err",
        "out",
    ]
    assert guest("GET", "/v1/user/admin/jobs/hello/config")[0] == 401
    assert admin("GET", "/v1/user/admin/jobs/hello/config")[1].startswith("{\n  ")
    row = next(one for one in guest("GET", "/v1/jobs")[1] if one["name"] == "hello")
    assert (row["username"], row["state"], row["virtualCluster"]) == ("admin", "FAILED", "default")
    assert admin("DELETE", "/v1/user/admin/jobs/hello")[0] == 202
    assert admin("GET", "/v1/user/admin/jobs/hello") == (
        404,
        {"code": "NoJobError", "message": "Job hello is not found."},
    )


def test_a_job_is_tagged_and_deleted_while_it_runs(people: People) -> None:
    """Contract 1.9 and J10: tags are listed, deletion ends a job and forgets it."""
    dora = people("dora")
    sent = config("tagged", "sleep 1000")
    assert dora("POST", "/v1/user/dora/jobs", json=sent)[0] == 202
    path = "/v2/jobs/dora~tagged"
    assert dora("PUT", f"{path}/tag", json={"value": "a,b"})[1]["code"] == "InvalidParametersError"
    assert dora("PUT", f"{path}/tag", json={"value": "green"})[0] == 200
    assert dora("PUT", "/v2/jobs/dora~none/tag", json={"value": "x"})[1]["code"] == "NoJobError"
    assert dora("GET", path)[1]["jobStatus"]["tags"] == ["green"]
    for query, names in (
        ("tagsContain=green,red", ["tagged"]),
        ("tagsContain=red", []),
        ("tagsNotContain=green", []),
        ("tagsNotContain=red", ["tagged"]),
    ):
        found = dora("GET", f"/v2/jobs?username=dora&{query}")[1]
        assert [one["name"] for one in found] == names, query
    carol = people("carol")
    for method, tail, body in (
        ("PUT", "/tag", {"value": "x"}),
        ("DELETE", "/tag", {"value": "green"}),
        ("PUT", "/executionType", {"value": "STOP"}),
        ("DELETE", "", None),
    ):
        status, received = carol(method, f"{path}{tail}", json=body)
        assert (status, received["code"]) == (403, "ForbiddenUserError"), (method, tail)
    assert dora("DELETE", f"{path}/tag", json={"value": "green"})[0] == 200
    assert dora("DELETE", f"{path}/tag", json={"value": "green"})[1]["code"] == "NoTagError"

    assert dora("DELETE", "/v1/user/dora/jobs/tagged") == (
        202,
        {"message": "deleted job tagged successfully"},
    )

    wait_until_sync(lambda: dora("GET", path)[0] == 404, "the job to be forgotten", timeout=40)
    assert dora("POST", "/v1/user/dora/jobs", json=sent)[0] == 202
    assert dora("DELETE", "/v1/user/dora/jobs/tagged")[0] == 202


def test_what_is_not_acted_on_is_an_event(admin: Pai) -> None:
    """Contract 5.4 and 4.2.4: images, plugins, HiveD and unknown names."""
    protocol = {
        "protocolVersion": 2,
        "name": "warned",
        "type": "job",
        "prerequisites": [{"name": "i", "type": "dockerimage", "uri": "base:1"}],
        "taskRoles": {
            "w": {
                "dockerImage": "i",
                "resourcePerInstance": {"cpu": 1, "memoryMB": 64, "gpu": 0},
                "commands": ["echo <% $parameters.none %>"],
            }
        },
        "extras": {
            "hivedScheduler": {"jobPriorityClass": "prod"},
            "com.microsoft.pai.runtimeplugin": [{"plugin": "ssh"}, {"plugin": "tensorboard"}],
        },
    }
    assert admin("POST", "/v2/jobs", json=protocol)[0] == 202
    admin.ended("/v2/jobs/admin~warned")

    found = admin("GET", "/v2/jobs/admin~warned/events?type=Warning")[1]

    said = "\n".join(one["message"] for one in found["data"])
    for word in ("base:1", "hivedScheduler", "tensorboard", "$parameters.none"):
        assert word in said, word
    assert "plugin ssh" not in said
    assert found["totalCount"] == len(found["data"]) == 4
    whole = admin("GET", "/v2/jobs/admin~warned/events")[1]
    assert whole["totalCount"] > 4
    assert {one["taskRoleName"] for one in whole["data"]} == {None, "w"}


def test_gpus_are_not_pretended(admin: Pai) -> None:
    """Contract 5.4: the job is accepted and fails with -7200 and the reason."""
    sent = config("gpu", "true")
    sent["taskRoles"] = [{"name": "w", "command": "echo never", "gpuNumber": 1}]
    assert admin("POST", "/v1/user/admin/jobs", json=sent)[0] == 202

    status = admin.ended("/v1/user/admin/jobs/gpu")["jobStatus"]

    assert (status["state"], status["appExitCode"]) == ("FAILED", -7200)
    assert "GPU" in status["appExitDiagnostics"]


@pytest.mark.parametrize(
    ("content", "kind", "code", "status"),
    [
        ("a: [", "text/yaml", "InvalidProtocolError", 400),
        ("- 1", "text/yaml", "InvalidProtocolError", 400),
        ("a: &x [*x]", "text/yaml", "InvalidProtocolError", 400),
        ("!!python/object:os.system {}", "text/yaml", "InvalidProtocolError", 400),
        ("x: 1\nx: 2", "text/yaml", "InvalidProtocolError", 400),
        ("", "text/yaml", "InvalidProtocolError", 400),
        ("\xff\xfe", "text/yaml", "InvalidProtocolError", 400),
        ("a: " + "x" * 300_000, "text/yaml", "InvalidParametersError", 413),
    ],
)
def test_protocols_that_are_none(
    admin: Pai, content: str, kind: str, code: str, status: int
) -> None:
    """Contract 1.8 and 4.2.3: an error of the dialect, whatever is sent."""
    data = content.encode("latin-1")
    found = admin("POST", "/v2/jobs", content=data, headers={"Content-Type": kind})

    assert (found[0], found[1]["code"]) == (status, code), found


def test_application_tokens(people: People) -> None:
    """Contract 1.2, T4: a program's token works, and buys no other."""
    carla = people("carla")
    status, body = carla("POST", "/v1/token/application")
    assert (status, body["application"]) == (200, True)
    program = people.with_token(body["token"])

    assert program("GET", "/v2/user/carla")[0] == 200
    assert program("POST", "/v1/token/application")[1] == {
        "code": "ForbiddenUserError",
        "message": "Applications are not allowed to do this operation.",
    }
    assert body["token"] in carla("GET", "/v1/token")[1]["tokens"]
    assert carla("DELETE", f"/v1/token/{body['token']}") == (
        200,
        {"message": "revoke successfully"},
    )
    assert program("GET", "/v2/user/carla")[0] == 401
