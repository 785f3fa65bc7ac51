"""Pings that ask how far a peer is: one at a time, in order, and never too close together."""

from collections.abc import Awaitable, Callable

from gateway.transport.confirmations import Confirmations
from tests.support.waiting import wait_until


async def test_what_was_before_a_ping_is_confirmed_by_its_answer() -> None:
    """Linkis section 9, point 6: an answer confirms what was written before its ping, no more."""
    pings: list[bytes] = []
    confirmed: list[int] = []
    asked = Confirmations(pings.append)
    for number in (1, 2, 3):
        asked.after(lambda number=number: confirmed.append(number))  # type: ignore[misc]
    assert len(pings) == 3
    for payload in (b"", b"told ", b"told 7", b"told x", b"other 1"):
        asked.answered(payload)
    assert confirmed == []
    asked.answered(pings[0])
    assert confirmed == [1]
    asked.answered(pings[0])
    asked.answered(pings[2])
    assert confirmed == [1, 2, 3]


async def test_of_very_many_one_ping_stands_for_all_that_wait() -> None:
    """Pings are few, however much is to be confirmed, and the last one confirms all of it."""
    pings: list[bytes] = []
    confirmed: list[int] = []
    asked = Confirmations(pings.append)
    for number in range(1000):
        asked.after(lambda number=number: confirmed.append(number))  # type: ignore[misc]
    before = len(pings)
    await wait_until(_has(pings, before + 1), "the last ping")
    asked.answered(pings[-1])
    assert confirmed == list(range(1000))
    assert len(pings) < 100


async def test_a_lost_connection_confirms_nothing() -> None:
    """After the end there are no pings and no confirmations, whatever still comes."""
    pings: list[bytes] = []
    confirmed: list[int] = []
    asked = Confirmations(pings.append)
    asked.after(lambda: confirmed.append(1))
    asked.lost()
    asked.answered(pings[0])
    asked.after(lambda: confirmed.append(2))
    assert (confirmed, len(pings)) == ([], 1)


def _has(pings: list[bytes], count: int) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return len(pings) >= count

    return look
