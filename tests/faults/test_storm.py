"""Runs are submitted and read while the gateway and the runner are killed with SIGKILL."""

from __future__ import annotations

import os
from contextlib import ExitStack, nullcontext
from pathlib import Path

import pytest

from tests.faults.cgroup_judge import perhaps_judging
from tests.faults.chance import chance
from tests.faults.storm import Plan, storm
from tests.support.served import serving
from tests.support.waiting import wait_until

LONG = 20


async def blown(plan: Plan, folder: Path, *options: str) -> None:
    """Blows one storm over a gateway of its own, judges it, and looks whether anybody is left."""
    effects = folder / "effects"
    effects.mkdir()
    with perhaps_judging(f"storm-{plan.seed}") as judge:
        with ExitStack() as stack:
            with judge.inside() if judge else nullcontext():
                gateway = stack.enter_context(
                    serving(folder / "data", *options, NARTHEX_RUNNER_GRACE_SECONDS="0.5")
                )
            ledger = await storm(gateway, plan, effects)
        if judge:
            try:
                await wait_until(lambda: not judge.populated, "nobody to be left")
            except AssertionError:
                ledger.violate("I6", "ended runs", f"processes {judge.members()} are left")
    ledger.check()


@pytest.mark.parametrize("seed", [1])
async def test_a_small_storm(seed: int, tmp_path: Path) -> None:
    """Nothing acknowledged is lost, run twice, or told wrongly while parts die at random."""
    await blown(Plan(seed, runs=18, kills=6), tmp_path)


def seeds() -> list[int]:
    """The seeds of the long storm: those of NARTHEX_TEST_SEED, else drawn anew each time."""
    given = os.environ.get("NARTHEX_TEST_SEED", "")
    if given:
        return [int(seed) for seed in given.split(",")]
    first = int.from_bytes(os.urandom(3))
    return [chance(first, turn).randrange(10**9) for turn in range(LONG)]


@pytest.mark.storm
@pytest.mark.timeout(900)
@pytest.mark.parametrize("turn", range(LONG))
async def test_the_long_storm(turn: int, tmp_path: Path) -> None:
    """Three hundred runs and eighty kills leave no violation, for any seed."""
    seed = seeds()[turn % len(seeds())]
    print(f"seed {seed}")  # noqa: T201 - a storm that fails must be able to blow again
    plan = Plan(seed, runs=300, kills=80, abreast=12, seconds=600)
    await blown(plan, tmp_path, "--workers", "2")
