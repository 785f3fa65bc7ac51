"""Two nodes on one Redis answer as one: whichever is asked, the one that has the task does it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.gateway.cli.command import narthex
from tests.journeys.entrance import Caller, frame, opened, received, shell
from tests.journeys.openpai import Pai, config
from tests.journeys.test_results import MANY, Reader
from tests.nodes.rig import NAMES, Pair
from tests.support.waiting import wait_until_sync

REQUESTS = 100


def test_a_task_of_one_node_is_seen_and_read_at_the_other(at_a: Caller, at_b: Caller) -> None:
    """State, node and the whole log, byte for byte, also of what only the other disk has."""
    name = at_a.execute("for i in $(seq 1 3000); do echo line $i of many; done; exit 3")
    assert at_b.finished(name) == "Failed"
    said = at_b.call("GET", f"{name}/status")
    assert said["node"] == "a"
    assert said["exitCode"] == 3
    assert "unreachableSince" not in said
    there, here = at_b.lines(name), at_a.lines(name)
    assert there == here
    assert [line["text"] for line in there] == [f"line {i} of many" for i in range(1, 3001)]


def test_a_kill_and_control_at_the_other_node_reach_the_run(at_a: Caller, at_b: Caller) -> None:
    """What is asked is asked of the node that has the run, and the answer is its answer."""
    name = at_a.execute("echo up; sleep 300")
    wait_until_sync(lambda: at_b.status(name) == "Running", "it to run")
    at_b.call("GET", f"{name}/kill")
    assert at_b.finished(name) == "Cancelled"
    assert at_a.status(name) == "Cancelled"


async def test_a_follower_at_the_other_node_is_told_everything(nodes: Pair, at_a: Caller) -> None:
    """Live lines by the shared Redis, and what has left it by the other node."""
    go = nodes.folder / "go"
    name = at_a.execute(
        f"seq 1 2000; until [ -e {go} ]; do sleep 0.05; done; seq 2001 2100; echo the end"
    )
    wait_until_sync(lambda: at_a.status(name) == "Running", "it to run")
    lines: list[str] = []
    async with opened(nodes["b"]) as socket:
        await socket.send(frame(f"{name}/subscribe", {"fromLine": 1}))
        while True:
            message = await received(socket)
            lines += [line["text"] for line in message["data"].get("lines", ())]
            if len(lines) >= 2000:
                go.touch()
            if message["data"].get("status") in {"Succeed", "Failed"}:
                break
    assert lines == [*map(str, range(1, 2101)), "the end"]


def test_a_request_id_makes_one_task_on_all_nodes(at_a: Caller, at_b: Caller) -> None:
    """A hundred equal requests to both at once: one number."""
    body = shell("echo once", requestId="the-same-one")

    def asked(at: int) -> int:
        caller = (at_a, at_b)[at % 2]
        return int(caller.call("POST", "execute", json=body)["taskID"])

    with ThreadPoolExecutor(16) as pool:
        numbers = set(pool.map(asked, range(REQUESTS)))
    assert len(numbers) == 1


def test_numbers_are_of_all_nodes_and_each_runs_its_own(at_a: Caller, at_b: Caller) -> None:
    """Both give out numbers of one count, and a listing shows the tasks of both."""
    callers = (at_a, at_b)
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda at: callers[at % 2].execute(f"echo {at}"), range(16)))
    for at, name in enumerate(names):
        other = callers[(at + 1) % 2]
        assert other.finished(name) == "Succeed"
        assert other.call("GET", f"{name}/status")["node"] == "ab"[at % 2]
        assert [line["text"] for line in other.lines(name)] == [str(at)]
    listed = httpx.get(
        f"{at_b.gateway.url}/api/rest_j/v1/jobhistory/list",
        headers=at_b.gateway.headers,
        params={"pageSize": 100},
    ).json()["data"]["tasks"]
    assert {row["strongerExecId"] for row in listed} >= set(names)


def test_nobody_but_a_node_is_answered_at_the_door(nodes: Pair) -> None:
    """A request without a seal, or with one of another key, is refused and told nothing."""
    for headers in ({}, {"x-narthex-node": "b", "x-narthex-word": "0" * 32}):
        refused = httpx.post(
            f"{nodes['a'].url}/.narthex/node",
            content=b"x",
            headers={**headers, "x-narthex-seal": "0"},
        )
        assert (refused.status_code, refused.content) == (403, b"")


def test_the_commands_name_the_nodes(nodes: Pair) -> None:
    """``narthex node list`` and ``doctor`` say who works there."""
    more = nodes.environment("b")
    said = narthex("node", "list", "--json", "--data-dir", nodes.folder / "b", more=more).stdout
    known = [json.loads(line) for line in said.splitlines()]
    assert [(one["name"], one["works"], one["this"]) for one in known] == [
        ("a", True, False),
        ("b", True, True),
    ]
    assert (
        "a at http://127.0.0.1"
        in narthex("doctor", "--data-dir", nodes.folder / "b", more=more, code=None).stdout
    )
    refused = narthex(
        "node", "forget", "a", "--yes", "--data-dir", nodes.folder / "b", more=more, code=1
    )
    assert "works there at this moment" in refused.stderr


def test_users_are_kept_by_one_node_and_known_by_all(
    nodes: Pair, at_a: Caller, at_b: Caller
) -> None:
    """A change that is asked of another node is made there, and a token ends everywhere."""
    made = at_b.http.post(
        f"{at_b.gateway.url}/api/rest_j/v1/narthex/users",
        json={"name": "eve", "password": "correct horse"},
    )
    assert made.status_code == 200, made.text
    login = {"userName": "eve", "password": "correct horse"}
    user = "api/rest_j/v1/user"
    with httpx.Client() as eve:
        assert eve.post(f"{at_b.gateway.url}/{user}/login", json=login).status_code == 200
        # Neither port nor node is of matter to the cookie.
        assert eve.get(f"{at_a.gateway.url}/{user}/userInfo").status_code == 200
        kept = httpx.Cookies(eve.cookies)
        own = {"Origin": at_b.gateway.url}
        assert eve.post(f"{at_b.gateway.url}/{user}/logout", headers=own).status_code == 200
    with httpx.Client(cookies=kept) as eve:
        wait_until_sync(
            lambda: eve.get(f"{at_a.gateway.url}/{user}/userInfo").status_code == 401,
            "the other node to know that the token has ended",
        )
    refused = narthex(
        "user",
        "remove",
        "eve",
        "--data-dir",
        nodes.folder / "b",
        code=1,
        more=nodes.environment("b"),
    )
    assert "are kept on node a" in refused.stderr


def test_results_of_one_node_are_read_at_the_other(nodes: Pair) -> None:
    """Sets, pages and files that are made while they are sent: the same bytes."""
    with Reader(nodes["a"]) as there, Reader(nodes["b"]) as here:
        task = there.ran(MANY % (3000, 0))
        (path,) = there.files(task)
        assert here.files(task) == [path]
        page = here.got("filesystem/openFile", path=path, page=2, pageSize=500)
        assert page == there.got("filesystem/openFile", path=path, page=2, pageSize=500)
        assert len(page["fileContent"]) == 500
        files = [
            reader.http.get(f"{reader.address}/resultsetToExcel", params={"path": path})
            for reader in (there, here)
        ]
        assert [file.status_code for file in files] == [200, 200]
        assert files[0].content == files[1].content
        assert len(files[0].content) > 3000


def test_files_of_jobs_are_found_at_either_node(at_a: Caller, at_b: Caller) -> None:
    """A job is run where its inputs are, and its output is given out by both."""
    a, b = at_a.gateway.url, at_b.gateway.url
    data = at_a.http.post(f"{a}/data", content=b"pear\napple\n").json()["id"]
    assert at_b.http.get(f"{b}/data/{data}").content == b"pear\napple\n"
    job = {"command": "sort $JOB_INPUT_FILES", "input_files": [data]}
    made = at_b.http.post(f"{b}/run", json=job)
    assert made.status_code == 201, made.text
    name = made.json()["job_id"]

    def told() -> dict[str, object]:
        return dict(at_b.http.get(f"{b}/api/job/job_info/{name}").json())

    wait_until_sync(lambda: told()["state"] in {"done", "failed"}, "the job to end")
    assert told()["state"] == "done", told()
    for caller, address in ((at_a, a), (at_b, b)):
        answer = caller.http.get(f"{address}/data/{told()['answer_id']}")
        assert answer.content == b"apple\npear\n"
    missing = at_b.http.get(f"{b}/data/{name}")
    assert missing.status_code == 404


def test_groups_of_one_node_are_there_at_the_other(nodes: Pair) -> None:
    """A job of OpenPAI is read, listed and stopped anywhere, and its name is taken everywhere."""
    a, b = (Pai(nodes[name], nodes[name].token) for name in NAMES)
    path = "/v1/user/admin/jobs"
    with a.http, b.http:
        assert a("POST", path, json=config("one", "sleep 300"))[0] == 202
        again = b("POST", path, json=config("one", "true"))
        assert again[0] == 409, again
        wait_until_sync(
            lambda: b("GET", f"{path}/one")[1]["jobStatus"]["state"] == "RUNNING", "it to run"
        )
        assert b("POST", path, json=config("two", "true"))[0] == 202
        listed = [a("GET", path)[1], b("GET", path)[1]]
        assert [{job["name"] for job in jobs} for jobs in listed] == [{"one", "two"}] * 2
        assert b("PUT", f"{path}/one/executionType", json={"value": "STOP"})[0] == 200
        assert b.ended(f"{path}/one")["jobStatus"]["state"] == "STOPPED"
        assert a.ended(f"{path}/two")["jobStatus"]["state"] == "SUCCEEDED"
        assert b("GET", f"{path}/none")[0] == 404
