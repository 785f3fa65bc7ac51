"""Short tokens are tokens like any other."""

from gateway.auth.short_tokens import short_token
from gateway.auth.tokens import Tokens

KEY = bytes(range(64))
NOW_MS = 1_800_000_000_000


def test_who_reads_tokens_reads_them() -> None:
    """Whose it is, and when it ends, is what was asked for."""
    found = Tokens(KEY, 3600).read(short_token(KEY, "änn", NOW_MS, 600), NOW_MS)
    assert found.name == "änn"
    assert (found.facts.issued, found.facts.expires) == (1_800_000_000, 1_800_000_600)
    assert found.facts.id
