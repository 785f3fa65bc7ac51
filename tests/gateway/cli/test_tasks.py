"""The task commands against a gateway that serves."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.client import Client
from tests.gateway.cli.command import NARTHEX, clean_environment, narthex
from tests.gateway.cli.terminal import on_terminal
from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway of this module."""
    with serving(tmp_path_factory.mktemp("served") / "data") as gateway:
        yield gateway


def submitted(served: Served, code: str) -> str:
    """The execID of code that was submitted."""
    return narthex("submit", code, "--data-dir", served.data).stdout.split()[1]


def status_of(served: Served, task: str) -> dict[str, object]:
    """What ``status --json`` says."""
    found = json.loads(narthex("status", task, "--json", "--data-dir", served.data).stdout)
    assert isinstance(found, dict)
    return found


def test_from_submit_to_kill(served: Served) -> None:
    """A task is submitted, seen, read and killed by its number or its execID."""
    number, exec_id = narthex(
        "submit", "echo here; sleep 300", "--data-dir", served.data
    ).stdout.split()
    with Client(served.url, served.token) as client:
        wait_until_sync(lambda: client.log(number).last == 1, "its line")
    assert status_of(served, number)["state"] == "running"
    assert narthex("status", exec_id, "--data-dir", served.data).stdout.startswith("running")
    assert narthex("logs", "--no-follow", number, "--data-dir", served.data).stdout == "here\n"
    rows = narthex("ps", "--data-dir", served.data).stdout.splitlines()
    assert rows[0].split()[:4] == ["TASK", "NAME", "ENGINE", "STATE"]
    assert any(row.split()[0] == number and "echo here" in row for row in rows[1:])
    assert narthex("kill", number, "--data-dir", served.data).stdout.strip() == exec_id
    narthex("logs", number, "--data-dir", served.data)
    assert status_of(served, number)["state"] == "killed"
    listed = narthex("ps", "--all", "--json", "--data-dir", served.data).stdout.splitlines()
    assert exec_id in [json.loads(row)["exec_id"] for row in listed]
    assert number not in narthex("ps", "-q", "--data-dir", served.data).stdout.split()
    for words in (["--status", "killed"], ["--status", "Cancelled"], ["--all", "--all-users"]):
        assert number in narthex("ps", "-q", *words, "--data-dir", served.data).stdout.split()
    others = narthex("ps", "-q", "--status", "succeeded", "--data-dir", served.data).stdout
    assert number not in others.split()
    assert narthex("cancel", number, "--data-dir", served.data).stdout.strip() == exec_id


def test_kill_and_wait(served: Served) -> None:
    """``kill --wait`` comes back at the end and says what was done, to people and to programs."""
    stubborn = "trap '' TERM; echo ready; while :; do sleep 0.1; done"
    reported: list[str] = []
    for words in ([], ["--json"]):
        task = submitted(served, stubborn)
        with Client(served.url, served.token) as client:
            wait_until_sync(lambda task=task: client.log(task).last == 1, "its line")  # type: ignore[misc]
        done = narthex("kill", "--wait", "--grace", "0.3", *words, task, "--data-dir", served.data)
        reported.append(done.stdout)
        assert status_of(served, task)["state"] == "killed"
    assert " killed: SIGTERM, SIGKILL sent, " in reported[0]
    assert ", nothing is left (" in reported[0]
    record = json.loads(reported[1])
    assert (record["state"], record["verified"]) == ("killed", True)
    assert record["signals"] == ["SIGTERM", "SIGKILL"]


def test_by_address_and_token(served: Served) -> None:
    """A gateway is named by options or by the environment."""
    named = narthex("ps", "--server", served.url, "--token", served.token)
    reported = narthex("ps", more={"NARTHEX_SERVER": served.url, "NARTHEX_TOKEN": served.token})
    assert named.stdout.splitlines()[0] == reported.stdout.splitlines()[0]
    bad = narthex("ps", "--server", served.url, "--token", "nonsense", code=77)
    assert bad.stderr.count("\n") == 1


def test_run_on_a_server(served: Served) -> None:
    """A run on a named gateway has its streams and its exit code, and stays there."""
    done = narthex("run", "echo out; exit 3", "--data-dir", served.data, code=3)
    assert done.stdout == "out\n"
    assert "failed" in narthex("ps", "--all", "--data-dir", served.data).stdout


def test_log_from_a_line(served: Served) -> None:
    """The log is printed from any line, with and without following."""
    task = submitted(served, "seq 1 30")
    expected = "".join(f"{i}\n" for i in range(28, 31))
    for words in (["--follow"], ["--no-follow"], []):
        done = narthex("logs", *words, "--from-line", "28", task, "--data-dir", served.data)
        assert done.stdout == expected


def test_unknown_tasks(served: Served) -> None:
    """A task that is not there is one line and exit code 1, for every command."""
    for command in ("status", "logs", "kill", "wait", "rerun", "rm"):
        done = narthex(command, "999999", "--data-dir", served.data, code=1)
        assert done.stderr.startswith("Error: ")
        assert done.stderr.count("\n") == 1


def test_ctrl_c_on_a_server(served: Served) -> None:
    """Ctrl-C kills the run on a named gateway, and nothing else."""
    with on_terminal("run", "echo begun; sleep 300", "--data-dir", served.data) as seat:
        seat.see(b"begun")
        seat.press(b"\x03")
        assert seat.leave() == 130
    newest = narthex("ps", "--all", "--limit", "1", "--json", "--data-dir", served.data).stdout
    assert json.loads(newest)["state"] == "killed"


def test_following_through_a_dead_gateway(tmp_path: Path) -> None:
    """``logs`` goes on when the gateway process is killed: no line is lost or repeated."""
    count = 400
    with serving(tmp_path / "data") as served:
        task = submitted(served, f"for i in $(seq 1 {count}); do echo $i; sleep 0.005; done")
        with subprocess.Popen(
            [*NARTHEX, "logs", task, "--data-dir", str(served.data)],
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment(),
        ) as process:
            assert process.stdout
            lines = [process.stdout.readline()]
            for pid in served.parts("gateway.app"):
                os.kill(pid, signal.SIGKILL)
            lines += process.stdout.readlines()
            assert process.wait(60) == 0
    assert lines == [f"{i}\n" for i in range(1, count + 1)]


def test_queues_show_what_runs_and_waits(served: Served) -> None:
    """A running task counts in its queue; without a gateway the list of the files is left."""
    task = submitted(served, "sleep 300")

    def default(*words: str | Path) -> dict[str, object]:
        lines = narthex("queue", "list", "--json", *words).stdout.splitlines()
        (found,) = (one for one in map(json.loads, lines) if one["name"] == "default")
        return dict(found)

    own: tuple[str | Path, ...] = ("--data-dir", served.data)
    wait_until_sync(lambda: default(*own).get("running") == 1, "it to be counted")
    shown = narthex("queue", "list", *own).stdout.splitlines()
    assert shown[0].split()[:4] == ["QUEUE", "STATUS", "RUNNING", "WAITING"]
    assert shown[1].split()[:4] == ["default", "running", "1", "0"]
    there = ("--server", served.url, "--token", served.token)
    assert default(*there)["used_slots"] == 1
    assert narthex("kill", task, "--wait", *own).returncode == 0
