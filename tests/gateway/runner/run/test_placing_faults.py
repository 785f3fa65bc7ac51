"""Runs on a real Slurm of three nodes, when something of it dies, is cut off or forgets."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engines.rundir.results import RESULTS, Results
from gateway.data_paths import DataPaths
from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.objects import Objects
from protocol.resources import Wants
from protocol.tasks import FileInput, TaskState
from tests.gateway.runner.rig import Client, running
from tests.gateway.runner.run.test_inputs import stored
from tests.gateway.runner.run.test_placing import (
    FAR,
    STUBBORN,
    kill_porter,
    node_dir,
    paths,
    processes,
    runner,
    until,
    waits_because,
    written,
)
from tests.support.certificates import signed_by_itself
from tests.support.cutting_proxy import CuttingProxy, cutting
from tests.support.ports import free_port
from tests.support.slurm_cluster import SlurmCluster, placing, starting
from tests.support.waiting import wait_until

__all__ = ["node_dir", "paths", "runner"]


@contextmanager
def proxied_landing(
    cluster: SlurmCluster, node_dir: Path
) -> Iterator[tuple[CuttingProxy, dict[str, str]]]:
    """A proxy before a landing, and the environment of the runner that nodes reach through it."""
    port = free_port()
    with cutting("127.0.0.1", port) as proxy:
        yield proxy, placing(cluster, node_dir, landing=proxy.address, listen=f"127.0.0.1:{port}")


@pytest.mark.usefixtures("runner")
async def test_a_run_without_its_porter_is_ended_and_told_of(
    client: Client, node_dir: Path
) -> None:
    """The guard ends it, and a job sent to its node fetches the ending."""
    spec = await client.submit("echo up; sleep 300", wants=FAR)
    await written(client, spec, 1)
    kill_porter(node_dir, spec)
    await wait_until(lambda: not processes(spec.task_id), "the run is gone")
    task = await client.ended(spec.task_id, 40)
    assert task.state is TaskState.KILLED
    assert task.outcome is not None
    assert task.outcome.verified


@pytest.mark.storm
@pytest.mark.usefixtures("runner")
async def test_a_second_job_of_a_run_starts_nothing(
    client: Client, slurm_cluster: SlurmCluster, tmp_path: Path
) -> None:
    """A lost answer of sbatch may mean two jobs: one start."""
    goes_on = tmp_path / "goes-on"
    spec = await client.submit(f"echo once; {until(goes_on)}", wants=FAR)
    await written(client, spec, 1)
    name = f"narthex-{spec.task_id}"
    (job,) = slurm_cluster.call("squeue", "-h", f"--name={name}", "-o", "%i").split()
    script = slurm_cluster.home / "again.sh"
    slurm_cluster.call("scontrol", "write", "batch_script", job, str(script))
    options = (f"--job-name={name}", "--output=/dev/null", "--chdir=/", "--export=ALL")
    # Refused by the gateway, or by the porter that is on the same node.
    code = f"sh {script}; code=$?; test $code -ge 75 -a $code -le 77"
    slurm_cluster.call("sbatch", "--wait", *options, "--wrap", code)
    goes_on.touch()
    task = await client.ended(spec.task_id)
    assert task.state is TaskState.SUCCEEDED
    assert [line.data for line in await client.lines(spec.task_id)] == [b"once"]


@pytest.mark.storm
async def test_an_ending_that_the_porter_did_not_wait_for_is_fetched(
    paths: DataPaths,
    redis_server: EmbeddedRedis,
    slurm_cluster: SlurmCluster,
    node_dir: Path,
    client: Client,
    tmp_path: Path,
) -> None:
    """A job sent to the same node finds the record and delivers it."""
    goes_on = tmp_path / "goes-on"
    changes = placing(slurm_cluster, node_dir, linger_seconds=0.3, silence_seconds=6.0)
    async with running(paths, redis_server.url, **changes) as runner:
        spec = await client.submit(f"echo one; {until(goes_on)}; echo two; exit 3", wants=FAR)
        await written(client, spec, 1)
        runner.kill()
        goes_on.touch()
        name = f"--name=narthex-{spec.task_id}"
        await wait_until(lambda: not slurm_cluster.call("squeue", "-h", name), "the job is over")
        runner.start()
        task = await client.ended(spec.task_id)
        assert task.outcome is not None
        assert task.outcome.exit_code == 3
        assert [line.data for line in await client.lines(spec.task_id)] == [b"one", b"two"]
        await wait_until(lambda: not list(node_dir.glob("*/*")), "its folder is gone")


@pytest.mark.storm
async def test_a_run_of_which_nothing_is_left_is_lost_and_not_verified(
    paths: DataPaths,
    redis_server: EmbeddedRedis,
    slurm_cluster: SlurmCluster,
    node_dir: Path,
    client: Client,
) -> None:
    """The job sent to its node finds nothing; what came before stays."""
    changes = placing(slurm_cluster, node_dir, silence_seconds=1.0)
    async with running(paths, redis_server.url, **changes) as runner:
        spec = await client.submit("echo one; sleep 300", wants=FAR)
        await written(client, spec, 1)
        runner.kill()
        kill_porter(node_dir, spec)
        await wait_until(lambda: not processes(spec.task_id), "the run is gone")
        (kept,) = node_dir.glob(f"*/{spec.task_id}")
        # Who just watched over it may still write there, and take its socket away.
        await wait_until(lambda: removed(kept), "nothing to be left")
        runner.start()
        task = await client.ended(spec.task_id)
        assert task.state is TaskState.LOST
        assert task.outcome is not None
        assert not task.outcome.verified
        assert [line.data for line in await client.lines(spec.task_id)] == [b"one"]


def removed(folder: Path) -> bool:
    """Whether a folder is gone, after it was removed as far as that goes."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


@pytest.mark.storm
@pytest.mark.usefixtures("runner")
async def test_a_run_whose_shim_dies_is_swept_on_its_node(client: Client) -> None:
    """There the kernel can be asked what is left."""
    spec = await client.submit("echo up; sleep 300 & sleep 300", wants=FAR)
    await written(client, spec, 1)
    run = client.spool.find(spec.task_id)
    assert run is not None
    shim = run.shim()
    assert shim is not None
    os.kill(shim.pid, signal.SIGKILL)
    task = await client.ended(spec.task_id)
    assert task.state is TaskState.LOST
    assert not processes(spec.task_id)


@pytest.mark.usefixtures("runner")
async def test_input_files_go_there_and_result_sets_come_back(
    client: Client, paths: DataPaths
) -> None:
    """Under their other names too, with what it reads as its input."""
    made = stored(Objects(paths.objects), "ada", "in.txt", b"from afar")
    code = (
        "import narthex, sys; narthex.table([{'a': open('other').read()}]);print(sys.stdin.read())"
    )
    spec = await client.submit(
        code,
        engine="python",
        language="python",
        wants=FAR,
        inputs=(FileInput(made, alias="other"),),
        parameters={"stdin": "spoken"},
    )
    task = await client.ended(spec.task_id)
    assert task.state is TaskState.SUCCEEDED
    assert [line.data for line in await client.lines(spec.task_id)] == [b"spoken"]
    run = client.spool.find(spec.task_id)
    assert run is not None
    with Results(run.file(RESULTS)).open(0) as table:
        assert table.read(0, 10, 1_000).rows == [["from afar"]]


@pytest.mark.storm
async def test_a_connection_that_is_cut_again_and_again_loses_and_repeats_nothing(
    paths: DataPaths,
    redis_server: EmbeddedRedis,
    slurm_cluster: SlurmCluster,
    node_dir: Path,
    client: Client,
    tmp_path: Path,
) -> None:
    """Each new connection goes on where the last one ended."""
    goes_on = tmp_path / "goes-on"  # so that the run has lines left to tell after the last cut
    code = (
        "for ((i = 1; i <= 3000; i++)); do echo line $i; ((i % 50)) || sleep 0.05;"
        f" if ((i == 2400)); then {until(goes_on)}; fi; done"
    )
    with proxied_landing(slurm_cluster, node_dir) as (proxy, changes):
        async with running(paths, redis_server.url, **changes):
            spec = await client.submit(code, wants=FAR)
            for part in range(1, 8):
                await wait_until(lambda one=part: proxy.connections >= one, "connected")  # type: ignore[misc]  # one is bound
                await written(client, spec, part * 300)
                proxy.cut()
            goes_on.touch()
            task = await client.ended(spec.task_id)
            assert task.state is TaskState.SUCCEEDED
            wanted = [(number, f"line {number}".encode()) for number in range(1, 3001)]
            assert [(one.number, one.data) for one in await client.lines(spec.task_id)] == wanted
            assert proxy.cuts >= 5


@pytest.mark.storm
async def test_a_kill_arrives_though_the_node_cannot_reach_the_gateway(
    paths: DataPaths,
    redis_server: EmbeddedRedis,
    slurm_cluster: SlurmCluster,
    node_dir: Path,
    client: Client,
) -> None:
    """Slurm carries it where the landing cannot."""
    with proxied_landing(slurm_cluster, node_dir) as (proxy, changes):
        async with running(paths, redis_server.url, **changes):
            spec = await client.submit(f"{sys.executable} -c '{STUBBORN}'", wants=FAR)
            await written(client, spec, 4)
            proxy.cut_after = 0
            proxy.cut()
            await client.kill(spec.task_id, 0.5)
            await wait_until(lambda: not processes(spec.task_id), "the run is dead")
            proxy.cut_after = None
            task = await client.ended(spec.task_id)
            assert task.state is TaskState.KILLED
            assert task.outcome is not None
            assert task.outcome.verified


@pytest.mark.storm
async def test_what_passes_between_node_and_gateway_may_be_encrypted(
    paths: DataPaths,
    redis_server: EmbeddedRedis,
    slurm_cluster: SlurmCluster,
    node_dir: Path,
    client: Client,
    tmp_path: Path,
) -> None:
    """With a certificate nobody else can read it, and plain words are no way in."""
    changes = placing(
        slurm_cluster, node_dir, certificate=signed_by_itself(tmp_path, "landing").both
    )
    async with running(paths, redis_server.url, **changes):
        spec = await client.submit("echo one", wants=FAR)
        task = await client.ended(spec.task_id)
        assert task.state is TaskState.SUCCEEDED
        assert [line.data for line in await client.lines(spec.task_id)] == [b"one"]
        address = changes["NARTHEX_PLACES_SLURM_LANDING"].split(":")
        with socket.create_connection((address[0], int(address[1])), 5) as plain:
            plain.sendall(b"\x00" * 64)
            assert not plain.recv(64).startswith(b"{")


@pytest.mark.storm
async def test_a_run_outlives_the_daemon_of_its_node_and_the_controller(
    paths: DataPaths, redis_server: EmbeddedRedis, node_dir: Path, client: Client, tmp_path: Path
) -> None:
    """Slurm says NODE_FAIL while the run goes on and is told of to its end."""
    goes_on = tmp_path / "goes-on"
    code = f"until [ -e {goes_on} ]; do echo $((i += 1)); sleep 0.5; done; echo over"
    with starting() as cluster:
        async with running(paths, redis_server.url, **placing(cluster, node_dir)):
            spec = await client.submit(f"echo $SLURMD_NODENAME; {code}", wants=FAR)
            await written(client, spec, 1)
            node = (await client.lines(spec.task_id))[0].data.decode()
            cluster.kill(f"slurmd-{node}")
            name = f"--name=narthex-{spec.task_id}"
            state = ("squeue", "-h", "-t", "all", name, "-o", "%T")
            await wait_until(
                lambda: "NODE_FAIL" in cluster.call(*state), "Slurm takes the node for dead", 60
            )
            goes_on.touch()
            task = await client.ended(spec.task_id)
            assert task.state is TaskState.SUCCEEDED
            first, *numbers, last = [one.data.decode() for one in await client.lines(spec.task_id)]
            assert (first, last) == (node, "over")
            assert numbers == [str(number) for number in range(1, len(numbers) + 1)]


@pytest.mark.storm
async def test_a_run_that_was_called_lost_is_killed_when_its_node_is_back(
    paths: DataPaths, redis_server: EmbeddedRedis, node_dir: Path, client: Client
) -> None:
    """Slurm, the landing and the job that looks for it all miss the node; then it is back."""
    with starting() as cluster, proxied_landing(cluster, node_dir) as (proxy, changes):
        async with running(paths, redis_server.url, **changes):
            spec = await client.submit("echo $SLURMD_NODENAME; sleep 300", wants=FAR)
            await written(client, spec, 1)
            node = (await client.lines(spec.task_id))[0].data.decode()
            proxy.cut_after = 0
            proxy.cut()
            cluster.kill(f"slurmd-{node}")
            task = await client.ended(spec.task_id, 90)
            assert task.state is TaskState.LOST
            assert task.outcome is not None
            assert not task.outcome.verified
            assert processes(spec.task_id)
            proxy.cut_after = None
            await wait_until(lambda: not processes(spec.task_id), "the run is dead", 30)
            await wait_until(lambda: not list(node_dir.glob("*/*")), "its folder is gone", 30)


@pytest.mark.storm
async def test_a_job_that_the_controller_forgot_is_submitted_again(
    paths: DataPaths, redis_server: EmbeddedRedis, node_dir: Path, client: Client
) -> None:
    """Nothing was granted, so another job may be made for it."""
    with starting() as cluster:
        async with running(paths, redis_server.url, **placing(cluster, node_dir)):
            spec = await client.submit("true", wants=Wants(queue="little"), seconds=3600.0)
            await waits_because(client, spec, "PartitionTimeLimit")
            cluster.kill("slurmctld")
            await waits_because(client, spec, "cannot be asked")
            cluster.start_controller("-c")  # without what it knew
            await waits_because(client, spec, "PartitionTimeLimit")
            await client.kill(spec.task_id)
            assert (await client.ended(spec.task_id)).state is TaskState.KILLED


@pytest.mark.storm
async def test_nothing_of_a_cluster_is_left_behind() -> None:
    """Not even of a node whose daemon was killed: what it had started went on by itself."""
    with starting(1) as cluster:
        cluster.call("sbatch", "--output=/dev/null", "--chdir=/", "--wrap", "sleep 300")
        await wait_until(lambda: cluster.call("squeue", "-h", "-t", "R"), "the job runs")
        cluster.kill("slurmd-n1")
        assert cluster.processes()
    assert not cluster.processes()
