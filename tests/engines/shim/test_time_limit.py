"""The clock of a run stands still with it."""

from __future__ import annotations

from engines.shim.time_limit import TimeLimit

NEVER = float("inf")


def test_a_run_that_has_not_begun_has_all_its_time() -> None:
    """Nothing is due before."""
    limit = TimeLimit(5, 0, 2)
    assert (limit.stop_at, limit.warn_at, limit.elapsed(9)) == (NEVER, NEVER, 0)


def test_time_is_up_after_the_limit_and_the_warning_comes_before() -> None:
    """Once; a limit of 0 is none."""
    limit = TimeLimit(5, 0, 2)
    limit.begin(100)
    assert (limit.stop_at, limit.warn_at, limit.elapsed(101)) == (105, 103, 1)
    limit.warned()
    assert limit.warn_at == NEVER
    limit.change(0)
    assert limit.stop_at == NEVER


def test_while_it_stands_still_nothing_counts() -> None:
    """Neither for the limit nor for how long it went on; pausing twice is pausing once."""
    limit = TimeLimit(5)
    limit.begin(100)
    limit.pause(102)
    limit.pause(103)
    assert (limit.stop_at, limit.elapsed(200)) == (NEVER, 2)
    limit.resume(110)
    limit.resume(111)
    assert (limit.stop_at, limit.elapsed(111)) == (113, 3)


def test_a_change_counts_from_the_beginning_and_warns_anew() -> None:
    """Less than what has passed is up at once; more than is allowed is what is allowed."""
    limit = TimeLimit(50, 60, 1)
    limit.begin(100)
    limit.warned()
    limit.change(3)
    assert (limit.stop_at, limit.warn_at) == (103, 102)
    limit.change(1000)
    assert limit.stop_at == 160
    limit.change(0)
    assert limit.stop_at == 160
