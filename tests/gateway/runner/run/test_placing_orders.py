"""Runs on a real Slurm whose administrators and limits have other plans for them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gateway.data_paths import DataPaths
from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.spec import TaskSpec
from protocol.tasks import TaskState
from tests.gateway.runner.rig import Client, running
from tests.gateway.runner.run.test_placing import (
    FAR,
    STUBBORN,
    node_dir,
    paths,
    processes,
    written,
)
from tests.gateway.runner.run.test_placing_faults import proxied_landing
from tests.support.slurm_cluster import SlurmCluster, placing, starting
from tests.support.waiting import wait_until

__all__ = ["node_dir", "paths"]

pytestmark = pytest.mark.storm


def job_of(cluster: SlurmCluster, spec: TaskSpec, column: str = "%i") -> str:
    """What Slurm says of the job of a task, also if it is over."""
    return cluster.call("squeue", "-h", "-t", "all", f"--name=narthex-{spec.task_id}", "-o", column)


async def first_line(client: Client, spec: TaskSpec) -> str:
    """What a task printed first, waited for."""
    await written(client, spec, 1)
    return (await client.lines(spec.task_id))[0].data.decode()


async def test_a_run_ends_by_itself_on_a_drained_node_and_is_not_requeued(
    paths: DataPaths, redis_server: EmbeddedRedis, node_dir: Path, client: Client, tmp_path: Path
) -> None:
    """A drained node takes nothing new; a job of ours is never run by Slurm once more."""
    goes_on = tmp_path / "goes-on"
    code = f"echo $SLURMD_NODENAME; until [ -e {goes_on} ]; do sleep 0.1; done; echo over"
    with starting() as cluster:
        async with running(paths, redis_server.url, **placing(cluster, node_dir)):
            spec = await client.submit(code, wants=FAR)
            node = await first_line(client, spec)
            named = ("scontrol", "update", f"nodename={node}")
            cluster.call(*named, "state=drain", "reason=test")
            with pytest.raises(subprocess.CalledProcessError):
                cluster.call("scontrol", "requeue", job_of(cluster, spec))
            goes_on.touch()
            assert (await client.ended(spec.task_id)).state is TaskState.SUCCEEDED
            lines = [line.data.decode() for line in await client.lines(spec.task_id)]
            assert lines == [node, "over"]
            other = await client.submit("echo $SLURMD_NODENAME", wants=FAR)
            assert await first_line(client, other) != node


async def test_a_run_on_a_node_that_is_declared_down_is_killed_and_verified(
    paths: DataPaths, redis_server: EmbeddedRedis, node_dir: Path, client: Client
) -> None:
    """Slurm ends the job there, and our supervisor all of it."""
    with starting() as cluster:
        async with running(paths, redis_server.url, **placing(cluster, node_dir)):
            code = f"echo $SLURMD_NODENAME; python3 -c '{STUBBORN}'"
            spec = await client.submit(code, wants=FAR)
            node = await first_line(client, spec)
            await written(client, spec, 5)
            cluster.call("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
            task = await client.ended(spec.task_id)
            assert task.state is TaskState.KILLED
            assert task.outcome is not None
            assert task.outcome.verified
            assert not processes(spec.task_id)


async def test_a_kill_waits_for_a_node_that_nobody_reaches(
    paths: DataPaths, redis_server: EmbeddedRedis, node_dir: Path, client: Client
) -> None:
    """The run goes on, and is killed when its node is back, with all of its log."""
    with starting() as cluster, proxied_landing(cluster, node_dir) as (proxy, changes):
        changes["NARTHEX_PLACES_SLURM_SILENCE_SECONDS"] = "120"
        async with running(paths, redis_server.url, **changes):
            code = "echo $SLURMD_NODENAME; while :; do echo $((i += 1)); sleep 0.2; done"
            spec = await client.submit(code, wants=FAR)
            node = await first_line(client, spec)
            proxy.cut_after = 0
            proxy.cut()
            cluster.kill(f"slurmd-{node}")
            await wait_until(
                lambda: "NODE_FAIL" in job_of(cluster, spec, "%T"), "the node is given up", 60
            )
            known = len(await client.lines(spec.task_id))
            await client.kill(spec.task_id, 0.5)
            await client.shows(spec.task_id, TaskState.KILLING)
            assert processes(spec.task_id)
            proxy.cut_after = None
            task = await client.ended(spec.task_id)
            assert task.state is TaskState.KILLED
            assert task.outcome is not None
            assert task.outcome.verified
            assert not processes(spec.task_id)
            numbers = [line.data.decode() for line in await client.lines(spec.task_id)][1:]
            assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
            assert len(numbers) > known, "what it printed meanwhile came too"


async def test_a_run_beyond_the_limit_of_slurm_is_killed_and_verified(
    paths: DataPaths, redis_server: EmbeddedRedis, node_dir: Path, client: Client
) -> None:
    """Ours is the shorter one, unless somebody makes Slurm's so."""
    with starting(1) as cluster:
        async with running(paths, redis_server.url, **placing(cluster, node_dir)):
            spec = await client.submit(f"python3 -c '{STUBBORN}'", wants=FAR, seconds=3600.0)
            await written(client, spec, 4)
            job = job_of(cluster, spec)
            cluster.call("scontrol", "update", f"JobId={job}", "TimeLimit=1")
            task = await client.ended(spec.task_id, 150)
            assert task.state is TaskState.KILLED
            assert task.outcome is not None
            assert task.outcome.verified
            assert "the place" in task.outcome.message
            assert not processes(spec.task_id)
