"""The value that a user's forms hold."""

from __future__ import annotations

from gateway.auth.form_tokens import FormTokens


def test_each_user_has_another_one_that_stays() -> None:
    """All processes with the key make the same; nobody without it makes any."""
    tokens = FormTokens(b"k" * 32)
    assert tokens.of("ann") == FormTokens(b"k" * 32).of("ann")
    assert len({tokens.of("ann"), tokens.of("bo"), FormTokens(b"x" * 32).of("ann")}) == 3
    assert len(tokens.of("ann")) == 64
    assert tokens.of("") == ""
