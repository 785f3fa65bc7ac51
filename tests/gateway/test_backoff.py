"""The pauses between tries."""

from gateway.backoff import Backoff


def test_each_failure_doubles_the_pause_up_to_the_bound() -> None:
    """The pauses grow twofold and stay at the longest."""
    pauses = Backoff(0.5, 3.0)
    assert [pauses.next() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_a_success_begins_anew() -> None:
    """After a reset the next failure is a first one."""
    pauses = Backoff(0.5, 3.0)
    pauses.next()
    pauses.next()
    pauses.reset()
    assert pauses.next() == 0.5
