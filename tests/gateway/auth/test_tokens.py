"""Tokens: one narrow form is believed and everything else is not."""

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path

import jwt
import pytest

from gateway.auth.tokens import SigningKeyError, Tokens, load_key, make_key
from protocol.accounts import Role
from protocol.errors import GatewayError, Kind

KEY = bytes(range(32))
NOW_MS = 1_800_000_000_000
NOW = NOW_MS // 1000
DAY = 86_400
GOOD: Mapping[str, object] = {
    "iss": "narthex",
    "aud": "narthex",
    "sub": "ann",
    "jti": "0123",
    "iat": NOW,
    "exp": NOW + 60,
}


@pytest.fixture
def tokens() -> Tokens:
    """Tokens that live for a day at most."""
    return Tokens(KEY, DAY)


def signed(
    claims: object, headers: dict[str, object] | None = None, key: bytes = KEY, alg: str = "HS256"
) -> str:
    """A token with any claims and header, signed as whoever has the key would."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": alg, "typ": "JWT"} | (headers or {}), claims)
    ]
    signature = jwt.get_algorithm_by_name("HS256").sign(b".".join(parts), key)
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def refused(tokens: Tokens, token: str) -> bool:
    """Whether a token is refused as such."""
    with pytest.raises(GatewayError) as error:
        tokens.read(token, NOW_MS)
    return error.value.kind is Kind.UNAUTHENTICATED


def test_what_was_issued_is_believed(tokens: Tokens) -> None:
    """A fresh ticket says who holds it and until when."""
    ticket = tokens.issue("ann", Role.USER, NOW_MS, 60)
    claims = tokens.read(ticket.token, NOW_MS)
    assert (claims.name, claims.facts.expires) == ("ann", NOW + 60)
    assert claims.facts.id == ticket.principal.token_id


def test_the_reference_token_of_these_tests_is_good(tokens: Tokens) -> None:
    """The attacks below fail for their own reason, not because of how they are signed."""
    assert tokens.read(signed(GOOD), NOW_MS).name == "ann"


def test_two_tickets_differ(tokens: Tokens) -> None:
    """Each ticket has a name of its own, so that one can be revoked alone."""
    first, second = (tokens.issue("ann", Role.USER, NOW_MS, 60) for _ in range(2))
    assert first.principal.token_id != second.principal.token_id


@pytest.mark.parametrize("seconds", [0, -1, DAY + 1, 10**12])
def test_no_ticket_outlives_the_limit(tokens: Tokens, seconds: int) -> None:
    """A ticket lives from a second to the configured maximum."""
    with pytest.raises(GatewayError) as error:
        tokens.issue("ann", Role.USER, NOW_MS, seconds)
    assert error.value.kind is Kind.INVALID


@pytest.mark.parametrize("missing", sorted(GOOD))
def test_every_claim_is_required(tokens: Tokens, missing: str) -> None:
    """A token without any one of its claims is refused."""
    assert refused(tokens, signed({k: v for k, v in GOOD.items() if k != missing}))


@pytest.mark.parametrize(
    "change",
    [
        {"exp": str(NOW + 60)},
        {"exp": NOW + 60.5},
        {"exp": True},
        {"exp": None},
        {"exp": 1e308},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": -1},
        {"exp": 253_402_300_799},
        {"exp": NOW},
        {"exp": NOW - 1},
        {"exp": NOW + DAY + 1},
        {"exp": [NOW + 60]},
        {"iat": str(NOW)},
        {"iat": NOW + 3600},
        {"iat": NOW - 10 * DAY},
        {"iat": 0},
        {"iat": -(10**30)},
        {"iat": False},
        {"sub": ""},
        {"sub": 1},
        {"sub": None},
        {"sub": ["ann"]},
        {"sub": "a" * 257},
        {"jti": ""},
        {"jti": 7},
        {"iss": "Narthex"},
        {"iss": "narthex "},
        {"iss": ["narthex"]},
        {"iss": None},
        {"aud": "other"},
        {"aud": ["narthex"]},
        {"aud": "narthexx"},
        {"aud": ""},
        {"nbf": NOW + 60},
        {"nbf": 0},
        {"role": "admin"},
        {"admin": True},
        {"scp": "everything"},
        {"scp": ["read"]},
        {"scp": None},
        {"scp": 1},
    ],
    ids=str,
)
def test_every_claim_is_typed(tokens: Tokens, change: dict[str, object]) -> None:
    """A claim of another type or value, or one more than there should be, is refused."""
    assert refused(tokens, signed({**GOOD, **change}))


@pytest.mark.parametrize(
    "headers",
    [
        {"alg": "none"},
        {"alg": "NoNe"},
        {"alg": "HS384"},
        {"alg": "HS512"},
        {"alg": "RS256"},
        {"alg": "ES256"},
        {"alg": ["HS256"]},
        {"alg": None},
        {"kid": "../../dev/null"},
        {"kid": "' OR 1=1"},
        {"kid": "k" * 10_000},
        {"kid": []},
        {"kid": None},
        {"crit": ["exp"]},
        {"jku": "http://evil.example/keys"},
        {"x5u": "http://evil.example/cert"},
        {"jwk": {"kty": "oct", "k": ""}},
        {"b64": False},
    ],
    ids=lambda headers: str(headers)[:30],
)
def test_the_header_may_say_nothing_but_the_algorithm(
    tokens: Tokens, headers: dict[str, object]
) -> None:
    """No header chooses the algorithm, the key or what must be understood."""
    assert refused(tokens, signed(GOOD, headers))


@pytest.mark.parametrize("alg", ["HS384", "HS512"])
def test_another_algorithm_with_the_same_key_is_refused(tokens: Tokens, alg: str) -> None:
    """The key counts for one algorithm only."""
    assert refused(tokens, jwt.encode(dict(GOOD), KEY * 2, algorithm=alg))


def test_an_unsigned_token_is_refused(tokens: Tokens) -> None:
    """Neither the algorithm none nor an empty signature passes."""
    assert refused(tokens, jwt.encode(dict(GOOD), "", algorithm="none"))
    assert refused(tokens, signed(GOOD).rpartition(".")[0] + ".")


def test_another_key_is_refused(tokens: Tokens) -> None:
    """A token that somebody else signed is refused."""
    assert refused(tokens, signed(GOOD, key=os.urandom(32)))


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "." * 100_000,
        "a" * 1_000_000,
        "\ufeff" + "a.b.c",
        "ä.ö.ü",
        "a.b",
        "a.b.c.d",
        "null.null.null",
        "e30.e30.e30",
        "W10.W10.",
        "\x00.\x00.\x00",
    ],
    ids=lambda token: repr(token)[:20],
)
def test_what_is_no_token_is_refused(tokens: Tokens, token: str) -> None:
    """Text of any kind and size is refused and never an error of ours."""
    assert refused(tokens, token)


@pytest.mark.parametrize("claims", [[], "x", None, 1, {}], ids=str)
def test_claims_that_are_no_object_are_refused(tokens: Tokens, claims: object) -> None:
    """A payload that is no object is refused."""
    assert refused(tokens, signed(claims))


def test_a_large_token_is_refused_however_good(tokens: Tokens) -> None:
    """A properly signed token of more than 8 KB is refused."""
    assert refused(tokens, signed({**GOOD, "sub": "a" * 9_000}))


def test_deep_claims_are_refused(tokens: Tokens) -> None:
    """A payload nested beyond all reason is refused."""
    deep: object = "x"
    for _ in range(200):
        deep = [deep]
    assert refused(tokens, signed({**GOOD, "sub": deep}))


def test_two_tokens_are_none(tokens: Tokens) -> None:
    """Two good tokens side by side are not a token."""
    token = signed(GOOD)
    assert refused(tokens, f"{token},{token}")
    assert refused(tokens, f"{token} {token}")


def test_the_key_is_random_and_private(tmp_path: Path) -> None:
    """A new key is 32 random bytes that only its owner can read, and stays what it is."""
    path = tmp_path / "token.key"
    make_key(path)
    key = load_key(path)
    assert len(key) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    make_key(path)
    assert load_key(path) == key


@pytest.mark.parametrize("content", [b"", b"secret", b"changeme" * 10, b"\0" * 64])
def test_a_weak_key_is_refused(tmp_path: Path, content: bytes) -> None:
    """A key that is short or no random bytes is refused."""
    path = tmp_path / "token.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SigningKeyError):
        load_key(path)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A key that may have been read by others is no key."""
    path = tmp_path / "token.key"
    make_key(path)
    path.chmod(0o644)
    with pytest.raises(SigningKeyError, match="0600"):
        load_key(path)


def test_a_key_behind_a_link_is_refused(tmp_path: Path) -> None:
    """A link in the place of the key is not followed."""
    make_key(tmp_path / "real")
    (tmp_path / "token.key").symlink_to(tmp_path / "real")
    with pytest.raises(SigningKeyError):
        load_key(tmp_path / "token.key")


def test_a_short_key_signs_nothing() -> None:
    """Nothing is signed with a key of fewer than 32 bytes."""
    with pytest.raises(SigningKeyError):
        Tokens(b"short", DAY)
