"""Signed tokens: how they are made and the only way in which one is believed.

One algorithm, every claim required and typed, size before anything else, and a header that may say
nothing but the algorithm. A token says who; what that user may do is looked up, never read from it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import jwt

from protocol.accounts import Principal, Role, Ticket
from protocol.errors import GatewayError, Kind

__all__ = ["Claims", "SigningKeyError", "Tokens", "load_key", "make_key"]

MAX_TOKEN_BYTES = 8192
_ALGORITHM = "HS256"
_ISSUER = "narthex"
_AUDIENCE = "narthex"
_KEY_BYTES = 32
_LEEWAY_SECONDS = 60
_CLAIMS = frozenset({"iss", "aud", "sub", "jti", "iat", "exp"})
_HEADER = frozenset({"alg", "typ"})
_MAX_NAME = 256
_REMEMBERED = 1024


class SigningKeyError(Exception):
    """The signing key cannot be used; the message is one line for a person."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a believed token says. Times are whole seconds since the epoch."""

    name: str
    token_id: str
    issued: int
    expires: int


class Tokens:
    """Makes and reads tokens with one key. ``max_seconds`` bounds every token's life."""

    def __init__(self, key: bytes, max_seconds: int) -> None:
        if len(key) < _KEY_BYTES:
            raise SigningKeyError(
                f"the signing key has {len(key)} bytes, at least {_KEY_BYTES} are needed"
            )
        self._key = key
        self._max_seconds = max_seconds
        # By the digest of a token what it says, once its signature was proven: that never changes.
        self._signed: dict[bytes, dict[str, object]] = {}

    def issue(self, name: str, role: Role, now_ms: int, seconds: int, token_id: str = "") -> Ticket:
        """A fresh ticket for a user; with the id of an older one it is revoked together with that.

        Raises:
            GatewayError: INVALID if it would live longer than any token may.
        """
        if not 0 < seconds <= self._max_seconds:
            raise GatewayError(
                Kind.INVALID, f"a token lives from 1 to {self._max_seconds} seconds, not {seconds}"
            )
        issued = now_ms // 1000
        token_id = token_id or os.urandom(16).hex()
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": name,
            "jti": token_id,
            "iat": issued,
            "exp": issued + seconds,
        }
        token = jwt.encode(claims, self._key, algorithm=_ALGORITHM)
        expires_ms = (issued + seconds) * 1000
        return Ticket(token, Principal(name, role, token_id, expires_ms), expires_ms)

    def read(self, token: str, now_ms: int) -> Claims:
        """What a token says, if it is ours, whole and in its time.

        Raises:
            GatewayError: UNAUTHENTICATED, with one sentence for every reason.
        """
        try:
            return self._believed(token, now_ms // 1000)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise GatewayError(
                Kind.UNAUTHENTICATED, "the token is not valid or has expired"
            ) from error

    def _believed(self, token: str, now: int) -> Claims:
        if len(token) > MAX_TOKEN_BYTES or not token.isascii() or token.count(".") != 2:  # noqa: PLR2004 - a compact token has three parts
            raise ValueError("size or form")
        digest = hashlib.sha256(token.encode()).digest()
        claims = self._signed.get(digest)
        if claims is None:
            claims = self._verified(token)
            if len(self._signed) >= _REMEMBERED:
                del self._signed[next(iter(self._signed))]
            self._signed[digest] = claims
        return self._typed(claims, now)

    def _verified(self, token: str) -> dict[str, object]:
        """What a token says whose signature is ours, whatever that is."""
        header = jwt.get_unverified_header(token)
        if not _HEADER.issuperset(header) or header.get("alg") != _ALGORITHM:
            raise ValueError("header")
        # Times are checked below with our own types and clock: the library lets strings and
        # numbers without bounds through.
        claims: dict[str, object] = jwt.decode(
            token,
            self._key,
            algorithms=[_ALGORITHM],
            options={
                "require": sorted(_CLAIMS),
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "verify_aud": False,
                "verify_iss": False,
                "verify_sub": False,
                "verify_jti": False,
            },
        )
        return claims

    def _typed(self, claims: dict[str, object], now: int) -> Claims:
        if claims.keys() != _CLAIMS:
            raise ValueError("claims")
        if claims["iss"] != _ISSUER or claims["aud"] != _AUDIENCE:
            raise ValueError("issuer or audience")
        name, token_id = claims["sub"], claims["jti"]
        issued, expires = claims["iat"], claims["exp"]
        if not (isinstance(name, str) and 0 < len(name) <= _MAX_NAME):
            raise ValueError("subject")
        if not (isinstance(token_id, str) and 0 < len(token_id) <= _MAX_NAME):
            raise ValueError("token id")
        if type(issued) is not int or type(expires) is not int:
            raise ValueError("times")
        if not now - self._max_seconds <= issued <= now + _LEEWAY_SECONDS:
            raise ValueError("issued")
        if not now < expires <= issued + self._max_seconds:
            raise ValueError("expired")
        return Claims(name, token_id, issued, expires)


def make_key(path: Path) -> None:
    """Writes a random signing key, mode 0600, unless there is one already."""
    try:
        descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
    except FileExistsError:
        return
    except OSError as error:
        raise SigningKeyError(f"cannot write {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(_KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())


def load_key(path: Path) -> bytes:
    """The signing key, if nobody but its owner can read it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise SigningKeyError(f"cannot read {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(file.fileno())
        if stat.S_IMODE(facts.st_mode) & 0o077 or facts.st_uid != os.getuid():
            raise SigningKeyError(f"{path} must belong to this user and have mode 0600")
        key = file.read(4096)
    if len(key) < _KEY_BYTES or len(set(key)) < _KEY_BYTES // 4:
        raise SigningKeyError(f"{path} holds no key of at least {_KEY_BYTES} random bytes")
    return key
