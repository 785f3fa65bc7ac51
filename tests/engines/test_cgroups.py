"""Control groups of runs: what a run's processes made below theirs goes with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engines import cgroups
from engines.launcher import ShimChoice, Zygote
from engines.rundir.facts import ExitKind
from tests.engines.conftest import Runs
from tests.support.waiting import wait_until


@pytest.fixture
def group() -> str:
    """A group of this test's own, skipped where nobody may make one."""
    made = cgroups.make(cgroups.own_group(), f"test-{os.getpid()}")
    if not made:
        pytest.skip("no control group may be made here")
    return made


def test_groups_nested_beyond_recursion_are_removed(group: str) -> None:
    """Row A12: more than a thousand groups inside one another go, and nothing is raised."""
    fd = os.open(group, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(1100):
        os.mkdir("d", dir_fd=fd)
        inner = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    cgroups.remove(group)
    assert not Path(group).exists()


@pytest.mark.parametrize("shim", ["python", "native"], indirect=True)
async def test_runs_have_their_groups_beside_that_of_the_service(
    group: str, tmp_path: Path, shim: ShimChoice
) -> None:
    """A group with members may not give controllers on: runs go below the one above it."""
    service, before = f"{group}/{cgroups.SERVICE}", cgroups.own_group()
    Path(service).mkdir()
    cgroups.enter(service)
    try:
        async with Zygote(shim=shim) as zygote:
            runs = Runs(tmp_path, zygote)
            ending, run = await runs.run("true")
    finally:
        cgroups.enter(before)
    shim_fact = run.shim()
    assert shim_fact is not None
    assert str(Path(shim_fact.cgroup).parent) == group
    assert ending.kind is ExitKind.EXITED
    members = Path(service, "cgroup.procs")
    await wait_until(lambda: not members.read_text(), "the zygote and the shim to be gone")
    cgroups.remove(group)


def test_a_group_that_is_gone_needs_no_removing(group: str) -> None:
    """Removing twice is removing once."""
    cgroups.remove(group)
    cgroups.remove(group)
    assert not Path(group).exists()
