"""Jobs of OAR's API on a real Slurm of three nodes: the queue ``far`` goes there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from engines.rundir.directory import RunDir
from gateway.stores.spec import decode_spec
from tests.journeys.test_oar_pool import (
    ENDED,
    acted,
    client,
    job,
    output,
    reached,
    submitted,
)
from tests.support.served import command, serving
from tests.support.slurm_cluster import SlurmCluster, placing, recording
from tests.support.waiting import wait_until_sync

NODES = {"n1", "n2", "n3"}
WAITING_FOR_USR2 = "trap 'echo caught; exit 5' USR2; echo up; while :; do sleep 0.1; done"


@pytest.fixture(scope="module")
def node_dir() -> Iterator[Path]:
    """Where the nodes record runs."""
    with recording() as found:
        yield found


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the gateway."""
    return tmp_path_factory.mktemp("oar") / "data"


@pytest.fixture(scope="module")
def oar(data: Path, slurm_cluster: SlurmCluster, node_dir: Path) -> Iterator[httpx.Client]:
    """The administrator of a gateway that hands over to the cluster."""
    with serving(data, **placing(slurm_cluster, node_dir)) as served, client(served) as found:
        command("queue", "put", "far", data=data)
        yield found


def far(oar: httpx.Client, code: str, **data: object) -> int:
    """The id of a new job for the cluster."""
    return submitted(oar, command=code, queue="far", **data)


def in_slurm(cluster: SlurmCluster, data: Path, number: int, column: str) -> str:
    """What Slurm says of a job that is not over; empty if it knows none."""
    for path in (data / "spool" / "live").iterdir():
        if decode_spec(RunDir(path).spec()).number == number:
            return cluster.call("squeue", "-h", f"--name=narthex-{path.name}", "-o", column)
    return ""


def test_a_job_runs_on_a_node_and_its_files_are_in_its_owners_folder(
    oar: httpx.Client, node_dir: Path
) -> None:
    """Directory, node file, exit code, output files, and the node where it really was."""
    code = "echo $SLURMD_NODENAME; pwd; cat $OAR_NODEFILE; cat $OAR_RESOURCE_PROPERTIES_FILE;"
    number = far(
        oar,
        f"{code} echo oops >&2; echo $OAR_JOB_ID; touch made; exit 3",
        resource="/nodes=1/core=2,walltime=0:5",
        directory="deep/below",
        name="far",
    )
    ended = reached(oar, number, *ENDED)
    assert (ended["state"], ended["exit_code"], ended["walltime"]) == ("Terminated", 768, 300)
    out = oar.get(f"/media/~/deep/below/OAR.far.{number}.stdout").text.splitlines()
    node = out[0]
    assert node in NODES
    assert out[1] == str(node_dir / node / "home" / "admin" / "deep" / "below")
    assert Path(out[1], "made").is_file()
    assert out[2:] == [node, node, *[f"network_address = '{node}'"] * 2, str(number)]
    assert oar.get(f"/media/~/deep/below/OAR.far.{number}.stderr").text == "oops\n"
    assert [one["network_address"] for one in ended["nodes"]] == [node]
    assert ended["resources"] == []
    shown = oar.get(f"/jobs/{number}", params={"structure": "oar"}).json()
    assert shown["assigned_network_address"] == [node]


@pytest.mark.storm
def test_a_job_has_the_nodes_that_it_asks_for(oar: httpx.Client) -> None:
    """Its script runs on the first one, as in OAR, and the node file names all."""
    number = far(oar, "echo $SLURMD_NODENAME; uniq $OAR_NODEFILE", resource="/nodes=2/core=1")
    ended = reached(oar, number, *ENDED)
    first, *rest = output(oar, number).splitlines()
    assert rest[0] == first
    assert len(set(rest)) == 2
    assert [one["network_address"] for one in ended["nodes"]] == rest


@pytest.mark.parametrize("size", [4, pytest.param(50, marks=pytest.mark.storm)])
def test_an_array_is_placed(oar: httpx.Client, size: int) -> None:
    """Each job with its parameter and index, on any of the nodes, exactly once."""
    lines = "\n".join(f"{at}" for at in range(size))
    code = "echo $OAR_ARRAY_INDEX $SLURMD_NODENAME; exit"
    reply = oar.post("/jobs", json={"command": code, "param_file": lines, "queue": "far"})
    first = int(reply.json()["id"])

    def ended() -> bool:
        found = oar.get("/jobs", params={"array": first, "state": "Terminated"}).json()
        return bool(found["total"] == size)

    wait_until_sync(ended, "the array to end", 180)
    items = oar.get("/jobs/details", params={"array": first, "limit": size}).json()["items"]
    assert [item["array_index"] for item in items] == list(range(1, size + 1))
    assert [item["exit_code"] for item in items] == [at * 256 for at in range(size)]
    for at in (0, size // 2, size - 1):
        (line,) = output(oar, first + at).splitlines()
        assert line.split()[0] == str(at + 1)
        assert line.split()[1] in NODES


@pytest.mark.storm
def test_a_job_is_held_released_and_waits_for_another(
    oar: httpx.Client, data: Path, slurm_cluster: SlurmCluster
) -> None:
    """A hold keeps it from Slurm; one that waits in Slurm is held there."""
    held = far(oar, "true", hold=1)
    reached(oar, held, "Hold")
    after = far(oar, "true", anterior=held)
    assert job(oar, after)["state"] == "Waiting"
    acted(oar, f"/jobs/{held}/resumptions/new")
    first, second = (reached(oar, one, "Terminated") for one in (held, after))
    assert second["dependencies"] == [held]
    assert second["start_time"] >= first["stop_time"]
    slurm_cluster.call("scontrol", "update", "PartitionName=batch", "State=DOWN")
    try:
        waits = far(oar, "true")
        wait_until_sync(lambda: "PartitionDown" in job(oar, waits)["message"], "Slurm's reason")
        acted(oar, f"/jobs/{waits}/holds/new")
        reached(oar, waits, "Hold")
        wait_until_sync(
            lambda: "JobHeld" in in_slurm(slurm_cluster, data, waits, "%r"), "held in Slurm too"
        )
    finally:
        slurm_cluster.call("scontrol", "update", "PartitionName=batch", "State=UP")
    acted(oar, f"/jobs/{waits}/resumptions/new")
    reached(oar, waits, "Terminated")


def test_a_running_job_is_stopped_signalled_checkpointed_lengthened_and_deleted(
    oar: httpx.Client, data: Path, slurm_cluster: SlurmCluster
) -> None:
    """All of it reaches the node, and a longer walltime reaches Slurm as well."""
    number = far(oar, WAITING_FOR_USR2, resource="/core=1,walltime=1")
    reached(oar, number, "Running")
    wait_until_sync(lambda: "up" in output(oar, number), "the job to be ready", 30)
    acted(oar, f"/jobs/{number}/rholds/new")
    reached(oar, number, "Suspended")
    acted(oar, f"/jobs/{number}/resumptions/new")
    reached(oar, number, "Running")
    before = in_slurm(slurm_cluster, data, number, "%l")
    body = {"method": "walltime-change", "walltime": "+2:0:0"}
    assert oar.post(f"/jobs/{number}", json=body).status_code == 202
    assert job(oar, number)["walltime"] == 3 * 3600
    assert before == "1:05:00"
    wait_until_sync(
        lambda: in_slurm(slurm_cluster, data, number, "%l") == "3:05:00", "Slurm knows of it"
    )
    acted(oar, f"/jobs/{number}/checkpoints/new")
    ended = reached(oar, number, *ENDED)
    assert (ended["state"], ended["exit_code"]) == ("Terminated", 5 * 256)
    assert output(oar, number).splitlines() == ["up", "caught"]
    other = far(oar, "sleep 300")
    reached(oar, other, "Running")
    acted(oar, f"/jobs/{other}/deletions/new")
    assert reached(oar, other, *ENDED)["state"] == "Error"


@pytest.mark.storm
def test_a_job_is_signalled_before_its_walltime(oar: httpx.Client) -> None:
    """The checkpoint comes on the node; the walltime is kept there."""
    warned = far(oar, WAITING_FOR_USR2, resource="/core=1,walltime=0:1:0", checkpoint=59)
    over = far(oar, "sleep 60", resource="/core=1,walltime=0:0:1")
    assert reached(oar, warned, *ENDED)["exit_code"] == 5 * 256
    ended = reached(oar, over, *ENDED)
    assert ended["state"] == "Error"
    assert "WALLTIME" in [one["type"] for one in ended["events"]]


@pytest.mark.parametrize(
    "resource", ["{network_address = 'n1'}/core=1", "/nodes=ALL", "/nodes=1/core=1+/nodes=1/core=2"]
)
def test_what_slurm_cannot_be_asked_for_is_refused(oar: httpx.Client, resource: str) -> None:
    """400 with the reason, and nothing is started."""
    reply = oar.post("/jobs", json={"command": "true", "queue": "far", "resource": resource})
    assert reply.status_code == 400
    assert "cluster" in reply.json()["message"]
