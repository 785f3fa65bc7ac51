"""A full pool under OAR requests: no leaf is given twice, all jobs run."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync

TAKING = """for leaf in ${{NARTHEX_LEAVES//,/ }}; do
  mkdir {folder}/$leaf || echo "$OAR_JOB_ID $leaf" >> {folder}/clashes
done
sleep 0.0$((RANDOM % 9))
for leaf in ${{NARTHEX_LEAVES//,/ }}; do rmdir {folder}/$leaf; done
echo $OAR_JOB_ID >> {folder}/done
"""
REQUESTS = (
    "/core=1",
    "/core=3",
    "/nodes=1",
    "/nodes=2",
    "/nodes=2/cpu=1",
    "/cpu=1",
    "{network_address='node1'}/core=2",
    "{network_address='node2'}/cpu=1+{network_address='node1'}/core=1",
    "/core=BEST",
)


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Served]:
    """A gateway with two nodes of four cores."""
    with serving(
        tmp_path / "data", NARTHEX_RUNNER_POOL="/nodes=node{2}/cpu={2}/core={2}"
    ) as served:
        yield served


@pytest.mark.parametrize(
    "count", [25, pytest.param(300, marks=pytest.mark.storm)], ids=["few", "many"]
)
def test_no_leaf_is_given_twice(pool: Served, tmp_path: Path, count: int) -> None:
    """Sections 7.2 and 16: seen by the jobs themselves, each of which takes a folder for a leaf."""
    marks = tmp_path / "marks"
    marks.mkdir()
    chosen = random.Random(count)  # noqa: S311 - a mixture, no secret
    bodies = [
        {
            "command": TAKING.format(folder=marks),
            "resource": f"{chosen.choice(REQUESTS)},walltime=1",
        }
        for _ in range(count)
    ]
    with httpx.Client(base_url=f"{pool.url}/oarapi", headers=pool.headers, timeout=60) as oar:
        with ThreadPoolExecutor(8) as threads:
            replies = list(threads.map(lambda body: oar.post("/jobs.json", json=body), bodies))
        assert {reply.status_code for reply in replies} == {201}
        numbers = {int(reply.json()["id"]) for reply in replies}

        def ended() -> bool:
            done = marks / "done"
            return done.exists() and len(done.read_text().split()) == count

        wait_until_sync(ended, f"{count} jobs to run", 300)
        assert not (marks / "clashes").exists(), (marks / "clashes").read_text()
        assert set(map(int, (marks / "done").read_text().split())) == numbers
        query: dict[str, str | int] = {"from": 1, "limit": 0, "state": "Terminated"}
        wait_until_sync(
            lambda: oar.get("/jobs.json", params=query).json()["total"] == count, "all to end", 60
        )
