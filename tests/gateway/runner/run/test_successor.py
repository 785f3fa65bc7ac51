"""When another task takes the place of one that ended, and that it is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.rundir.requests import RunEvent
from gateway.clock import now_ms
from gateway.data_paths import DataPaths
from gateway.runner.run.successor import is_wanted, submit_again
from gateway.stores.redis_client import RedisClient
from protocol.tasks import Again, Outcome, Reason
from tests.gateway.runner.rig import Client, make_node, settings, spec_of

AGAIN = Again("before", exit_code=99, signal=12)
PREEMPTED = Outcome(Reason.PREEMPTED, None, 15, "")


def exited(code: int) -> Outcome:
    """It ended by itself."""
    return Outcome(Reason.EXITED, code, None, "")


@pytest.mark.parametrize(
    ("outcome", "event", "wanted"),
    [
        (PREEMPTED, "", True),
        (exited(99), "warned", True),
        (exited(99), "signalled", True),
        (exited(99), "signal", False),
        (exited(99), "", False),
        (exited(0), "warned", False),
        (Outcome(Reason.KILLED, 99, None, ""), "warned", False),
    ],
)
def test_when_it_is_submitted_again(outcome: Outcome, event: str, wanted: bool) -> None:  # noqa: FBT001 - a table
    """After a preemption, or with the code that was agreed on after the signal was sent."""
    events = [RunEvent(event, 1, signal=12)] if event else []
    assert is_wanted(AGAIN, outcome, events) is wanted


def test_another_signal_is_none() -> None:
    """Only the signal that was agreed on counts, and without a code nothing does."""
    other = [RunEvent("signalled", 1, signal=10)]
    assert not is_wanted(AGAIN, exited(99), other)
    assert not is_wanted(Again("before"), exited(0), [RunEvent("warned", 1)])


async def test_it_is_made_once(link: RedisClient, tmp_path: Path) -> None:
    """Whoever is interrupted after any step and begins again makes no second task."""
    paths = DataPaths.of(tmp_path / "data")
    paths.prepare()
    client = Client(link, paths)
    node = make_node(link, paths, settings())
    spec = spec_of(7, again=AGAIN)
    await client.spool.accept(spec)
    run = client.spool.find(spec.task_id)
    assert run is not None
    await node.lease.ready(node.epoch)
    for _ in range(3):
        await submit_again(node, spec, run, PREEMPTED, now_ms())
    found = await client.spool.claimed("ada", f"again {spec.task_id}")
    assert found is not None
    assert found.expires_ms - found.created_ms == spec.expires_ms - spec.created_ms
    assert set(await client.spool.live_ids()) == {spec.task_id, found.task_id}
