"""What a task asks of a pool, as a cluster is asked for it."""

from __future__ import annotations

import pytest

from protocol.dialects.oar.resource_request import read_request
from protocol.place_size import PlaceSize, beyond_place, size_of
from protocol.resources import Wants


def wants(text: str) -> Wants:
    """What a resource request of OAR's asks for."""
    return Wants((read_request(text).shape,))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("/core=3", PlaceSize(1, 3)),
        ("/nodes=2/core=4", PlaceSize(2, 4)),
        ("/nodes=2", PlaceSize(2, 1, alone=True)),
        ("/cpu=2/core=2", PlaceSize(1, 4)),
        ("/core=1+/core=2", PlaceSize(1, 3)),
        ("/nodes=1/core=2+/core=2", PlaceSize(2, 2)),
        ("/nodes=BEST/core=2", PlaceSize(1, 2)),
    ],
)
def test_nodes_count_nodes_and_the_rest_processors(text: str, size: PlaceSize) -> None:
    """A level of nodes that nothing follows is whole nodes."""
    assert size_of(wants(text)) == size
    assert not beyond_place(wants(text))


def test_a_task_that_asks_for_nothing_has_a_processor() -> None:
    """As it would have one slot here."""
    assert size_of(Wants()) == PlaceSize(1, 1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{network_address = 'n1'}/core=1", "condition"),
        ("/nodes=ALL", "all of something"),
        ("/nodes=1/core=2+/nodes=1/core=3", "different sizes"),
    ],
)
def test_what_only_a_pool_of_ours_knows_is_named(text: str, why: str) -> None:
    """It must not be passed over."""
    assert why in beyond_place(wants(text))
