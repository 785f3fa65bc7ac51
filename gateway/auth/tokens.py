"""Signed tokens: how they are made and the only way in which one is believed.

One algorithm, every claim required and typed, size before anything else, and a header that may say
nothing but the algorithm. A token says who; what that user may do is looked up, never read from it.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

import jwt

from gateway.auth.short_tokens import AUDIENCE, ISSUER
from gateway.auth.signing_key import KEY_BYTES, SigningKeyError, load_key, make_key
from gateway.ids import new_token_id
from protocol.accounts import Principal, Role, Scope, Ticket, TokenFacts, TokenKind
from protocol.errors import GatewayError, Kind

__all__ = ["Claims", "SigningKeyError", "Tokens", "load_key", "make_key"]

MAX_TOKEN_BYTES = 8192
_ALGORITHM = "HS256"
_LEEWAY_SECONDS = 60
_CLAIMS = frozenset({"iss", "aud", "sub", "jti", "iat", "exp"})
_MORE_CLAIMS = frozenset({"max", "par", "act", "app", "pwd", "scp"})
"""How far it may be renewed, what it was derived from, for which administrator, for an
application, bought with a password, and for what alone; each left out where there is nothing to
say."""
_HEADER = frozenset({"alg", "typ"})
_MAX_NAME = 256
_MAX_PARENTS = 8
_REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class Claims:
    """What a believed token says: whose it is, and the rest."""

    name: str
    facts: TokenFacts


class Tokens:
    """Makes and reads tokens with one key. ``max_seconds`` bounds every token's life."""

    def __init__(self, key: bytes, max_seconds: int) -> None:
        if len(key) < KEY_BYTES:
            raise SigningKeyError(
                f"the signing key has {len(key)} bytes, at least {KEY_BYTES} are needed"
            )
        self._key = key
        self.max_seconds = max_seconds
        # By the digest of a token what it says, once its signature was proven: that never changes.
        self._signed: dict[bytes, Claims] = {}

    def seal(self, purpose: str, said: str) -> bytes:
        """A digest (SHA-256) of a text that only this key makes, of its own for each purpose."""
        key = hmac.digest(self._key, purpose.encode(), "sha256")
        return hmac.digest(key, said.encode("utf-8", "surrogatepass"), "sha256")

    def issue(self, name: str, role: Role, now_ms: int, seconds: int, token_id: str = "") -> Ticket:
        """A fresh ticket for a user; with the id of an older one it is revoked together with that.

        Raises:
            GatewayError: INVALID if it would live longer than any token may.
        """
        if not 0 < seconds <= self.max_seconds:
            raise GatewayError(
                Kind.INVALID, f"a token lives from 1 to {self.max_seconds} seconds, not {seconds}"
            )
        issued = now_ms // 1000
        expires = issued + seconds
        facts = TokenFacts(token_id or new_token_id(), issued, expires, expires)
        return self.sign(name, role, facts)

    def sign(self, name: str, role: Role, facts: TokenFacts) -> Ticket:
        """The ticket of a user that says this; the same each time.

        Raises:
            GatewayError: INVALID if it would live longer than any token may, FORBIDDEN if it is
                derived from one that is derived from one, and so on too often.
        """
        if not 0 < facts.expires - facts.issued <= self.max_seconds:
            raise GatewayError(Kind.INVALID, f"a token lives from 1 to {self.max_seconds} seconds")
        if len(facts.parents) > _MAX_PARENTS:
            raise GatewayError(
                Kind.FORBIDDEN, f"tokens are derived at most {_MAX_PARENTS} times, please log in"
            )
        claims: dict[str, object] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": name,
            "jti": facts.id,
            "iat": facts.issued,
            "exp": facts.expires,
        }
        if facts.until > facts.expires:
            claims["max"] = facts.until
        if facts.parents:
            claims["par"] = list(facts.parents)
        if facts.by:
            claims["act"] = facts.by
        if facts.kind is TokenKind.APPLICATION:
            claims["app"] = True
        if facts.proved:
            claims["pwd"] = True
        if facts.scope is not Scope.FULL:
            claims["scp"] = facts.scope.value
        token = jwt.encode(claims, self._key, algorithm=_ALGORITHM)
        expires_ms = facts.expires * 1000
        return Ticket(token, Principal(name, role, facts.id, expires_ms, facts), expires_ms)

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
            claims = _typed(self._verified(token))
            if len(self._signed) >= _REMEMBERED:
                del self._signed[next(iter(self._signed))]
            self._signed[digest] = claims
        facts = claims.facts
        if not now - self.max_seconds <= facts.issued <= now + _LEEWAY_SECONDS:
            raise ValueError("issued")
        if not now < facts.expires <= facts.issued + self.max_seconds:
            raise ValueError("expired")
        return claims

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


def _typed(claims: dict[str, object]) -> Claims:
    """What a token says, but for its times; raises ValueError for anything that we never said."""
    if not _CLAIMS <= claims.keys() <= _CLAIMS | _MORE_CLAIMS:
        raise ValueError("claims")
    if claims["iss"] != ISSUER or claims["aud"] != AUDIENCE:
        raise ValueError("issuer or audience")
    name, token_id = claims["sub"], claims["jti"]
    issued, expires = claims["iat"], claims["exp"]
    if not (isinstance(name, str) and 0 < len(name) <= _MAX_NAME):
        raise ValueError("subject")
    if not (isinstance(token_id, str) and 0 < len(token_id) <= _MAX_NAME):
        raise ValueError("token id")
    if type(issued) is not int or type(expires) is not int:
        raise ValueError("times")
    return Claims(name, _facts(token_id, issued, expires, claims))


def _facts(token_id: str, issued: int, expires: int, claims: dict[str, object]) -> TokenFacts:
    """The rest of what a token says; raises ValueError for anything that we never said."""
    until, parents, by = claims.get("max", expires), claims.get("par", []), claims.get("act", "")
    if type(until) is not int or until < expires:
        raise ValueError("renewal")
    if not (isinstance(parents, list) and len(parents) <= _MAX_PARENTS):
        raise ValueError("parents")
    if not all(isinstance(one, str) and 0 < len(one) <= _MAX_NAME for one in parents):
        raise ValueError("parents")
    if not (isinstance(by, str) and len(by) <= _MAX_NAME):
        raise ValueError("administrator")
    if any(claims.get(name, True) is not True for name in ("app", "pwd")):
        raise ValueError("kind")
    kind = TokenKind.APPLICATION if "app" in claims else TokenKind.BROWSER
    scope = Scope(str(claims.get("scp", Scope.FULL)))
    proved = "pwd" in claims
    return TokenFacts(token_id, issued, expires, until, kind, tuple(parents), by, proved, scope)
