"""What clients have under way is counted for their user, or their address, and given back."""

import contextlib

import msgspec
import pytest

from gateway.config import Limits, load
from gateway.transport.usage import Usage
from protocol.errors import GatewayError, Kind


def usage(**changed: int) -> Usage:
    """The counts of a process with some limits changed."""
    limits = msgspec.structs.replace(load(None, {}, {}).limits, **changed)
    assert isinstance(limits, Limits)
    return Usage(limits, 1000)


def refusal(counts: Usage, user: str, address: str) -> GatewayError:
    """Why one more websocket is not opened."""
    with pytest.raises(GatewayError) as error:
        counts.socket(user, address)
    return error.value


def test_sockets_of_strangers_count_for_their_address() -> None:
    """Row D7: so many of an address, whatever others have; a refusal says when to come back."""
    counts = usage(sockets_per_address=2)
    first = counts.socket("", "10.0.0.1")
    counts.socket("", "10.0.0.1")
    counts.socket("", "10.0.0.2")
    error = refusal(counts, "", "10.0.0.1")
    assert (error.kind, error.retry_after > 0) == (Kind.EXHAUSTED, True)
    first.end()
    first.end()
    counts.socket("", "10.0.0.1")
    refusal(counts, "", "10.0.0.1")


def test_strangers_with_many_addresses_of_one_network_are_one() -> None:
    """Row D7: an IPv6 client has 2^64 addresses and is counted by their beginning."""
    counts = usage(sockets_per_address=1)
    counts.socket("", "2001:db8::1")
    refusal(counts, "", "2001:db8::2")
    counts.socket("", "2001:db8:0:1::2")


def test_a_login_moves_a_socket_to_its_user() -> None:
    """Row D7: from then on it counts for the user, and no more for the address."""
    counts = usage(sockets_per_address=1, sockets_per_user=1)
    one = counts.socket("", "10.0.0.1")
    one.login("ann")
    one.login("ann")
    other = counts.socket("", "10.0.0.1")
    with pytest.raises(GatewayError) as error:
        other.login("ann")
    assert error.value.kind is Kind.EXHAUSTED
    refusal(counts, "ann", "10.0.0.9")
    one.end()
    other.login("ann")
    counts.socket("", "10.0.0.1")


def test_frames_are_counted_over_all_sockets_of_a_user() -> None:
    """Row D4: more sockets bring no more frames, and a new one no fresh allowance."""
    counts = usage(frames_per_second=1, frame_burst=100)
    one, other = counts.socket("ann", "a"), counts.socket("ann", "a")
    assert one.frames(60)
    assert not other.frames(60)
    one.end()
    assert not counts.socket("ann", "b").frames(90)
    assert counts.socket("bob", "a").frames(90)


def test_a_stranger_has_few_frames() -> None:
    """Row D4: a login is one message: 64 frames of any kind are enough for it."""
    stranger = usage().socket("", "10.0.0.1")
    assert stranger.frames(64)
    assert not stranger.frames(1)


def test_unread_bytes_are_bounded_for_each_user_and_for_all() -> None:
    """Row D3: bodies and messages under way are counted together, and given back at their end."""
    counts = usage(unread_bytes_per_user=1000, unread_bytes=1500)
    with counts.body("ann", "a") as body, counts.body("bob", "b") as other:
        body.grow(900)
        assert not counts.socket("ann", "a").holds(200)
        with pytest.raises(GatewayError) as error:
            other.grow(700)
        assert error.value.kind is Kind.EXHAUSTED
    with counts.body("ann", "a") as body:
        body.grow(700)


def test_bodies_that_are_waited_for_are_bounded() -> None:
    """Row D3: so many at the same time of one address; those that are there are not counted."""
    counts = usage(bodies_per_user=2)
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(counts.body("", "10.0.0.1")).wait()
        third = stack.enter_context(counts.body("", "10.0.0.1"))
        third.grow(10)
        with pytest.raises(GatewayError) as error:
            third.wait()
        assert error.value.retry_after > 0
        stack.enter_context(counts.body("ann", "10.0.0.1")).wait()
    with counts.body("", "10.0.0.1") as body:
        body.wait()


def test_who_holds_nothing_is_forgotten() -> None:
    """Very many addresses leave no count behind."""
    counts = usage()
    kept = counts.socket("", "10.0.0.1")
    for number in range(12_000):
        counts.socket("", f"10.1.{number // 250}.{number % 250}").end()
    assert len(counts._parties) <= 10_001
    assert kept.frames(1)
