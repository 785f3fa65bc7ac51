"""The pool and the queues as files that several processes read and change."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import load
from gateway.config.settings import Runner
from gateway.stores.pool import PoolFile
from gateway.stores.private_file import PrivateFile
from gateway.stores.queues import QueueFile
from protocol.errors import GatewayError, Kind
from protocol.resources import LeafState, Queue, QueueStatus


def runner(**settings: object) -> Runner:
    """The settings of a runner."""
    return load(None, {}, {f"runner.{name}": value for name, value in settings.items()}).runner


def test_a_change_is_seen_by_others_and_stands_through_a_restart(tmp_path: Path) -> None:
    """Who read the file before reads it again."""
    settings = runner(pool="/node=n{2}/core={2}")
    one, other = PoolFile(tmp_path / "pool", settings), PoolFile(tmp_path / "pool", settings)
    assert one.leaves() == other.leaves()
    assert one.leaves() is one.leaves()
    other.set_state(2, LeafState.ABSENT)
    assert [leaf.state for leaf in one.leaves()][1] is LeafState.ABSENT
    assert PoolFile(tmp_path / "pool", settings).leaves() == one.leaves()
    assert (tmp_path / "pool").stat().st_mode & 0o077 == 0


def test_another_description_is_another_pool(tmp_path: Path) -> None:
    """What was changed in the old pool does not count for the new one, also not the ids."""
    path = tmp_path / "pool"
    PoolFile(path, runner(running_total=4, running_per_user=1)).set_state(1, LeafState.DEAD)
    smaller = PoolFile(path, runner(running_total=2, running_per_user=1))
    assert [leaf.state for leaf in smaller.leaves()] == [LeafState.ALIVE] * 2
    smaller.set_state(2, LeafState.DEAD)
    assert len(smaller.leaves()) == 2


def test_a_damaged_file_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    """Neither read nor changed: somebody has to look at it."""
    (tmp_path / "queues").write_text("{")
    queues = QueueFile(tmp_path / "queues")
    for work in (queues.all, lambda: queues.put(Queue("a"))):
        with pytest.raises(GatewayError) as refusal:
            work()
        assert refusal.value.kind is Kind.UNAVAILABLE
    assert (tmp_path / "queues").read_text() == "{"


def test_queues_come_back_as_they_were(tmp_path: Path) -> None:
    """The default queue is there without a file, and can be changed and not removed."""
    queues = QueueFile(tmp_path / "queues")
    assert queues.all() == {"default": Queue("default")}
    made = queues.put(Queue("a", 10.0, 20.0, QueueStatus.STOPPED, -3, "word"))
    queues.put(Queue("default", ceiling=50.0))
    again = QueueFile(tmp_path / "queues").all()
    assert again == {"a": made, "default": Queue("default", ceiling=50.0)}


def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    """Also if it fails half-way."""
    file = PrivateFile(tmp_path / "value", dict[str, int], dict)
    file.change(lambda value: {**value, "a": 1})

    def fails(value: dict[str, int]) -> dict[str, int]:
        value["b"] = 2
        raise GatewayError(Kind.CONFLICT, "no")

    with pytest.raises(GatewayError):
        file.change(fails)
    assert file.read() == {"a": 1}
