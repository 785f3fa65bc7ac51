"""Tasks of OpenPAI's jobs: ports, secrets, tries, stops and logs of each instance of each role."""

from __future__ import annotations

import contextlib
from pathlib import Path

import httpx

from tests.journeys.openpai import GUEST, Pai, config
from tests.support.waiting import wait_until_sync

PROTOCOL = """
protocolVersion: 2
name: pair
type: job
prerequisites:
  - {name: image, type: dockerimage, uri: "openpai/base"}
parameters: {word: hello}
secrets: {key: very-secret-value}
taskRoles:
  server:
    instances: 1
    completion: {minSucceededInstances: 1}
    dockerImage: image
    resourcePerInstance: {cpu: 1, memoryMB: 64, gpu: 0, ports: {web: 1}}
    commands:
      - |
        python3 - <<'EOF'
        import os, socket
        port = int(os.environ["PAI_PORT_LIST_server_0_web"])
        listener = socket.create_server(("127.0.0.1", port))
        for _ in range(2):
            peer, _ = listener.accept()
            print(peer.recv(100).decode(), flush=True)
            peer.close()
        EOF
  worker:
    instances: 2
    completion: {minFailedInstances: 2}
    dockerImage: image
    resourcePerInstance: {cpu: 1, memoryMB: 64, gpu: 0}
    commands:
      - echo the key is <% $secrets.key %>
      - |
        python3 - <<'EOF'
        import os, socket, time
        end = time.time() + 20
        while True:
            try:
                port = int(os.environ["PAI_PORT_LIST_server_0_web"])
                peer = socket.create_connection((os.environ["PAI_HOST_IP_server_0"], port))
                break
            except OSError:
                if time.time() > end:
                    raise
        peer.sendall(("<% $parameters.word %> " + os.environ["PAI_TASK_INDEX"]).encode())
        peer.close()
        EOF
"""


def test_two_roles_reach_each_other(admin: Pai) -> None:
    """Contract 4.2 and 4.9: ports are free and told to all, tags are filled in, secrets hidden."""
    assert admin("POST", "/v2/jobs", content=PROTOCOL, headers={"Content-Type": "text/yaml"}) == (
        202,
        {"message": "update job pair successfully"},
    )

    job = admin.ended("/v2/jobs/admin~pair")

    assert job["jobStatus"]["state"] == "SUCCEEDED", job
    assert "image openpai/base is not used" in job["jobStatus"]["appExitDiagnostics"]
    server = job["taskRoles"]["server"]["taskStatuses"][0]
    said = admin.http.get(f"{server['containerLog']}user.pai.stdout").text
    assert sorted(said.splitlines()) == ["hello 0", "hello 1"]
    worker = job["taskRoles"]["worker"]["taskStatuses"][0]
    log = admin.http.get(f"{worker['containerLog']}user.pai.all").text
    assert "very-secret-value" not in log
    assert "the key is ******" in log
    shown = admin("GET", "/v2/jobs/admin~pair/config")[1]
    assert "very-secret-value" not in shown
    assert 'secrets: "******"' in shown or "secrets: '******'" in shown


SERVED = """
protocolVersion: 2
name: served
type: job
prerequisites: [{name: none, type: dockerimage, uri: none}]
taskRoles:
  server:
    dockerImage: none
    resourcePerInstance: {cpu: 1, memoryMB: 64, gpu: 0, ports: {web: 1}}
    commands:
      - |
        exec python3 - <<'EOF'
        import os, socket
        listener = socket.create_server(("", int(os.environ["PAI_PORT_LIST_server_0_web"])))
        while True:
            peer, _ = listener.accept()
            print(peer.recv(100).decode(), flush=True)
            peer.close()
        EOF
  worker:
    instances: 2
    taskRetryCount: 1
    dockerImage: none
    resourcePerInstance: {cpu: 1, memoryMB: 64, gpu: 0}
    commands:
      - |
        until { exec 3<>"/dev/tcp/$PAI_HOST_IP_server_0/$PAI_PORT_LIST_server_0_web"; } 2>/dev/null
        do sleep 0.1; done
        printf '%s' "worker $PAI_TASK_INDEX try $NARTHEX_TRY" >&3
      - '[ "$PAI_TASK_INDEX" = 0 ] || [ "$NARTHEX_TRY" = 2 ] || exit 5'
      - '[ "$PAI_TASK_INDEX" = 0 ] || exec sleep 1000'
      - |
        trap '' TERM
        echo deaf
        while :; do sleep 1000; done
"""


def processes(job: str) -> list[str]:
    """The processes that have the environment of a job."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and f"PAI_JOB_NAME={job}".encode() in (
                (entry / "environ").read_bytes().split(b"\0")
            ):
                found.append(entry.name)
    return found


def test_two_roles_run_retry_and_are_stopped(admin: Pai) -> None:
    """Contract 4.2.5, 4.5, 4.8, 4.9: reached by port, retried by policy, stopped although deaf."""
    text = {"Content-Type": "text/yaml"}
    assert admin("POST", "/v2/jobs", content=SERVED, headers=text)[0] == 202
    path = "/v2/jobs/admin~served"

    def log(role: str, index: int, attempt: int = 0) -> str:
        place = f"{path}/attempts/0/taskRoles/{role}/taskIndex/{index}/attempts/{attempt}/logs"
        return str(admin("GET", f"{place}/user.pai.stdout")[1])

    # Each worker reaches the server; the one that fails is tried again, and reaches it again.
    expected = ["worker 0 try 1", "worker 1 try 1", "worker 1 try 2"]
    wait_until_sync(
        lambda: sorted(log("server", 0).splitlines()) == expected, "the workers", timeout=60
    )
    wait_until_sync(lambda: log("worker", 0) == "deaf\n", "a worker to be deaf", timeout=60)
    running = admin("GET", path)[1]
    assert running["jobStatus"]["state"] == "RUNNING"
    assert len(processes("admin~served")) >= 3

    for _ in range(2):  # a stop may be repeated
        assert admin("PUT", f"{path}/executionType", json={"value": "STOP"})[0] == 202
    job = admin.ended(path, 60)

    status = job["jobStatus"]
    assert (status["state"], status["appExitCode"], status["retries"]) == ("STOPPED", -7351, 0)
    assert (status["executionType"], status["appExitType"]) == ("STOP", "USER_STOP")
    assert status["appExitSpec"]["phrase"] == "APP_STOP_FRAMEWORK_REQUESTED"
    tasks = [one for role in job["taskRoles"].values() for one in role["taskStatuses"]]
    assert [(one["taskState"], one["containerExitCode"]) for one in tasks] == [
        ("STOPPED", -7400)
    ] * 3
    assert [one["retries"] for one in tasks] == [0, 0, 1]
    tried = admin("GET", f"{path}/attempts/0/taskRoles/worker/taskIndex/1/attempts")[1]
    assert [one["containerExitCode"] for one in tried["attempts"]] == [-7400, 5]
    ports = {one["containerPorts"]["http"] for one in tried["attempts"]}
    assert len(ports) == 1
    assert processes("admin~served") == []


def test_a_task_is_tried_again_by_itself(admin: Pai) -> None:
    """Contract 4.2.5 and 1.9: tries of one task in one attempt of the job, each with its log."""
    resources = {"cpu": 1, "memoryMB": 64, "gpu": 0}
    again = 'echo "try $NARTHEX_TRY"; [ "$NARTHEX_TRY" -ge 3 ] || exit 9'
    role = {"dockerImage": "i", "resourcePerInstance": resources}
    protocol = {
        "protocolVersion": 2,
        "name": "again",
        "type": "job",
        "prerequisites": [{"name": "i", "type": "dockerimage", "uri": "base:1"}],
        "taskRoles": {
            "flaky": {**role, "taskRetryCount": 2, "commands": [again]},
            "steady": {**role, "commands": ["sleep 2"]},
        },
    }
    assert admin("POST", "/v2/jobs", json=protocol)[0] == 202

    job = admin.ended("/v2/jobs/admin~again")

    status = job["jobStatus"]
    assert (status["state"], status["retries"], status["attemptId"]) == ("SUCCEEDED", 0, 0)
    task = job["taskRoles"]["flaky"]["taskStatuses"][0]
    assert (task["retries"], task["accountableRetries"], task["containerExitCode"]) == (2, 2, 0)
    assert job["taskRoles"]["steady"]["taskStatuses"][0]["retries"] == 0
    path = "/v2/jobs/admin~again/attempts/0/taskRoles/flaky/taskIndex/0/attempts"
    history = admin("GET", path)[1]
    assert [(one["attemptId"], one["containerExitCode"]) for one in history["attempts"]] == [
        (2, 0),
        (1, 9),
        (0, 9),
    ]
    for one in history["attempts"]:
        said = httpx.get(f"{one['containerLog']}user.pai.stdout").text
        assert said == f"try {one['attemptId'] + 1}\n"
    assert admin("GET", f"{path}/3/logs")[1]["code"] == "NoTaskLogError"


def test_log_links_need_nothing_else(admin: Pai, guest: Pai) -> None:
    """Contract 4.4 and 7: a link of a detail opens in a browser: all, from a byte, the tail."""
    sent = config("linked", "echo 0123456789; seq 4000 | tr '\\n' ' '; echo end >&2")
    assert admin("POST", "/v1/user/admin/jobs", json=sent)[0] == 202
    folder = admin.ended("/v1/user/admin/jobs/linked")["taskRoles"]["w"]["taskStatuses"][0][
        "containerLog"
    ]
    assert folder.endswith("/")
    out = httpx.get(f"{folder}user.pai.stdout").text
    assert out.startswith("0123456789\n1 2 3 ")
    for query, part in (
        ("/?start=0", out),
        ("?start=5", out[5:]),
        ("?start=-7", out[-7:]),
        ("?tail-mode=true", out[-16_384:]),
        ("?start=999999", ""),
    ):
        assert httpx.get(f"{folder}user.pai.stdout{query}").text == part, query
    whole = httpx.get(f"{folder}user.pai.all").text
    assert sorted(whole.split()) == sorted((out + "\nend").split())
    assert httpx.get(f"{folder}user.pai.stderr").text == "end\n"
    names = admin.http.get(folder).json()["locations"]
    assert [httpx.get(one["uri"]).text for one in names] == [out, "end\n", whole]
    assert admin.http.get(f"{folder}user.pai.none").json()["code"] == "NoTaskLogError"
    bare, _, proof = folder.rstrip("/").rpartition("/")
    assert httpx.get(f"{bare}/user.pai.stdout").json()["message"] == GUEST
    other = proof[:-1] + ("A" if proof[-1] != "A" else "B")
    for wrong in (other, proof[:-1], "~", "~-"):
        refused = httpx.get(f"{bare}/{wrong}/user.pai.stdout")
        assert refused.json()["code"] == "UnauthorizedUserError", wrong
    seen = guest("GET", "/v1/user/admin/jobs/linked")[1]
    assert "~" not in seen["taskRoles"]["w"]["taskStatuses"][0]["containerLog"].rpartition("~l")[2]
