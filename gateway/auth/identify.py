"""From a credential to a principal: the token is believed, not revoked, and its user exists.

The role is looked up in the accounts at every request, so that a removed or demoted user is one at
once. If the revocations cannot be read, nobody is identified.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from gateway.auth.tokens import Tokens
from protocol.accounts import Principal, Role, Scope, Token, TokenFacts, TokenKind
from protocol.errors import GatewayError, Kind

__all__ = ["Identify", "Known", "Registry", "Revoked", "Uses"]


class Known(Protocol):
    """What is known of a user."""

    @property
    def role(self) -> Role:
        """What they may do."""
        ...

    @property
    def changed_ms(self) -> int:
        """When the password was last set: older tokens are worthless."""
        ...

    @property
    def created_ms(self) -> int:
        """When the user was made: older tokens of applications are worthless."""
        ...


class Registry(Protocol):
    """Who has an account."""

    def find(self, name: str) -> Known | None:
        """The user as of now; None if there is no such user."""
        ...


class Revoked(Protocol):
    """Which tokens are worthless before their time."""

    def revoked(self, jti: str) -> bool:
        """Whether the token was revoked."""
        ...


class Uses(Protocol):
    """Keeps when tokens of applications were last believed."""

    def used(self, user: str, token_id: str, now_ms: int) -> None:
        """It was just now."""
        ...


class Identify:
    """Tells who holds a credential. ``now_ms`` is the wall clock."""

    def __init__(
        self,
        tokens: Tokens,
        accounts: Registry,
        revoked: Revoked,
        uses: Uses,
        now_ms: Callable[[], int],
    ) -> None:
        self._uses = uses
        self._tokens = tokens
        self._accounts = accounts
        self._revoked = revoked
        self._now_ms = now_ms

    def __call__(self, credential: Token) -> Principal:
        """The principal that the credential proves.

        Raises:
            GatewayError: UNAUTHENTICATED, or UNAVAILABLE if that cannot be told now.
        """
        now_ms = self._now_ms()
        claims = self._tokens.read(credential.token, now_ms)
        user = self._accounts.find(claims.name)
        facts = claims.facts
        if user is None or _older(facts, user) or self._ended(facts):
            raise GatewayError(Kind.UNAUTHENTICATED, "the token is not valid or has expired")
        if facts.kind is TokenKind.APPLICATION:
            self._uses.used(claims.name, facts.id, now_ms)
        # What a token is for alone is never what only an administrator may.
        role = user.role if facts.scope is Scope.FULL else Role.USER
        principal = Principal(claims.name, role, facts.id, facts.expires * 1000, facts)
        return self._acting(principal, credential.acting)

    def _ended(self, facts: TokenFacts) -> bool:
        """Whether the token, or any that it was derived from, is worthless before its time."""
        if self._revoked.revoked(facts.id):
            return True
        if facts.parents and any(map(self._revoked.revoked, facts.parents)):
            return True
        if not facts.by:
            return False
        # What an administrator had made for somebody ends with what made them one.
        admin = self._accounts.find(facts.by)
        return admin is None or admin.role is not Role.ADMIN or _older(facts, admin)

    def _acting(self, principal: Principal, name: str) -> Principal:
        """An admin's token speaks for whom it says, another one for its own user alone."""
        if not name or name.lower() == principal.name.lower():
            return principal
        # If no user matches, the lower-case name is tried, as at a login.
        name = name if self._accounts.find(name) else name.lower()
        user = self._accounts.find(name) if principal.admin else None
        if user is None:
            raise GatewayError(Kind.UNAUTHENTICATED, f"the token is not one for user {name[:64]!r}")
        return replace(principal, name=name, role=user.role, holder=principal.name)

    def current(self, credential: Token, principal: Principal) -> bool:
        """Whether a credential still proves the same principal, with the same role."""
        return self(credential) == principal


def _older(facts: TokenFacts, user: Known) -> bool:
    """Whether a token is of a time before the password, or before the user.

    A token counts in whole seconds: one of the same second is not older.
    """
    application = facts.kind is TokenKind.APPLICATION
    return facts.issued < (user.created_ms if application else user.changed_ms) // 1000
