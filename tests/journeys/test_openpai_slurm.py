"""Jobs of OpenPAI with several roles on a real Slurm of three nodes: one job of Slurm for each."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from engines.processes import with_cookie
from engines.shim.orphans import COOKIE
from tests.journeys.openpai import Pai
from tests.support.served import Served, command, serving
from tests.support.slurm_cluster import SlurmCluster, placing, recording, starting
from tests.support.waiting import wait_until_sync

NODES = {"n1", "n2", "n3"}
SERVER = """
exec python3 - <<'END'
import os, socket
print("on", os.environ["SLURMD_NODENAME"], flush=True)
listener = socket.create_server(("", int(os.environ["PAI_PORT_LIST_server_0_web"])))
print("at", listener.getsockname()[1], os.environ["NARTHEX_PORTS_web"], flush=True)
for _ in range(2):
    peer, _ = listener.accept()
    print(peer.recv(100).decode(), flush=True)
    peer.close()
END
"""
GATHERING = SERVER.replace("import os, socket", "import os, socket\npeers = []").replace(
    "peer.close()", "peers.append(peer)"
)
"""A server that lets nobody go before it has heard both."""
WORKER = """
until { exec 3<>"/dev/tcp/$PAI_HOST_IP_server_0/$PAI_PORT_LIST_server_0_web"; } 2>/dev/null
do sleep 0.1; done
printf '%s' "worker $PAI_TASK_INDEX" >&3
echo "port $PAI_CONTAINER_HOST_PORT of $PAI_TASK_ROLE_worker_HOST_LIST"
exit $PAI_TASK_INDEX
"""
PATIENT = WORKER.replace("exit ", "cat <&3; exit ")
"""A worker that goes on when its server lets it go."""

ANY_SIZES = pytest.mark.parametrize("cpu", [1, 2], ids=["one size", "two sizes"])
"""How many processors the first role asks for: with 2 the job has a part in Slurm for each role."""


def role(
    code: str, instances: int = 1, cpu: int = 1, completion: dict[str, int] | None = None
) -> dict[str, Any]:
    """One role of a protocol."""
    return {
        "instances": instances,
        "completion": completion or {},
        "dockerImage": "none",
        "resourcePerInstance": {"cpu": cpu, "memoryMB": 64, "gpu": 0, "ports": {"web": 1}},
        "commands": [code],
    }


class Site:
    """A gateway that hands over to a cluster, and its administrator."""

    def __init__(self, served: Served, cluster: SlurmCluster) -> None:
        self.served = served
        self.pai = Pai(served, served.token)
        self.cluster = cluster

    def submit(self, name: str, **roles: dict[str, Any]) -> None:
        """Submits a job to the cluster."""
        document = {
            "protocolVersion": 2,
            "name": name,
            "type": "job",
            "prerequisites": [{"name": "none", "type": "dockerimage", "uri": "none"}],
            "defaults": {"virtualCluster": "far"},
            "taskRoles": roles,
        }
        text = yaml.safe_dump(document)
        reply = self.pai("POST", "/v2/jobs", content=text, headers={"Content-Type": "text/yaml"})
        assert reply[0] == 202, reply

    def ended(self, name: str) -> str:
        """The state of a job that has ended, waited for."""
        found = self.pai.ended(f"/v2/jobs/admin~{name}", 120)
        return str(found["jobStatus"]["state"])

    def stop(self, name: str) -> None:
        """Stops a job."""
        path = f"/v2/jobs/admin~{name}/executionType"
        assert self.pai("PUT", path, json={"value": "STOP"})[0] == 202

    def tasks(self, name: str, *roles: str) -> list[dict[str, Any]]:
        """The instances of some roles."""
        job = self.pai("GET", f"/v2/jobs/admin~{name}")[1]
        return [one for each in roles for one in job["taskRoles"][each]["taskStatuses"]]

    def runs(self, name: str, *roles: str) -> None:
        """Waits until all instances of some roles run."""

        def running() -> bool:
            return {one["taskState"] for one in self.tasks(name, *roles)} == {"RUNNING"}

        wait_until_sync(running, f"{name} runs", 60)

    @contextmanager
    def closed(self) -> Iterator[None]:
        """In the block Slurm starts nothing."""
        self.cluster.call("scontrol", "update", "PartitionName=batch", "State=DOWN")
        try:
            yield
        finally:
            self.cluster.call("scontrol", "update", "PartitionName=batch", "State=UP")

    def output(self, task: dict[str, Any]) -> list[str]:
        """What an instance printed."""
        return self.pai.http.get(f"{task['containerLog']}user.pai.stdout").text.splitlines()

    def jobs(self) -> set[str]:
        """All jobs that Slurm knows, those included that are over."""
        return set(self.cluster.call("squeue", "-h", "-t", "all", "-o", "%i").split())

    def whole(self, before: set[str]) -> set[str]:
        """The jobs that came since then, without their parts for roles of different sizes."""
        return {job.partition("+")[0] for job in self.jobs() - before}

    def has(self, state: str, count: int) -> bool:
        """Whether so many jobs, or parts of one, have a state, as ``squeue`` abbreviates it."""
        words = self.cluster.call("squeue", "-h", "-o", "%t").split()
        return words == [state] * count


def processes(tasks: list[dict[str, Any]]) -> list[int]:
    """The processes of some tasks, wherever they are."""
    return [
        pid for task in tasks for pid in with_cookie(f"{COOKIE}={task['containerId']}".encode())
    ]


@contextmanager
def site_of(data: Path, cluster: SlurmCluster) -> Iterator[Site]:
    """A gateway of its own for a cluster."""
    with recording() as node_dir, serving(data, **placing(cluster, node_dir)) as served:
        command("queue", "put", "far", data=data)
        found = Site(served, cluster)
        yield found
        found.pai.http.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, slurm_cluster: SlurmCluster) -> Iterator[Site]:
    """A gateway for all tests that do not hurt the cluster."""
    with site_of(tmp_path_factory.mktemp("pai") / "data", slurm_cluster) as found:
        yield found


def test_two_roles_are_one_job_and_reach_each_other(site: Site) -> None:
    """Ports are free where each runs and told to all; each has its own log and exit code."""
    before = site.jobs()
    site.submit(
        "pair",
        server=role(SERVER, cpu=2, completion={"minSucceededInstances": 1}),
        worker=role(WORKER, 2, cpu=2, completion={"minFailedInstances": 2}),
    )
    assert site.ended("pair") == "SUCCEEDED"
    assert len(site.jobs() - before) == 1
    (server,), workers = site.tasks("pair", "server"), site.tasks("pair", "worker")
    on, at, *heard = site.output(server)
    assert on == f"on {server['containerNodeName']}"
    assert at.split()[1:] == [server["containerPorts"]["web"]] * 2
    assert sorted(heard) == ["worker 0", "worker 1"]
    where = ",".join(f"127.0.0.1:{one['containerPorts']['http']}" for one in workers)
    assert [site.output(one) for one in workers] == [
        [f"port {one['containerPorts']['http']} of {where}"] for one in workers
    ]
    assert workers[0]["containerExitCode"] == 0
    everybody = [server, *workers]
    names = {one["containerNodeName"] for one in everybody}
    assert names <= NODES
    assert len(names) > 1, "two processors each, of which a node has four"
    ports = [one["containerPorts"][label] for one in everybody for label in ("web", "http")]
    assert len(set(ports)) == len(ports)


@pytest.mark.storm
def test_roles_of_different_sizes_get_what_each_asks_for(site: Site) -> None:
    """One heterogeneous job: they reach each other, are held and stopped as one."""
    before = site.jobs()
    many = role(WORKER, 2, completion={"minFailedInstances": 2})
    site.submit(
        "mixed", server=role(SERVER, cpu=3, completion={"minSucceededInstances": 1}), worker=many
    )
    assert site.ended("mixed") == "SUCCEEDED"
    (server,), workers = site.tasks("mixed", "server"), site.tasks("mixed", "worker")
    assert sorted(site.output(server)[2:]) == ["worker 0", "worker 1"]
    assert [one["containerExitCode"] for one in workers] == [0, 1]
    assert {job.partition("+")[2] for job in site.jobs() - before} == {"0", "1"}

    said = "echo $SLURM_CPUS_PER_TASK; sleep 300"
    site.submit("apart", big=role(said, cpu=4), small=role(said, 3))
    site.runs("apart", "big", "small")
    everybody = site.tasks("apart", "big", "small")
    assert [site.output(one) for one in everybody] == [["4"], ["1"], ["1"], ["1"]]
    running = site.cluster.call("squeue", "-h", "-t", "R", "-o", "%i %C").splitlines()
    used = {word.split()[0].partition("+")[2]: word.split()[1] for word in running}
    assert used == {"0": "4", "1": "3"}
    site.stop("apart")
    assert site.ended("apart") == "STOPPED"
    assert not processes(everybody)
    wait_until_sync(lambda: not site.cluster.jobs(), "no job is left", 30)


@pytest.mark.storm
def test_one_that_fails_ends_all_or_none_as_its_role_says(site: Site) -> None:
    """By default one failure is enough; the others are killed where they run."""
    site.submit("strict", bad=role("exit 5"), good=role("sleep 300"))
    assert site.ended("strict") == "FAILED"
    assert site.tasks("strict", "bad")[0]["containerExitCode"] == 5
    assert site.tasks("strict", "good")[0]["taskState"] == "STOPPED"
    assert not processes(site.tasks("strict", "good"))
    mild = role("exit $((5 * PAI_TASK_INDEX))", 2, completion={"minFailedInstances": 2})
    site.submit("mild", bad=mild, good=role("sleep 1; echo done"))
    assert site.ended("mild") == "SUCCEEDED"
    assert [one["containerExitCode"] for one in site.tasks("mild", "bad")] == [0, 5]
    assert site.output(site.tasks("mild", "good")[0]) == ["done"]


@ANY_SIZES
@pytest.mark.storm
def test_a_job_is_stopped_as_a_whole(site: Site, cpu: int) -> None:
    """Also one that waits in Slurm; nothing is left on the nodes or in Slurm."""
    name = f"long{cpu}"
    site.submit(name, a=role("sleep 300", cpu=cpu), b=role("trap '' TERM; sleep 300", 2))
    site.runs(name, "a", "b")
    everybody = site.tasks(name, "a", "b")
    assert len(processes(everybody)) >= 3
    site.stop(name)
    assert site.ended(name) == "STOPPED"
    assert not processes(everybody)
    site.submit(f"wide{cpu}", a=role("sleep 300", cpu=4))
    site.runs(f"wide{cpu}", "a")
    site.submit(f"huge{cpu}", a=role("true", cpu=5 - cpu), b=role("true", 2, cpu=4))
    pending = ("squeue", "-h", "-t", "PD", "-o", "%r")
    wait_until_sync(lambda: "Resources" in site.cluster.call(*pending), "it waits in Slurm", 60)
    site.stop(f"huge{cpu}")
    assert site.ended(f"huge{cpu}") == "STOPPED"
    site.stop(f"wide{cpu}")
    assert site.ended(f"wide{cpu}") == "STOPPED"
    wait_until_sync(lambda: not site.cluster.jobs(), "no job is left", 30)


@pytest.mark.storm
def test_parts_that_slurm_suspends_are_stopped_as_one(site: Site) -> None:
    """A job of roles of different sizes: one that stands still is ended all the same."""
    before = site.jobs()
    site.submit("still", a=role("sleep 300", cpu=2), b=role("sleep 300", 2))
    site.runs("still", "a", "b")
    everybody = site.tasks("still", "a", "b")
    (job,) = site.whole(before)
    site.cluster.call("scontrol", "suspend", job)
    wait_until_sync(lambda: site.has("S", 2), "both parts are suspended", 60)
    site.stop("still")
    assert site.ended("still") == "STOPPED"
    assert not processes(everybody)
    wait_until_sync(lambda: not site.cluster.jobs(), "no job is left", 30)


@pytest.mark.storm
def test_parts_that_are_held_start_together(site: Site) -> None:
    """A job of roles of different sizes that somebody holds in Slurm waits, and is released."""
    before = site.jobs()
    with site.closed():
        many = role(PATIENT, 2, completion={"minFailedInstances": 2})
        done = {"minSucceededInstances": 1}
        site.submit("held", server=role(GATHERING, cpu=2, completion=done), worker=many)
        wait_until_sync(lambda: site.jobs() - before, "it waits in Slurm", 60)
        (job,) = site.whole(before)
        site.cluster.call("scontrol", "hold", job)
    reasons = ("squeue", "-h", "-o", "%r")
    wait_until_sync(lambda: "JobHeld" in site.cluster.call(*reasons), "it is held", 60)
    assert {one["taskState"] for one in site.tasks("held", "server", "worker")} == {"WAITING"}
    site.cluster.call("scontrol", "release", job)
    assert site.ended("held") == "SUCCEEDED"
    assert site.whole(before) == {job}


@ANY_SIZES
@pytest.mark.storm
def test_a_job_starts_once_though_the_runner_dies_again_and_again(site: Site, cpu: int) -> None:
    """While it waits in Slurm, when its members ask for their start, and while they run."""
    before, name = site.jobs(), f"often{cpu}"
    with site.closed():
        site.submit(name, server=role(GATHERING, cpu=cpu), worker=role(PATIENT, 2))
        wait_until_sync(lambda: site.jobs() - before, "it waits in Slurm", 60)
        kill_runner(site.served)
    running = ("squeue", "-h", "-t", "R", "-o", "%i")
    wait_until_sync(lambda: site.cluster.call(*running), "Slurm starts it", 60)
    kill_runner(site.served)
    wait_until_sync(
        lambda: any(one["taskState"] == "RUNNING" for one in site.tasks(name, "server")),
        "a member runs",
        60,
    )
    kill_runner(site.served)
    assert site.ended(name) == "FAILED", "one worker ends with 1, which its role does not allow"
    assert len(site.whole(before)) == 1
    assert sorted(site.output(site.tasks(name, "server")[0])[2:]) == ["worker 0", "worker 1"]


def kill_runner(served: Served) -> None:
    """Kills the runner without a word; another one takes over."""
    (pid,) = served.parts("gateway.runner")
    os.kill(pid, signal.SIGKILL)
    wait_until_sync(
        lambda: (found := served.parts("gateway.runner")) and found != [pid], "another runner", 30
    )


@pytest.mark.storm
def test_a_member_that_is_run_again_finds_the_others(site: Site) -> None:
    """It is a job of its own then, with ports of its own."""
    code = WORKER.replace("exit $PAI_TASK_INDEX", '[ "$NARTHEX_TRY" = 2 ]')
    again = {**role(code), "taskRetryCount": 1}
    site.submit("again", server=role(SERVER), worker=again)
    assert site.ended("again") == "SUCCEEDED"
    assert site.output(site.tasks("again", "server")[0])[2:] == ["worker 0"] * 2


@ANY_SIZES
@pytest.mark.storm
def test_a_node_that_is_lost_ends_the_job_and_all_of_it(tmp_path: Path, cpu: int) -> None:
    """Slurm ends the others; what goes on where it cannot reach is ended over the landing."""
    with starting() as cluster, site_of(tmp_path / "data", cluster) as site:
        site.submit("torn", a=role("sleep 300", cpu=2 + cpu), b=role("sleep 300", cpu=3))
        site.runs("torn", "a", "b")
        everybody = site.tasks("torn", "a", "b")
        assert len({one["containerNodeName"] for one in everybody}) == 2
        cluster.kill(f"slurmd-{everybody[1]['containerNodeName']}")
        assert site.ended("torn") in {"FAILED", "STOPPED"}
        wait_until_sync(lambda: not processes(everybody), "nothing of it runs", 60)
