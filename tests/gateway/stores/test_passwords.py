"""Hashes of passwords: of today, and of an earlier release."""

from __future__ import annotations

import hashlib

import pytest

from gateway.stores import passwords
from protocol.errors import GatewayError, Kind

_SALT = b"0123456789abcdef"


def _old(password: bytes, cost: int = 1 << 14) -> str:
    digest = hashlib.scrypt(password, salt=_SALT, n=cost, r=8, p=1, maxmem=64 << 20, dklen=32)
    return passwords.legacy(_SALT, digest, cost)


def test_a_hash_is_salted_and_of_its_password_only() -> None:
    """Twice the same password gives two hashes, and each fits that password alone."""
    first, second = passwords.hashed("correct horse"), passwords.hashed("correct horse")
    assert first != second
    assert first.startswith("$argon2id$")
    assert passwords.matches(first, "correct horse")
    assert not passwords.matches(second, "correct horsf")
    assert not passwords.matches(first, "")
    assert not passwords.outdated(first)


def test_an_earlier_hash_is_believed_and_outdated() -> None:
    """Who had a password keeps it; the next login makes the hash anew."""
    kept = _old(b"first one")
    assert passwords.matches(kept, "first one")
    assert not passwords.matches(kept, "first two")
    assert passwords.outdated(kept)
    assert passwords.outdated("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA")


@pytest.mark.parametrize(
    "kept", ["", "x", "scrypt$", "scrypt$1$a$b$c", "scrypt$x$YQ==$YQ==", "scrypt$16384$?$?"]
)
def test_what_is_no_hash_fits_nothing(kept: str) -> None:
    """A damaged entry lets nobody in and breaks nothing."""
    assert not passwords.matches(kept, "anything")


def test_characters_that_cannot_be_typed_fit_nothing() -> None:
    """A lone surrogate is looked at like any other wrong password."""
    assert not passwords.matches(passwords.hashed("?"), "\ud800")


@pytest.mark.parametrize(("length", "good"), [(7, False), (8, True), (1024, True), (1025, False)])
def test_a_new_password_has_a_length(length: int, *, good: bool) -> None:
    """At least 8 characters, whatever characters they are, and no endless ones."""
    if good:
        assert passwords.check_password("é" * length)
        return
    with pytest.raises(GatewayError) as caught:
        passwords.check_password("é" * length)
    assert (caught.value.kind, caught.value.field) == (Kind.INVALID, "password")
    assert caught.value.message == "a password has 8 to 1024 characters"


def test_nobody_has_the_hash_of_nobody() -> None:
    """An unknown user costs a look at a hash that no password has."""
    assert passwords.unknown() != passwords.unknown()
    assert not passwords.matches(passwords.unknown(), "")
