"""How many requests of one user may wait."""

import pytest

from gateway.services.long_poll import LongPollLimiter
from protocol.errors import GatewayError, Kind


def test_one_user_too_many_is_refused_and_others_are_not() -> None:
    """The bound is each user's own, and the refusal says to come again."""
    waits = LongPollLimiter(2)
    with waits.one("ann"), waits.one("ann"):
        with pytest.raises(GatewayError) as refused, waits.one("ann"):
            pass
        assert refused.value.kind is Kind.EXHAUSTED
        assert refused.value.retry_after > 0
        with waits.one("bob"):
            pass


def test_a_wait_that_failed_gives_its_place_back() -> None:
    """However a wait ends, the next one may wait."""
    waits = LongPollLimiter(1)
    for _ in range(3):
        with pytest.raises(OSError, match="gone"), waits.one("ann"):
            raise OSError("gone")
