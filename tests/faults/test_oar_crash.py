"""Everything is killed in the middle of an OAR array with a job on hold and a suspended one.

Gateway, runner, supervisor and one shim die at once and Redis loses all it knew. Right afterwards
states and leaves are what they were, but for the job whose shim died; then all goes on to its end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.redis_server import own_redis
from tests.faults.test_openpai_crash import kill_all
from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync

POOL = "/nodes=node{2}/cpu={2}/core={2}"
CODE = """echo shim $PPID
n=0
while [ ! -e {go} ]; do n=$((n+1)); echo $1 $n; sleep 0.05; done
echo end $n #"""
RUNS, SUSPENDED, LOST, HELD = range(4)


def client(served: Served) -> httpx.Client:
    """The administrator, who sends and reads JSON."""
    headers = {**served.headers, "Accept": "application/json"}
    return httpx.Client(base_url=f"{served.url}/oarapi", headers=headers, timeout=60)


def jobs(oar: httpx.Client, array: int) -> list[dict[str, Any]]:
    """All jobs of the array with what they hold, in order; nothing while the index is restored."""
    query: dict[str, str | int] = {"array": array, "from": 1}
    reply = oar.get("/jobs/details", params=query)
    return list(reply.json()["items"]) if reply.status_code == 200 else []


def states(oar: httpx.Client, array: int) -> list[str]:
    """The states of the jobs of the array."""
    return [str(one["state"]) for one in jobs(oar, array)]


def printed(oar: httpx.Client, number: int) -> list[str]:
    """The lines that a job printed so far."""
    reply = oar.get(f"/media/~/OAR.{number}.stdout")
    return reply.text.splitlines() if reply.status_code == 200 else []


def held(found: list[dict[str, Any]]) -> list[list[int]]:
    """The resources of each job."""
    return [[int(leaf["id"]) for leaf in one["resources"]] for one in found]


def wait_for(oar: httpx.Client, array: int, *wanted: str) -> None:
    """Waits until the jobs are in these states."""
    wait_until_sync(lambda: states(oar, array) == list(wanted), f"{array} to be {wanted}", 60)


def begun(oar: httpx.Client, folder: Path) -> int:
    """An array of four: one that runs, a suspended one, one that will be lost, one on hold."""
    body = {
        "script": CODE.format(go=folder / "go"),
        "param_file": "a\nb\nc\nd",
        "resource": "/cpu=1,walltime=1",
        "hold": 1,
    }
    reply = oar.post("/jobs", json=body)
    assert reply.status_code == 201, reply.text
    array = int(reply.json()["id"])
    for at in (RUNS, SUSPENDED, LOST):
        assert oar.post(f"/jobs/{array + at}/resumptions/new").status_code == 202
    wait_for(oar, array, "Running", "Running", "Running", "Hold")
    for at in (RUNS, SUSPENDED, LOST):
        wait_until_sync(lambda at=at: len(printed(oar, array + at)) > 5, "it to print", 60)  # type: ignore[misc]
    assert oar.post(f"/jobs/{array + SUSPENDED}/rholds/new").status_code == 202
    wait_for(oar, array, "Running", "Suspended", "Running", "Hold")
    return array


@pytest.mark.timeout(240)
def test_an_array_goes_on_as_it_was(tmp_path: Path) -> None:
    """States, logs and leaves right after the crash, and at the end."""
    with own_redis(tmp_path / "r") as server:
        url = f"unix://{server.socket}"
        options = {"NARTHEX_REDIS_URL": url, "NARTHEX_RUNNER_POOL": POOL}
        with serving(tmp_path / "data", **options) as served, client(served) as oar:
            array = begun(oar, tmp_path)
            before = held(jobs(oar, array))
            shim = int(printed(oar, array + LOST)[0].removeprefix("shim "))
            lines = [printed(oar, array + at) for at in range(3)]
            kill_all(served, server, {"shim": shim})
        with serving(tmp_path / "data", **options) as served, client(served) as oar:
            wait_for(oar, array, "Running", "Suspended", "Error", "Hold")
            after = held(jobs(oar, array))
            assert after[RUNS] == before[RUNS]
            assert after[SUSPENDED] == before[SUSPENDED]
            kept = {*before[RUNS], *before[SUSPENDED]}
            wait_until_sync(
                lambda: free_leaves(oar) == set(range(1, 9)) - kept, "those of the lost one", 60
            )
            for at in range(3):
                assert printed(oar, array + at)[: len(lines[at])] == lines[at], at
            still = printed(oar, array + SUSPENDED)
            goes_on = len(printed(oar, array + RUNS))
            wait_until_sync(
                lambda: len(printed(oar, array + RUNS)) > goes_on + 3, "the first to go on", 60
            )
            assert printed(oar, array + SUSPENDED) == still
            for at in (SUSPENDED, HELD):
                assert oar.post(f"/jobs/{array + at}/resumptions/new").status_code == 202
            wait_for(oar, array, "Running", "Running", "Error", "Running")
            taken = [leaf for some in held(jobs(oar, array))[:2] for leaf in some]
            taken += held(jobs(oar, array))[HELD]
            assert len(taken) == len(set(taken)) == 6
            (tmp_path / "go").touch()
            wait_for(oar, array, "Terminated", "Terminated", "Error", "Terminated")
            for at, word in ((RUNS, "a"), (SUSPENDED, "b"), (HELD, "d")):
                judge(printed(oar, array + at), word)
            wait_until_sync(lambda: free_leaves(oar) == set(range(1, 9)), "all to be free", 60)


def free_leaves(oar: httpx.Client) -> set[int]:
    """The resources that no job has."""
    items = oar.get("/resources/resource_id/jobs").json()["items"]
    return {int(one["resource_id"]) for one in items if not one["jobs"]}


def judge(lines: list[str], word: str) -> None:
    """Every line of a job once and in order."""
    assert lines[0].startswith("shim ")
    count = len(lines) - 2
    assert lines[1:-1] == [f"{word} {number + 1}" for number in range(count)]
    assert lines[-1] == f"end {count}"
