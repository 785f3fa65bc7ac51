"""What becomes of tasks while one of two nodes is away, alone and behind the nginx of the page."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.gateway.cli.command import narthex
from tests.journeys.entrance import FINAL, Caller, frame, shell
from tests.nodes.rig import Pair, pair
from tests.support.absent import missing
from tests.support.served import Served
from tests.support.waiting import wait_until_sync

PAGE = Path(__file__).resolve().parents[2] / "gateway" / "docs" / "nodes.md"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
STOPPED_SECONDS = 8

pytestmark = pytest.mark.storm


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Pair]:
    """Both nodes; small windows, so that what is not short lies on a disk only."""
    more = {"NARTHEX_RETENTION_HOT_BYTES": "4096", "NARTHEX_SERVER_WORKERS": "2"}
    with pair(tmp_path / "n", None, **more) as running:
        yield running


def kill_node(nodes: Pair, name: str) -> None:
    """Kills all of a node but its runs, as a power switch would, and forgets its processes."""
    node = nodes[name]
    parts = [*node.parts("gateway.runner"), *node.parts("gateway.app")]
    node.process.kill()
    node.process.wait()
    for pid in parts:
        os.kill(pid, signal.SIGKILL)


def missed(caller: Caller, name: str) -> bool:
    """Whether a task is said to be on a node that is away."""
    return bool(caller.call("GET", f"{name}/status").get("unreachableSince"))


def test_a_node_that_died_is_told_of_and_comes_back(nodes: Pair) -> None:
    """Its tasks keep their state; what only it can do is refused in time; back, it adopts."""
    go = nodes.folder / "back"
    with Caller(nodes["a"]) as at_a:
        name = at_a.execute(f"echo before; until [ -e {go} ]; do sleep 0.1; done; echo after")
    with Caller(nodes["b"]) as at_b:
        wait_until_sync(lambda: at_b.status(name) == "Running", "it to run")
        kill_node(nodes, "a")
        wait_until_sync(lambda: missed(at_b, name), "it to be missed")
        said = at_b.call("GET", f"{name}/status")
        assert said["status"] == "Running"
        assert "node a is unreachable since" in said["waitingReason"]
        begun = time.monotonic()
        refused = at_b.http.get(f"{at_b.gateway.api}/{name}/kill")
        assert time.monotonic() - begun < 10
        assert refused.status_code == 504
        assert "node a" in refused.json()["message"]
        assert at_b.finished(at_b.execute("true")) == "Succeed"

        nodes.stop("a")
        go.touch()
        with Caller(nodes.start("a")) as again:
            assert again.finished(name) == "Succeed"
        assert [line["text"] for line in at_b.lines(name)] == ["before", "after"]
        assert not missed(at_b, name)


def test_a_node_that_is_gone_for_good_is_forgotten(nodes: Pair) -> None:
    """Its tasks are lost then, their logs are at an end, and it may not come back."""
    with Caller(nodes["a"]) as at_a, Caller(nodes["b"]) as at_b:
        name = at_a.execute("echo x; sleep 60")
        wait_until_sync(lambda: at_b.status(name) == "Running", "it to run")
        at_a.call("GET", f"{name}/kill")
        at_a.finished(name)
        name = at_a.execute("echo x; sleep 60")
        wait_until_sync(lambda: at_b.status(name) == "Running", "it to run")
    nodes.stop("a")
    more, data = nodes.environment("b"), nodes.folder / "b"
    with Caller(nodes["b"]) as at_b:
        wait_until_sync(lambda: missed(at_b, name), "it to be missed")
        done = narthex("node", "forget", "a", "--yes", "--data-dir", data, more=more)
        assert "1 of its tasks are lost" in done.stdout
        assert at_b.finished(name) == "Failed"
        assert at_b.lines(name) == []
    refused = narthex(
        "serve",
        *("--port", "0", "--data-dir", nodes.folder / "a"),
        code=2,
        more=nodes.environment("a"),
    )
    assert "was forgotten" in refused.stderr


def test_a_runner_that_stood_still_starts_nothing_twice(nodes: Pair) -> None:
    """For eight seconds, which is longer than its word counts; nobody else takes its tasks."""
    trace = nodes.folder / "trace"
    with Caller(nodes["a"]) as at_a, Caller(nodes["b"]) as at_b:
        names = [at_a.execute(f"echo {at} >> {trace}; sleep 2; echo {at}") for at in range(20)]
        (runner,) = nodes["a"].parts("gateway.runner")
        os.kill(runner, signal.SIGSTOP)
        try:
            stopped = time.monotonic()
            wait_until_sync(lambda: time.monotonic() - stopped > STOPPED_SECONDS, "the time", 30)
            assert any(missed(at_b, name) for name in names)
        finally:
            os.kill(runner, signal.SIGCONT)
        assert [at_b.finished(name, 60) for name in names] == ["Succeed"] * 20
        for at, name in enumerate(names):
            assert [line["text"] for line in at_b.lines(name)] == [str(at)]
    assert sorted(map(int, trace.read_text().split())) == list(range(20))


def test_a_node_of_another_key_is_refused(nodes: Pair) -> None:
    """At its start, with a sentence that says what to do."""
    more = {**nodes.environment("a"), "NARTHEX_NODE_NAME": "c"}
    refused = narthex("serve", "--port", "0", "--data-dir", nodes.folder / "c", code=2, more=more)
    assert "another signing key: copy secret/token.key" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_both_nodes_behind_nginx(nodes: Pair) -> None:
    """Submitted, followed, read and killed through the page's own settings, also with one dead."""
    if NGINX is None:
        missing("nginx is not installed: the settings of the page are not served by it")
    with balanced(nodes) as port, httpx.Client(headers=nodes["a"].headers, timeout=40) as client:
        api = f"http://127.0.0.1:{port}/api/rest_j/v1/entrance"

        def said(name: str) -> dict[str, object]:
            reply = client.get(f"{api}/{name}/status")
            assert reply.status_code == 200, reply.text
            found = reply.json()["data"]
            assert isinstance(found, dict)
            return found

        names = []
        for _ in range(8):
            body = shell("for i in $(seq 1 1000); do echo line $i; done")
            names.append(str(client.post(f"{api}/execute", json=body).json()["data"]["execID"]))
        wait_until_sync(
            lambda: all(said(name)["status"] in FINAL for name in names), "them to end", 60
        )
        assert {said(name)["node"] for name in names} == {"a", "b"}
        served = Served(
            f"http://127.0.0.1:{port}", nodes["a"].token, nodes.folder, nodes["a"].process
        )
        with Caller(served) as caller:
            logs = {json.dumps(caller.lines(name)) for name in names}
            assert len({json.dumps([x["text"] for x in json.loads(log)]) for log in logs}) == 1
            assert caller.http.post(f"{served.url}/.narthex/node").status_code == 404

            name = caller.execute("echo first; sleep 300")
            wait_until_sync(lambda: said(name)["status"] == "Running", "it to run")
            lines: list[str] = []
            for _ in range(2):  # once at each node
                with connect(served.socket_url, additional_headers=served.headers) as ws:
                    ws.send(frame(f"{name}/subscribe", {"fromLine": 1}))
                    while not lines:
                        message = json.loads(ws.recv(30))
                        lines += [line["text"] for line in message["data"].get("lines", ())]
                assert lines == ["first"]
                lines.clear()
            caller.call("GET", f"{name}/kill")
            assert caller.finished(name) == "Cancelled"

        name = str(client.post(f"{api}/execute", json=shell("sleep 300")).json()["data"]["execID"])
        wait_until_sync(lambda: said(name)["status"] == "Running", "it to run")
        dead = str(said(name)["node"])
        kill_node(nodes, dead)
        for _ in range(10):
            assert said(name)["status"] == "Running"
        wait_until_sync(lambda: said(name).get("unreachableSince"), "it to be missed")
        assert client.get(f"{api}/{name}/kill").status_code == 504
        nodes.stop(dead)
        nodes.start(dead)
        wait_until_sync(lambda: "unreachableSince" not in said(name), "it to be back")
        wait_until_sync(
            lambda: client.get(f"{api}/{name}/kill").status_code == 200, "the kill to be taken"
        )
        wait_until_sync(lambda: said(name)["status"] == "Cancelled", "it to be killed", 60)


@contextlib.contextmanager
def balanced(nodes: Pair) -> Iterator[int]:
    """The port of an nginx with the settings of the page, in front of both nodes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    folder = nodes.folder / "nginx"
    folder.mkdir()
    page = PAGE.read_text("utf-8")
    found = re.search(r"^```nginx\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert found
    text = found[1].replace("listen 80;", f"listen 127.0.0.1:{port};")
    for at, name in ((1, "a"), (2, "b")):
        text = text.replace(f"10.0.0.{at}:9001", f"127.0.0.1:{nodes.ports[name]}")
    # Requests have the name of the site, which is the host that a client named.
    text = text.replace("narthex.example.org", "127.0.0.1")
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = folder / "nginx.conf"
    whole.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/errors warn; events {{}}\n"
        f"http {{ access_log off; {paths}\n{text}\n}}\n"
    )
    command = [str(NGINX), "-c", str(whole), "-p", str(folder)]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    process = subprocess.Popen(command)
    try:
        wait_until_sync(lambda: listens(port), "nginx to listen")
        yield port
    finally:
        process.terminate()
        process.wait(20)


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
