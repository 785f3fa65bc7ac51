"""Hashes of passwords: made with argon2id, and older ones believed until their user logs in again.

A password is never kept, compared in clear or put into an error. The work takes tens of
milliseconds and as many megabytes: callers do it in a thread and few at a time.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import b64decode, b64encode
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from protocol.errors import GatewayError, Kind

__all__ = ["LEAST", "LONGEST", "check_password", "hashed", "legacy", "matches", "outdated"]

LEAST, LONGEST = 8, 1024
"""How many characters a new password has."""
_FEWEST = 6
"""How many a dialect may ask for whose own documents say so."""

_SCRYPT = "scrypt"
_BLOCK, _LANES, _MEMORY, _BYTES = 8, 1, 64 << 20, 32


@cache
def _hasher() -> PasswordHasher:
    # The parameters that OWASP recommends: about 30 ms and 19 MiB. Guesses come many at a time, and
    # others share the processors with them.
    return PasswordHasher(time_cost=2, memory_cost=19 << 10, parallelism=1)


def check_password(password: str, least: int = LEAST) -> str:
    """The password, if it may be a new one of at least so many characters, never fewer than six.

    Raises:
        GatewayError: INVALID.
    """
    least = max(least, _FEWEST)
    if not least <= len(password) <= LONGEST:
        raise GatewayError(
            Kind.INVALID, f"a password has {least} to {LONGEST} characters", field="password"
        )
    return password


def hashed(password: str) -> str:
    """The hash of a password as it is kept, with its salt and its parameters."""
    return _hasher().hash(_bytes(password))


def matches(kept: str, password: str) -> bool:
    """Whether a password is the one of a hash, of either kind. Takes its time in any case."""
    secret = _bytes(password[:LONGEST])
    if kept.startswith(f"{_SCRYPT}$"):
        return _matches_scrypt(kept, secret)
    try:
        return _hasher().verify(kept, secret)
    except (VerificationError, InvalidHashError):
        return False


def outdated(kept: str) -> bool:
    """Whether a hash should be made anew when its password is next known."""
    return kept.startswith(f"{_SCRYPT}$") or _hasher().check_needs_rehash(kept)


def legacy(salt: bytes, digest: bytes, cost: int) -> str:
    """The hash of an earlier release in the form of today."""
    return f"{_SCRYPT}${cost}${b64encode(salt).decode()}${b64encode(digest).decode()}"


def unknown() -> str:
    """A hash that no password has, to look at for a user that does not exist."""
    return hashed(os.urandom(16).hex())


def _matches_scrypt(kept: str, secret: bytes) -> bool:
    try:
        _, cost, salt, digest = kept.split("$")
        found = hashlib.scrypt(
            secret,
            salt=b64decode(salt, validate=True),
            n=int(cost),
            r=_BLOCK,
            p=_LANES,
            maxmem=_MEMORY,
            dklen=_BYTES,
        )
        return hmac.compare_digest(found, b64decode(digest, validate=True))
    except ValueError:
        return False


def _bytes(password: str) -> bytes:
    # A lone surrogate is no character anybody can type: it takes as long and matches nothing else.
    return password.encode("utf-8", "surrogatepass")
