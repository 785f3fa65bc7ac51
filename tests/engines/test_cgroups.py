"""Control groups of runs: what a run's processes made below theirs goes with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engines import cgroups


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


def test_a_group_that_is_gone_needs_no_removing(group: str) -> None:
    """Removing twice is removing once."""
    cgroups.remove(group)
    cgroups.remove(group)
    assert not Path(group).exists()
