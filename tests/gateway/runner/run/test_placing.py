"""Runs that are handed to a real Slurm of three nodes, through a real runner."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from engines.processes import with_cookie
from engines.shim.orphans import COOKIE
from gateway.data_paths import DataPaths
from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.objects import Objects
from gateway.stores.queues import QueueFile
from gateway.stores.spec import TaskSpec
from protocol.resources import Ports, Queue, Wants
from protocol.tasks import ById, FileInput, Reason, TaskState
from tests.gateway.runner.rig import Client, Runner, running
from tests.gateway.runner.run.test_inputs import stored
from tests.support.slurm_cluster import SlurmCluster, placing, recording
from tests.support.waiting import wait_until

FAR = Wants(queue="far")


@pytest.fixture
def paths(paths: DataPaths) -> DataPaths:
    """A data folder of a test's own, with a queue whose tasks go to Slurm."""
    for name in ("far", "little", "nowhere"):
        QueueFile(paths.queues).put(Queue(name))
    return paths


@pytest.fixture
def node_dir() -> Iterator[Path]:
    """Where the nodes record runs."""
    with recording() as found:
        yield found


@pytest.fixture
async def runner(
    paths: DataPaths, redis_server: EmbeddedRedis, slurm_cluster: SlurmCluster, node_dir: Path
) -> AsyncIterator[Runner]:
    """A runner that hands over."""
    async with running(paths, redis_server.url, **placing(slurm_cluster, node_dir)) as made:
        yield made


@pytest.mark.usefixtures("runner")
async def test_a_task_runs_on_a_node_and_its_log_and_code_come_back(client: Client) -> None:
    """Which node it was is in its log, and its ports are free there."""
    code = "echo $SLURMD_NODENAME; echo oops >&2; echo port $NARTHEX_PORTS_my_web; exit 7"
    wants = Wants(queue="far", ports={"my-web": Ports(2)})
    spec = await client.submit(code, wants=wants)
    task = await client.ended(spec.task_id)
    assert task.state is TaskState.FAILED
    assert task.outcome is not None
    assert (task.outcome.reason, task.outcome.exit_code) == (Reason.EXITED, 7)
    texts = sorted(line.data for line in await client.lines(spec.task_id))
    assert texts[1] == b"oops"
    assert texts[0] in {b"n1", b"n2", b"n3"}
    first, second = map(int, texts[2].removeprefix(b"port ").split(b","))
    assert first != second


STUBBORN = """
import os, signal, sys, time
for _ in range(2):
    if os.fork() == 0:
        os.setsid()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(300)
"""


def processes(task_id: str) -> list[int]:
    """The processes of a run, wherever in the tree they are."""
    return with_cookie(f"{COOKIE}={task_id}".encode())


def until(goes_on: Path) -> str:
    """What a script says that must not go on before the test has seen what it waits for."""
    return f"until [ -e {goes_on} ]; do sleep 0.02; done"


def kill_porter(node_dir: Path, spec: TaskSpec) -> None:
    """Kills the porter of a run without a word to it."""
    (held,) = node_dir.glob(f"*/{spec.task_id}/porter")
    inode = held.stat().st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        words = line.split()
        if words[5].endswith(f":{inode}"):
            os.kill(int(words[4]), signal.SIGKILL)


async def written(client: Client, spec: TaskSpec, lines: int) -> None:
    """Waits until so many lines are here."""

    async def there() -> bool:
        return len(await client.lines(spec.task_id)) >= lines

    await wait_until(there, f"{lines} lines are here", 40)


async def waits_because(client: Client, spec: TaskSpec, word: str) -> None:
    """Waits until a word is among the reasons why a task waits."""

    async def told() -> bool:
        return word in (await client.tasks.read(ById(spec.task_id))).waiting_reason

    await wait_until(told, f"waits because of {word}")


@pytest.mark.usefixtures("runner")
async def test_a_tree_that_leaves_its_session_and_ignores_term_is_dead_and_verified(
    client: Client,
) -> None:
    """The shim on the node kills all of it, and proves it."""
    spec = await client.submit(f"{sys.executable} -c '{STUBBORN}'", wants=FAR)
    await written(client, spec, 4)
    assert len(processes(spec.task_id)) > 3
    await client.kill(spec.task_id, 0.5)
    task = await client.ended(spec.task_id)
    assert task.state is TaskState.KILLED
    assert task.outcome is not None
    assert task.outcome.verified
    assert not processes(spec.task_id)


@pytest.mark.usefixtures("runner")
async def test_a_job_that_is_cancelled_in_slurm_is_killed_and_verified(
    client: Client, slurm_cluster: SlurmCluster
) -> None:
    """Slurm's polite signal becomes a kill of the whole tree."""
    spec = await client.submit(f"{sys.executable} -c '{STUBBORN}'", wants=FAR)
    await written(client, spec, 4)
    slurm_cluster.call("scancel", "--name", f"narthex-{spec.task_id}")
    task = await client.ended(spec.task_id)
    assert task.state is TaskState.KILLED
    assert task.outcome is not None
    assert task.outcome.verified
    assert "the place" in task.outcome.message
    assert not processes(spec.task_id)


@pytest.mark.parametrize("lines", [5_000, pytest.param(200_000, marks=pytest.mark.storm)])
async def test_a_log_is_exact_over_three_deaths_of_the_landing(
    runner: Runner, client: Client, lines: int, tmp_path: Path
) -> None:
    """The runner is killed while lines come; none is lost, repeated or moved."""
    step, last, goes_on = lines // 100, lines * 4 // 5, tmp_path / "goes-on"
    code = (
        f"for ((i = 1; i <= {lines}; i++)); do echo line $i; ((i % {step})) || sleep 0.05;"
        f" if ((i == {last})); then {until(goes_on)}; fi; done"
    )
    spec = await client.submit(code, wants=FAR)
    for part in (1, 2, 3):
        await written(client, spec, part * lines // 5)
        runner.kill()
        runner.start()
    goes_on.touch()
    task = await client.ended(spec.task_id, 60)
    assert task.state is TaskState.SUCCEEDED
    wanted = [(number, f"line {number}".encode()) for number in range(1, lines + 1)]
    assert [(line.number, line.data) for line in await client.lines(spec.task_id)] == wanted


@pytest.mark.storm
async def test_an_ending_is_delivered_that_nobody_was_there_to_take(
    runner: Runner, client: Client, tmp_path: Path
) -> None:
    """The porter waits for the gateway."""
    goes_on = tmp_path / "goes-on"
    spec = await client.submit(f"echo one; {until(goes_on)}; echo two; exit 3", wants=FAR)
    await written(client, spec, 1)
    runner.kill()
    goes_on.touch()
    await wait_until(lambda: not processes(spec.task_id), "the run has ended")
    runner.start()
    task = await client.ended(spec.task_id)
    assert task.outcome is not None
    assert task.outcome.exit_code == 3
    assert [line.data for line in await client.lines(spec.task_id)] == [b"one", b"two"]


@pytest.mark.usefixtures("runner")
async def test_a_waiting_job_says_why_is_held_released_and_killed(
    client: Client, slurm_cluster: SlurmCluster
) -> None:
    """Reasons are Slurm's; a hold is one there too; a kill leaves no job behind."""
    spec = await client.submit("true", wants=Wants(queue="little"), seconds=3600.0)
    await waits_because(client, spec, "PartitionTimeLimit")
    await client.ask(spec.task_id, "hold")
    await client.shows(spec.task_id, TaskState.HELD)
    name = f"--name=narthex-{spec.task_id}"
    reason = ("squeue", "-h", name, "-o", "%r")
    await wait_until(lambda: "JobHeld" in slurm_cluster.call(*reason), "held in Slurm too")
    await client.ask(spec.task_id, "resume")
    await waits_because(client, spec, "PartitionTimeLimit")
    await client.kill(spec.task_id)
    task = await client.ended(spec.task_id)
    assert task.state is TaskState.KILLED
    assert task.outcome is not None
    assert task.outcome.reason is Reason.KILLED_BEFORE_START
    await wait_until(lambda: not slurm_cluster.call("squeue", "-h", name), "no job is left")


@pytest.mark.usefixtures("runner")
async def test_what_slurm_refuses_ends_with_its_sentence(client: Client) -> None:
    """The task fails and says why."""
    spec = await client.submit("true", wants=Wants(queue="nowhere"))
    task = await client.ended(spec.task_id)
    assert task.state is TaskState.FAILED
    assert task.outcome is not None
    assert task.outcome.reason is Reason.START_FAILED
    assert "invalid partition" in task.outcome.message


@pytest.mark.usefixtures("runner")
async def test_what_a_place_does_not_give_is_refused(client: Client) -> None:
    """Sessions are on this machine."""
    spec = await client.submit("1", wants=FAR, parameters={"session": "mine"})
    task = await client.ended(spec.task_id)
    assert task.outcome is not None
    assert "a statement in a session cannot run in slurm" in task.outcome.message


async def test_a_task_works_in_a_folder_of_its_owner_on_its_node(
    paths: DataPaths, runner: Runner, client: Client, node_dir: Path
) -> None:
    """The folder stays, with input files; where users' folders are shared it is the one here."""
    inputs = (FileInput(stored(Objects(paths.objects), "ada", "in.txt", b"sent")),)
    code = "cat in.txt; pwd; echo $PWD; touch made"
    spec = await client.submit(code, wants=FAR, home="/a b/c", inputs=inputs)
    assert (await client.ended(spec.task_id)).state is TaskState.SUCCEEDED
    (made,) = node_dir.glob("*/home/ada/a b/c/made")
    where = str(made.parent).encode()
    assert [line.data for line in await client.lines(spec.task_id)] == [b"sent" + where, where]
    runner.kill()
    runner.environment["NARTHEX_PLACES_SLURM_SHARED_FILES"] = "true"
    runner.start()
    spec = await client.submit("pwd; touch made", wants=FAR, home="/a b/c")
    assert (await client.ended(spec.task_id)).state is TaskState.SUCCEEDED
    assert list(paths.files.glob("*/a b/c/made"))


@pytest.mark.storm
@pytest.mark.usefixtures("runner")
async def test_the_time_limit_is_kept_on_the_node(client: Client) -> None:
    """Our shim keeps it, to the second; Slurm looks once a minute."""
    spec = await client.submit("sleep 60", wants=FAR, seconds=0.5)
    task = await client.ended(spec.task_id)
    assert task.state is TaskState.TIMED_OUT


@pytest.mark.usefixtures("runner")
async def test_a_suspended_run_stands_still_and_goes_on(client: Client, tmp_path: Path) -> None:
    """The request goes over the landing to the shim."""
    goes_on = tmp_path / "goes-on"
    spec = await client.submit(f"echo up; {until(goes_on)}; echo done", wants=FAR)
    await written(client, spec, 1)
    await client.ask(spec.task_id, "suspend")
    await client.shows(spec.task_id, TaskState.SUSPENDED)
    goes_on.touch()
    await client.ask(spec.task_id, "resume")
    task = await client.ended(spec.task_id)
    assert task.state is TaskState.SUCCEEDED
