"""The supervisor: what it starts, replaces, refuses and leaves behind."""

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from engines.rundir.directory import RunDir, RunState
from gateway.data_paths import DataPaths
from gateway.supervisor.listener import listen, url_of
from tests.support.gateway import Gateway, serving_gateway
from tests.support.processes import lives
from tests.support.served import NARTHEX, Served
from tests.support.waiting import wait_until_sync

ENTRANCE = "/api/rest_j/v1/entrance"


def redis_of(served: Served) -> int:
    """The pid of the private server of a gateway; 0 if there is none."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                facts = (entry / "stat").read_text()
            except OSError:
                continue
            name, _, rest = facts.rpartition(")")
            state, parent = rest.split()[:2]
            if (
                ("valkey" in name or "redis" in name)
                and int(parent) == served.process.pid
                and state != "Z"
            ):
                return int(entry.name)
    return 0


def execute(client: httpx.Client, code: str) -> httpx.Response:
    """Asks for a script to be run."""
    body = {"executeApplicationName": "shell", "runType": "shell", "executionCode": code}
    return client.post(f"{ENTRANCE}/execute", json=body)


def status(client: httpx.Client, exec_id: str) -> str:
    """The status word of a task; empty while nobody can tell."""
    try:
        reply = client.get(f"{ENTRANCE}/{exec_id}/status")
    except httpx.HTTPError:
        return ""
    return str(reply.json()["data"].get("status", ""))


def ready(client: httpx.Client) -> bool:
    """Whether the gateway accepts tasks."""
    try:
        return client.get("/readyz").status_code == 200
    except httpx.HTTPError:
        return False


def refused(data: Path, *options: str, **environment: str) -> tuple[int, str]:
    """The exit status and the complaint of a gateway that does not start."""
    result = subprocess.run(
        [*NARTHEX, "serve", "--data-dir", str(data), *options],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, **environment},
    )
    assert not result.stdout
    return result.returncode, result.stderr


@pytest.mark.parametrize("module", ["gateway.app", "gateway.runner"])
def test_a_killed_part_is_replaced_and_the_run_goes_on(own_gateway: Gateway, module: str) -> None:
    """SIGKILL of a part during a run: it comes back, the run ends well, its log is whole."""
    with own_gateway.client() as client:
        code = "for i in $(seq 40); do echo $i; sleep 0.05; done"
        exec_id = execute(client, code).json()["data"]["execID"]
        (old,) = own_gateway.served.parts(module)
        os.kill(old, signal.SIGKILL)
        wait_until_sync(
            lambda: own_gateway.served.parts(module) not in ([], [old]), "another process"
        )
        wait_until_sync(lambda: status(client, exec_id) == "Succeed", "the run to end", 20)
        page = client.get(
            f"{ENTRANCE}/{exec_id}/log", params={"format": "lines", "fromLine": 1, "size": 100}
        ).json()["data"]
        assert [line["text"] for line in page["lines"]] == [str(n) for n in range(1, 41)]
        assert page["eof"]


def test_a_killed_redis_is_replaced(own_gateway: Gateway) -> None:
    """SIGKILL of the private server: a new one serves the same data."""
    with own_gateway.client() as client:
        exec_id = execute(client, "echo before").json()["data"]["execID"]
        wait_until_sync(lambda: status(client, exec_id) == "Succeed", "the run to end")
        old = redis_of(own_gateway.served)
        assert old > 1
        os.kill(old, signal.SIGKILL)
        wait_until_sync(lambda: redis_of(own_gateway.served) not in {0, old}, "another server")
        wait_until_sync(lambda: ready(client), "the gateway to be ready again", 20)
        assert status(client, exec_id) == "Succeed"
        assert execute(client, "true").json()["status"] == 0


def polite(served: Served) -> None:
    """SIGTERM, and more of it while it goes on."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGTERM):
        served.process.send_signal(number)


def control_c(served: Served) -> None:
    """SIGINT twice, to all that a terminal sends it to."""
    parts = (*served.parts("gateway.app"), *served.parts("gateway.runner"), redis_of(served))
    # A signal to 0 or -1 would reach this process, or all of this user.
    assert min(parts) > 1
    for _ in range(2):
        for pid in (served.process.pid, *parts):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)


@pytest.mark.parametrize("end", [polite, control_c])
def test_a_polite_end_ends_everything_but_the_runs(
    own_gateway: Gateway, end: Callable[[Served], None]
) -> None:
    """Exit status 0 in good time, no process and no address left, the run unharmed."""
    served = own_gateway.served
    with own_gateway.client() as client:
        exec_id = execute(client, "sleep 60").json()["data"]["execID"]
        wait_until_sync(lambda: status(client, exec_id) == "Running", "the run to start")
    parts = [*served.parts("gateway.app"), *served.parts("gateway.runner"), redis_of(served)]
    began = time.monotonic()
    end(served)
    assert served.process.wait(15) == 0
    assert time.monotonic() - began < 15
    assert not [pid for pid in parts if lives(pid)]
    assert not DataPaths.of(served.data).endpoint.exists()
    (path,) = (DataPaths.of(served.data).spool / "live").iterdir()
    run = RunDir(path)
    shim = run.shim()
    assert run.state() is RunState.RUNNING
    assert shim
    assert lives(shim.pid)
    run.request_kill(0.0)
    run.notify()
    wait_until_sync(lambda: not lives(shim.pid), "the run to end")


def test_a_killed_supervisor_leaves_nothing_and_can_be_started_again(
    own_gateway: Gateway,
) -> None:
    """SIGKILL of the supervisor: its parts end by themselves, and a new one takes over at once."""
    served = own_gateway.served
    parts = [*served.parts("gateway.app"), *served.parts("gateway.runner"), redis_of(served)]
    served.process.kill()
    served.process.wait()
    port = served.url.rpartition(":")[2]
    with subprocess.Popen(
        [*NARTHEX, "serve", "--data-dir", str(served.data), "--port", port],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as again:
        try:
            assert again.stdout
            assert again.stdout.readline().startswith(f"narthex ready on {served.url}")
            wait_until_sync(lambda: not any(map(lives, parts)), "the old parts to be gone")
        finally:
            again.terminate()
            again.wait(20)


def test_the_address_is_told_in_private(gateway: Gateway) -> None:
    """Where a gateway is stands in a file that only its owner can read."""
    path = DataPaths.of(gateway.data).endpoint
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    document = json.loads(path.read_text())
    assert document == {"url": gateway.url, "pid": gateway.served.process.pid}


def test_first_start_makes_secrets(gateway: Gateway) -> None:
    """The key and the administrator's password are random and private."""
    paths = DataPaths.of(gateway.data)
    for path in (paths.token_key, paths.admin_password):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with gateway.client("") as client:
        password = paths.admin_password.read_text().strip()
        login = {"userName": "admin", "password": password}
        reply = client.post("/api/rest_j/v1/user/login", json=login)
        assert reply.json()["status"] == 0


def test_a_second_gateway_on_a_data_folder_is_refused(gateway: Gateway) -> None:
    """Two supervisors never share a data folder."""
    code, complaint = refused(gateway.data, "--port", "0")
    assert code != 0
    assert str(gateway.data) in complaint
    assert complaint.count("\n") == 1


def test_a_port_in_use_is_refused(tmp_path: Path, gateway: Gateway) -> None:
    """A port that is taken is one line and an exit status."""
    port = gateway.url.rpartition(":")[2]
    code, complaint = refused(tmp_path / "data", "--port", port)
    assert code != 0
    assert port in complaint
    assert complaint.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "environment", "named"),
    [
        (("--host", "192.0.2.1"), {"NARTHEX_SERVER_ACKNOWLEDGE_TRUSTED_USERS": "true"}, "192.0.2"),
        (
            ("--host", "0.0.0.0"),  # noqa: S104 - refused
            {"NARTHEX_RUNNER_ISOLATION": "none"},
            "server.host",
        ),
        (("--host", "no.such.host.invalid"), {}, "server.host"),
        ((), {"NARTHEX_SERVER_PORT": "many"}, "NARTHEX_SERVER_PORT"),
        ((), {"NARTHEX_DIALECTS_LINKIS_MOUNT": "x"}, "MOUNT"),
        ((), {"NARTHEX_DIALECTS_LINKIS_NOSUCH": "x"}, "dialects.linkis"),
        (("--config", "/no/such/file.toml"), {}, "/no/such/file.toml"),
        ((), {"NARTHEX_REDIS_SERVER": "/bin/true"}, "redis.server"),
    ],
    ids=[
        "foreign address",
        "any address",
        "no host",
        "variable",
        "mount",
        "dialect",
        "file",
        "redis",
    ],
)
def test_a_bad_start_is_one_line(
    tmp_path: Path, options: tuple[str, ...], environment: dict[str, str], named: str
) -> None:
    """Whatever keeps a gateway from starting is named in one line, with an exit status."""
    code, complaint = refused(tmp_path / "data", *options, **environment)
    assert code != 0
    assert named in complaint
    assert complaint.count("\n") == 1


def test_connections_do_not_wait_for_each_other() -> None:
    """The listening socket says TCP, so that every connection goes without Nagle's delay."""
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_two_workers_share_the_port(tmp_path: Path) -> None:
    """With several gateway processes, one of them killed, the port is always answered."""
    with serving_gateway(tmp_path / "data", "--workers", "2") as gateway:
        wait_until_sync(lambda: len(gateway.served.parts("gateway.app")) == 2, "two processes")
        os.kill(gateway.served.parts("gateway.app")[0], signal.SIGKILL)
        for _ in range(20):
            assert httpx.get(f"{gateway.url}/healthz").status_code == 200
        wait_until_sync(lambda: len(gateway.served.parts("gateway.app")) == 2, "two processes")


def test_a_gateway_that_is_not_ready_says_why(tmp_path: Path) -> None:
    """Who waits for a gateway that cannot reach its Redis reads soon what it waits for."""
    server = f"unix://{tmp_path}/nobody"
    with subprocess.Popen(
        [*NARTHEX, "serve", "--port", "0", "--data-dir", str(tmp_path / "data")],
        env={**os.environ, "NARTHEX_REDIS_URL": server},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        said = (line for line in process.stderr if "not ready yet" in line)
        # While the gateway itself is still coming up, that is the reason.
        assert any("store does not answer" in line for line in said)
        process.terminate()
        # Read to its end, so that nobody waits for room in the pipe.
        process.stderr.read()
    assert process.returncode == 0
