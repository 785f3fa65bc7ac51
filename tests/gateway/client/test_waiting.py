"""Waiting for an end is a plan: asked again and again, with pauses if it is not held back."""

import pytest

from gateway.client.errors import TimedOut
from gateway.client.values import End
from gateway.client.waiting import wait
from tests.gateway.client.player import Player, answer, page


def test_the_end_is_asked_for_until_it_is_there() -> None:
    """A page without an end is followed by another question, after a pause if it came at once."""
    status = answer({"execID": "e", "status": "Failed", "exitCode": 3})
    player = Player(replies=[page(follows=5), page(follows=5, eof=True), status])
    assert player.play(wait("e", player.pacing(), None)) == End(4, "Failed", 3, None)
    assert player.pauses == [0.5]
    assert all(" wait=20" in one for one in player.asked[:2])


def test_no_longer_than_it_may() -> None:
    """The last question is not held back longer than what is left."""
    player = Player(replies=[page(follows=5)] * 9)
    with pytest.raises(TimedOut, match="task e has not ended within 1 seconds"):
        player.play(wait("e", player.pacing(), 1.0))
    assert player.pauses == [0.5, 0.5]
    assert [one.partition(" wait=")[2].split()[0] for one in player.asked] == ["1", "0.5", "0"]
