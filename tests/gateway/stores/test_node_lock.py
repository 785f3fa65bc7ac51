"""The right to act for a node."""

from pathlib import Path

import pytest

from gateway.stores.node_lock import lock_node
from protocol.errors import GatewayError, Kind


def test_one_runner_holds_a_node_and_epochs_grow(tmp_path: Path) -> None:
    """The lock is given once, and no epoch twice, whatever Redis remembers."""
    spool = tmp_path / "spool"
    spool.mkdir()
    lock = lock_node(spool)
    with pytest.raises(GatewayError) as caught:
        lock_node(spool)
    assert caught.value.kind is Kind.CONFLICT
    assert [lock.next_epoch(), lock.next_epoch(10), lock.next_epoch(3)] == [1, 11, 12]
    lock.close()
    lock.close()
    again = lock_node(spool)
    assert again.next_epoch() == 13
    (spool / "epoch").write_text("garbage")
    assert again.next_epoch(20) == 21
    again.close()
