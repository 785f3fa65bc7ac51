"""What there is and what is asked for, as values that are kept and read again."""

from __future__ import annotations

import msgspec
import pytest

from protocol.expressions import Expr
from protocol.resources import ALL, Leaf, LeafState, Pick, Ports, Shape, Wants, slots


@pytest.mark.parametrize(
    "wants",
    [
        Wants(),
        Wants((slots(4, 60.0),), queue="vc1", memory_mb=2048, ports={"http": Ports(2)}),
        Wants(
            (
                Shape((Pick(Expr("mem > 1"), (("node", 2), ("core", ALL))), Pick()), 7200.0),
                Shape((Pick(Expr("node LIKE 'b%'"), (("id", 1),)),)),
            ),
            priority=-3,
            preemptible=True,
        ),
    ],
)
def test_wants_are_kept_exactly(wants: Wants) -> None:
    """What was asked for comes back from the disk as it was, its conditions ready to be used."""
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(wants), type=Wants)
    assert again == wants
    for shape in again.shapes:
        for pick in shape.groups:
            assert pick.filter.holds({"mem": 2, "node": "b1"})


def test_who_asks_for_nothing_gets_one_leaf() -> None:
    """There is always an alternative."""
    assert Wants().shapes == (slots(1),)


def test_a_leaf_knows_itself() -> None:
    """A condition may speak of a leaf's id like of a property."""
    leaf = Leaf(7, LeafState.ALIVE, {"core": 3})
    assert Expr("id = 7 AND core = 3").holds(leaf.values())
