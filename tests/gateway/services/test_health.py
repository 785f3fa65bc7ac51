"""The health of the parts: all of them told, and a part that is not well beside those that are."""

from __future__ import annotations

import pytest

from gateway.caller import Caller
from protocol.accounts import Principal, Role
from protocol.commands.health import ReadHealth
from protocol.errors import GatewayError, Kind
from tests.support.parts import Core

ANN = Caller(Principal("ann", Role.USER))


async def test_each_part_is_told_with_its_figures(core: Core) -> None:
    """Redis and the disk are well here; no runner holds the lease of the index."""
    parts = {part.name: part for part in await core.dispatch(ANN, ReadHealth())}
    assert list(parts) == ["redis", "runner", "disk", "memory", "processors"]
    assert parts["redis"].well
    assert parts["redis"].figures["used_bytes"] > 0
    assert not parts["runner"].well
    assert parts["runner"].message
    assert 0 < parts["disk"].figures["free_bytes"] <= parts["disk"].figures["total_bytes"]
    assert 0 < parts["memory"].figures["available_bytes"] < parts["memory"].figures["total_bytes"]
    assert parts["processors"].figures["count"] >= 1


async def test_strangers_are_told_nothing(core: Core) -> None:
    """Figures are for users."""
    with pytest.raises(GatewayError) as refusal:
        await core.dispatch(Caller(None, "192.0.2.1"), ReadHealth())
    assert refusal.value.kind is Kind.UNAUTHENTICATED
