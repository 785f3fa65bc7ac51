"""Links: what they prove, and for how long."""

from __future__ import annotations

import pytest

from gateway.auth.tokens import Tokens
from gateway.caller import Caller
from gateway.clock import now_ms
from gateway.services.links import LinkService
from protocol.accounts import Principal, Role
from protocol.commands.links import CheckLink, SignLink
from protocol.errors import GatewayError, Kind
from tests.support.parts import Core

ANN, STRANGER = Caller(Principal("ann", Role.USER)), Caller(None, "10.0.0.1")


async def test_a_word_proves_one_thing_to_anybody(core: Core) -> None:
    """Whoever has it; what was changed of it, or is asked of something else, is refused."""
    word = await core.dispatch(ANN, SignLink("log of a"))
    await core.dispatch(STRANGER, CheckLink("log of a", word))
    longer = f"f{word}"
    for scope, offered in (
        ("log of b", word),
        ("log of a", longer),
        ("log of a", word[:-1]),
        ("log of a", f"{word}A"),
        ("log of a", ""),
        ("log of a", "0-" + "A" * 24),
    ):
        with pytest.raises(GatewayError) as error:
            await core.dispatch(STRANGER, CheckLink(scope, offered))
        assert error.value.kind is Kind.UNAUTHENTICATED, (scope, offered)


async def test_a_word_ends(core: Core) -> None:
    """After its seconds, of which there are at most a day's; strangers are given none."""
    issuer = core.parts.credentials.issuer
    assert isinstance(issuer, Tokens)
    service = LinkService(issuer)
    past = f"{now_ms() // 1000 - 1:x}"
    over = f"{past}-{service._digest('x', past)}"
    with pytest.raises(GatewayError) as error:
        await core.dispatch(STRANGER, CheckLink("x", over))
    assert error.value.kind is Kind.UNAUTHENTICATED
    for seconds in (0, -1, 86_401):
        with pytest.raises(GatewayError) as error:
            await core.dispatch(ANN, SignLink("x", seconds))
        assert error.value.kind is Kind.INVALID
    with pytest.raises(GatewayError) as error:
        await core.dispatch(STRANGER, SignLink("x"))
    assert error.value.kind is Kind.UNAUTHENTICATED
