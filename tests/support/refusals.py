"""What is refused, and how: for whatever may answer with a GatewayError."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from protocol.errors import GatewayError, Kind

__all__ = ["refusal", "refused_as"]


async def refusal(work: Awaitable[object]) -> GatewayError:
    """The error that ends it; no error is a failure of the test."""
    with pytest.raises(GatewayError) as caught:
        await work
    return caught.value


async def refused_as(work: Awaitable[object]) -> Kind:
    """The kind of the error that ends it."""
    return (await refusal(work)).kind
