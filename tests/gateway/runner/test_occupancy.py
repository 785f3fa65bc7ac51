"""Who has what of the pool: the picture is taken anew when it has changed, and only then."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from engines.rundir.directory import KILL, RunDir
from gateway.config import load
from gateway.runner.live_runs import LiveRun, LiveRuns
from gateway.runner.occupancy import Occupancy
from gateway.stores.allotment import Allotment
from gateway.stores.pool import PoolFile
from gateway.stores.queues import QueueFile
from protocol.resources import Leaf

LEAVES = 4


@pytest.fixture
def live_runs() -> LiveRuns:
    """Nobody yet."""
    return LiveRuns()


@pytest.fixture
def occupancy(tmp_path: Path, live_runs: LiveRuns) -> Occupancy:
    """A pool of four leaves."""
    settings = msgspec.structs.replace(load(None).runner, running_total=LEAVES)
    pool = PoolFile(tmp_path / "pool", settings)
    return Occupancy(pool, QueueFile(tmp_path / "queues"), settings, live_runs)


def run(
    tmp_path: Path, name: str, owner: str = "ada", allotment: Allotment | None = None
) -> LiveRun:
    """A live run."""
    folder = tmp_path / name
    folder.mkdir()
    return LiveRun(name, owner, RunDir(folder), allotment=allotment)


def test_who_comes_and_who_leaves_is_seen(
    tmp_path: Path, live_runs: LiveRuns, occupancy: Occupancy
) -> None:
    """Each with a leaf of its own; while nothing happens it is the same picture."""
    assert occupancy.occupied() == []
    first, second = run(tmp_path, "a"), run(tmp_path, "b", "bob")
    live_runs.enter(first)
    occupancy.give(first, None, [1])
    live_runs.enter(second)
    occupancy.give(second, None, [2])
    seen = occupancy.occupied()
    assert {held.run_id: held.leaves for held in seen} == {"a": (1,), "b": (2,)}
    assert occupancy.slots() == Counter(ada=1, bob=1)
    assert occupancy.occupied() is seen
    live_runs.leave(first)
    assert [held.run_id for held in occupancy.occupied()] == ["b"]
    assert occupancy.slots() == Counter(bob=1)


def test_what_a_run_is_given_later_is_seen(
    tmp_path: Path, live_runs: LiveRuns, occupancy: Occupancy
) -> None:
    """It was live already, with what it was given at first."""
    live = run(tmp_path, "a")
    live_runs.enter(live)
    occupancy.give(live, None, [1])
    assert occupancy.slots().total() == 1
    occupancy.give(live, Allotment((Leaf(2), Leaf(3))))
    (held,) = occupancy.occupied()
    assert held.leaves == (2, 3)
    assert occupancy.slots() == Counter(ada=2)


def test_one_without_a_leaf_gets_the_next_that_is_free(
    tmp_path: Path, live_runs: LiveRuns, occupancy: Occupancy
) -> None:
    """More ran before anybody looked than there are leaves."""
    many = [run(tmp_path, f"run{number}") for number in range(LEAVES + 1)]
    for live in many:
        live_runs.enter(live)
    assert sorted(len(held.leaves) for held in occupancy.occupied()) == [0, 1, 1, 1, 1]
    (poor,) = (held.run_id for held in occupancy.occupied() if not held.leaves)
    live_runs.leave(next(live for live in many if live.run_id != poor))
    assert all(held.leaves for held in occupancy.occupied())


def test_that_one_which_may_be_preempted_ends_is_seen(
    tmp_path: Path, live_runs: LiveRuns, occupancy: Occupancy
) -> None:
    """It is looked up on the run: nobody came and nobody left."""
    live = run(tmp_path, "a", allotment=Allotment((Leaf(1),), preemptible=True))
    live_runs.enter(live)
    live.look()
    assert [held.ending for held in occupancy.occupied()] == [False]
    Path(live.run.file(KILL)).write_bytes(b"{}")
    live.look()
    assert [held.ending for held in occupancy.occupied()] == [True]
