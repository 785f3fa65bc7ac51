"""Two nodes on one Redis answer as one: whichever is asked, the one that has the task does it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.gateway.cli.command import narthex
from tests.journeys.entrance import Caller, frame, opened, received, shell
from tests.nodes.rig import Pair, pair
from tests.support.waiting import wait_until_sync

REQUESTS = 100


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both nodes; small windows, so that what is not short lies on a disk only."""
    folder = tmp_path_factory.mktemp("n")
    with pair(folder, NARTHEX_RETENTION_HOT_BYTES="4096", NARTHEX_SERVER_WORKERS="1") as running:
        yield running


@pytest.fixture
def at_a(nodes: Pair) -> Iterator[Caller]:
    """A client of node a."""
    with Caller(nodes["a"]) as caller:
        yield caller


@pytest.fixture
def at_b(nodes: Pair) -> Iterator[Caller]:
    """A client of node b."""
    with Caller(nodes["b"]) as caller:
        yield caller


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
