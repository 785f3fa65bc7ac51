"""The last number of a task is on the disk of each of several nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.stores.number_floor import ROOM, NumberFloor
from protocol.errors import GatewayError, Kind


def test_a_count_that_went_back_is_noticed_also_by_a_fresh_process(tmp_path: Path) -> None:
    """Nothing that was given out by the last note and its room is given again."""
    file = tmp_path / "number"
    floor = NumberFloor(file)
    assert floor.lost(0) == 0
    for last in range(0, 3 * ROOM, ROOM // 8):
        floor.note(last)
        fresh = NumberFloor(file)
        assert fresh.lost(last) == 0
        assert last < ROOM or fresh.lost(0) > last


def test_it_is_written_now_and_then_only(tmp_path: Path) -> None:
    """A note has room for what is given out until the next one."""
    file = tmp_path / "number"
    floor = NumberFloor(file)
    floor.note(1)
    before = file.stat().st_ino
    for last in range(2, ROOM // 2):
        floor.note(last)
    assert file.stat().st_ino == before
    floor.note(ROOM)
    assert file.stat().st_ino != before


def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    """And what could not be noted is noted again."""
    floor = NumberFloor(tmp_path / "gone" / "number")
    for _ in range(2):
        with pytest.raises(GatewayError) as caught:
            floor.note(7)
        assert caught.value.kind is Kind.UNAVAILABLE
