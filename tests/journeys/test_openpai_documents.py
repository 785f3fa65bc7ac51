"""What OpenPAI's documents say of lists, states, codes, people and variables, as it really is."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.journeys.openpai import Pai, config
from tests.support.served import Served
from tests.support.waiting import wait_until_sync

ROW = {
    "name", "username", "state", "subState", "executionType", "retries", "retryDetails",
    "createdTime", "completedTime", "appExitCode", "virtualCluster", "totalGpuNumber",
    "totalTaskNumber", "totalTaskRoleNumber", "debugId", "frameworkName", "tags", "jobPriority",
    "retryDelayTime", "submissionTime", "launchedTime",
}  # fmt: skip


def test_what_there_is_none_of(admin: Pai, served: Served) -> None:
    """1.1, 1.5 V6 and V7, 1.9, 2.4: true answers of a node without GPUs, storages and OIDC."""
    for path, shown in (
        ("/v2/storages", {"storages": []}),
        ("/v2/cluster/sku-types", {}),
        ("/v2/alerts", []),
        ("/v2/kubernetes/nodes", {"kind": "NodeList", "items": []}),
        ("/v2/kubernetes/pods", {"kind": "PodList", "items": []}),
    ):
        assert admin("GET", path) == (200, shown), path
        assert httpx.get(f"{served.url}/api{path}").status_code == 401, path
    for version in ("v1", "v2"):
        clusters = f"/{version}/virtual-clusters"
        (node,) = admin("GET", f"{clusters}/nodeResource")[1].values()
        assert node == {"gpuTotal": 0, "gpuUsed": 0, "gpuAvaiable": 0}
        for path in (f"{clusters}/resourceUnits", f"{clusters}/default/resourceUnits"):
            assert admin("GET", path)[1]["code"] == "NotImplemented" + "Error"
        assert admin("GET", f"/{version}/authn/info")[1]["authn_type"] == "basic"
        for path in ("login", "return", "logout"):
            found = admin("GET", f"/{version}/authn/oidc/{path}")
            assert (found[0], found[1]["code"]) == (404, "NoApiError"), path
    assert admin("GET", "/v2/storages/none")[1]["code"] == "NoStorageError"
    for path in ("/v1/kubernetes/api", "/v2/template/x", "/v2/storage/x"):
        assert admin("GET", path)[1]["code"] == "NoApiError", path
    assert admin("GET", "/v2/info") == admin("GET", "/v1")
    assert admin("GET", "/v2")[0] == 200


def test_lists_are_filtered_ordered_and_cut(admin: Pai) -> None:
    """1.7 K3 and 4.3: every filter, the order, pages with their count, legacy jobs apart."""
    old = {
        "jobName": "x",
        "image": "i",
        "codeDir": "c",
        "taskRoles": config("", "true")["taskRoles"],
    }
    assert admin("PUT", "/job/listed_old", json=old)[0] == 200
    for name in ("listed.b", "listed.a", "listed.c"):
        assert admin("POST", "/v1/user/admin/jobs", json=config(name, "true"))[0] == 202
    for name in ("admin~listed.a", "admin~listed.b", "admin~listed.c", "listed_old"):
        admin.ended(f"/v1/jobs/{name}")

    def names(query: str, path: str = "/v2/jobs") -> list[str]:
        status, found = admin("GET", f"{path}?keyword=listed&{query}")
        assert status == 200, found
        return [one["name"] for one in found]

    newest = ["listed.c", "listed.a", "listed.b"]
    assert names("") == [*newest, "listed_old"]
    assert names("", "/v1/jobs") == [*newest, "listed_old"]
    assert names("", "/v1/user/admin/jobs") == newest
    assert names("order=jobName,ASC") == ["listed.a", "listed.b", "listed.c", "listed_old"]
    assert names("order=jobName,DESC&limit=2&offset=1") == ["listed.c", "listed.b"]
    assert names("state=SUCCEEDED,FAILED&vc=default&username=admin,nobody") == names("")
    for none in ("state=RUNNING", "vc=other", "username=nobody", "jobPriority=prod"):
        assert names(none) == [], none
    counted = admin("GET", "/v2/jobs?keyword=listed&limit=1&withTotalCount=true")[1]
    assert (counted["totalCount"], len(counted["data"])) == (4, 1)
    rows = admin("GET", "/v1/jobs?keyword=listed")[1]
    assert [set(row) - ROW for row in rows] == [set(), set(), set(), {"legacy"}]
    assert all(set(row) >= ROW and isinstance(row["createdTime"], int) for row in rows)
    assert admin("DELETE", "/v1/jobs/listed_old")[0] == 202


@pytest.mark.parametrize(
    ("name", "command", "code", "phrase"),
    [
        ("code7", "exit 7", 7, "CONTAINER_RUNTIME_UNKNOWN_FAILURE"),
        ("kill9", "kill -9 $$", 137, "CONTAINER_KILLED_BY_SIGKILL"),
        ("segv", "kill -SEGV $$", 139, "CONTAINER_KILLED_BY_SIGSEGV"),
    ],
)
def test_codes_are_those_of_the_process(
    admin: Pai, name: str, command: str, code: int, phrase: str
) -> None:
    """4.5: of a job that of the task which decided, with its specification; 4.2.5: no retry."""
    assert admin("POST", "/v1/user/admin/jobs", json=config(name, command))[0] == 202
    job = admin.ended(f"/v1/user/admin/jobs/{name}")
    status = job["jobStatus"]
    assert (status["state"], status["appExitCode"], status["subState"]) == (
        "FAILED",
        code,
        "FRAMEWORK_COMPLETED",
    )
    assert (status["appExitSpec"]["phrase"], status["appExitSpec"]["code"]) == (phrase, code)
    assert status["appExitMessages"]["runtime"]["originalUserExitCode"] == code
    assert status["appProgress"] == 1
    assert job["taskRoles"]["w"]["taskStatuses"][0]["containerExitCode"] == code


def test_a_role_that_succeeded_ends_the_others(admin: Pai) -> None:
    """4.5, completion: the first trigger wins, the rest is stopped with -7400."""
    roles = [
        {"name": "done", "command": "true", "minSucceededTaskCount": 1},
        {"name": "never", "command": "sleep 1000", "minFailedTaskCount": None, "taskNumber": 2},
    ]
    sent = {"jobName": "enough", "image": "", "taskRoles": roles}
    assert admin("POST", "/v1/user/admin/jobs", json=sent)[0] == 202
    job = admin.ended("/v1/user/admin/jobs/enough")
    status = job["jobStatus"]
    assert (status["state"], status["appExitCode"]) == ("SUCCEEDED", 0)
    assert (status["appExitTriggerTaskRoleName"], status["appExitTriggerTaskIndex"]) == ("done", 0)
    assert status["appExitTriggerMessage"]
    codes = [one["containerExitCode"] for one in job["taskRoles"]["never"]["taskStatuses"]]
    assert codes == [-7400, -7400]


def test_the_old_generation_counts_ends(admin: Pai) -> None:
    """4.1.0: when so many tasks have completed the rest is stopped, whatever role they are of."""
    roles = [
        {"name": "ps", "taskNumber": 1, "command": "sleep 1000"},
        {"name": "w", "taskNumber": 2, "command": "echo $PAI_KILL_ALL_ON_COMPLETED_TASK_NUM"},
    ]
    sent: dict[str, Any] = {
        "jobName": "x", "image": "i", "codeDir": "c", "taskRoles": roles,
        "killAllOnCompletedTaskNumber": 2,
    }  # fmt: skip
    assert admin("PUT", "/job/oldcount", json=sent)[0] == 200
    job = admin.ended("/v1/jobs/oldcount")
    assert job["jobStatus"]["state"] == "SUCCEEDED"
    assert job["taskRoles"]["ps"]["taskStatuses"][0]["containerExitCode"] == -7400
    log = job["taskRoles"]["w"]["taskStatuses"][1]["containerLog"]
    assert httpx.get(f"{log}user.pai.stdout").text == "2\n"
    assert admin("DELETE", "/job/oldcount")[0] == 200


def test_the_variables_of_a_process(admin: Pai) -> None:
    """4.9: what a process sees of itself is what the job's document says of it."""
    port = {"label": "web.1", "portNumber": 2}
    role = {"name": "a.b", "command": "env; pwd", "portList": [port], "taskNumber": 2}
    sent = {"jobName": "vars", "image": "", "taskRoles": [role], "jobEnvs": {"X.Y": "z"}}
    submitted = admin("POST", "/v1/user/admin/jobs", json=sent)
    assert submitted[0] == 202, submitted
    job = admin.ended("/v1/user/admin/jobs/vars")
    for index, task in enumerate(job["taskRoles"]["a.b"]["taskStatuses"]):
        lines = httpx.get(f"{task['containerLog']}user.pai.stdout").text.splitlines()
        seen = dict(line.split("=", 1) for line in lines[:-1] if "=" in line)
        ports = task["containerPorts"]
        assert seen["PAI_CONTAINER_ID"] == task["containerId"]
        assert seen["APP_ID"] == job["jobStatus"]["appId"]
        assert seen["PAI_WORK_DIR"] == lines[-1]
        assert seen["PAI_TASK_INDEX"] == str(index)
        assert seen["PAI_JOB_NAME"] == "admin~vars"
        assert seen[f"PAI_PORT_LIST_a_b_{index}_web_1"] == ports["web.1"]
        assert seen["PAI_CONTAINER_HOST_PORT"] == ports["http"]
        assert seen["X_Y"] == "z"
        assert len(ports["web.1"].split(",")) == 2
    given = [task["containerPorts"]["http"] for task in job["taskRoles"]["a.b"]["taskStatuses"]]
    assert len(set(given)) == 2


def test_a_stop_is_seen_at_once(admin: Pai) -> None:
    """4.5: STOPPING on the second generation's routes, RUNNING with STOP on the first's."""
    deaf = "trap '' TERM; echo deaf; while :; do sleep 0.2; done"
    assert admin("POST", "/v1/user/admin/jobs", json=config("ending", deaf))[0] == 202
    first, second = "/v1/user/admin/jobs/ending", "/v2/jobs/admin~ending"
    logs = f"{second}/attempts/0/taskRoles/w/taskIndex/0/attempts/0/logs/user.pai.stdout"
    wait_until_sync(lambda: admin("GET", logs)[1] == "deaf\n", "the task to be deaf", timeout=60)
    assert admin("PUT", f"{second}/executionType", json={"value": "STOP"})[0] == 202
    status = admin("GET", first)[1]["jobStatus"]
    assert (status["executionType"], status["state"]) in {("STOP", "RUNNING"), ("STOP", "STOPPED")}
    assert admin("GET", second)[1]["jobStatus"]["state"] in {"STOPPING", "STOPPED"}
    job = admin.ended(first, 60)
    assert job["jobStatus"]["appExitSpec"]["phrase"] == "APP_STOP_FRAMEWORK_REQUESTED"
    assert admin("PUT", f"{first}/executionType", json={"value": "START"})[0] == 200
    again = admin("GET", first)[1]["jobStatus"]
    assert (again["state"], again["executionType"]) == ("STOPPED", "START")


def test_keys_of_users_are_for_themselves(admin: Pai, served: Served) -> None:
    """3.1 and 10: what is secret in an extension is told to its user and to administrators."""
    for name in ("keyann", "keybob"):
        body = {"username": name, "password": f"secret-of-{name}"}
        assert admin("POST", "/v2/user", json=body)[0] == 201
    extension = {"extension": {"jobSSH": {"key": "k"}, "sshKeys": ["s"], "theme": "dark"}}
    assert admin("PUT", "/v2/user/keyann/extension", json=extension)[0] == 201

    def seen(name: str) -> tuple[set[str], set[str]]:
        login = {"username": name, "password": f"secret-of-{name}"}
        token = httpx.post(f"{served.url}/api/v1/token", json=login).json()["token"]
        client = Pai(served, token)
        one = client("GET", "/v2/user/keyann")[1]["extension"]
        rows = client("GET", "/v2/user")[1]
        client.http.close()
        (listed,) = (row["extension"] for row in rows if row["username"] == "keyann")
        assert "password" not in str(rows)
        return set(one), set(listed)

    every = {"jobSSH", "sshKeys", "theme"}
    assert seen("keyann") == (every, every)
    assert seen("keybob") == ({"theme"}, {"theme"})
    assert set(admin("GET", "/v2/user/keyann")[1]["extension"]) == every
