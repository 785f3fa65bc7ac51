"""From a credential to a principal: the token is believed, not revoked, and its user exists.

The role is looked up in the accounts at every request, so that a removed or demoted user is one at
once. If the revocations cannot be read, nobody is identified.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from gateway.auth.tokens import Tokens
from protocol.accounts import Credential, Principal, Role
from protocol.errors import GatewayError, Kind

__all__ = ["Identify", "Known", "Registry", "Revoked"]


class Known(Protocol):
    """What is known of a user."""

    @property
    def role(self) -> Role:
        """What they may do."""
        ...

    @property
    def changed_ms(self) -> int:
        """When the password was last set: older tickets are worthless."""
        ...


class Registry(Protocol):
    """Who has an account."""

    def find(self, name: str) -> Known | None:
        """The user as of now; None if there is no such user."""
        ...


class Revoked(Protocol):
    """Which tokens are worthless before their time."""

    def revoked(self, token_id: str) -> bool:
        """Whether the token was revoked."""
        ...


class Identify:
    """Tells who holds a credential. ``now_ms`` is the wall clock."""

    def __init__(
        self, tokens: Tokens, accounts: Registry, revoked: Revoked, now_ms: Callable[[], int]
    ) -> None:
        self._tokens = tokens
        self._accounts = accounts
        self._revoked = revoked
        self._now_ms = now_ms

    def __call__(self, credential: Credential) -> Principal:
        """The principal that the credential proves.

        Raises:
            GatewayError: UNAUTHENTICATED, or UNAVAILABLE if that cannot be told now.
        """
        claims = self._tokens.read(credential.token, self._now_ms())
        user = self._accounts.find(claims.name)
        # A ticket counts in whole seconds: one of the same second as the password is not older.
        older = user is None or claims.issued < user.changed_ms // 1000
        if user is None or older or self._revoked.revoked(claims.token_id):
            raise GatewayError(Kind.UNAUTHENTICATED, "the token is not valid or has expired")
        principal = Principal(claims.name, user.role, claims.token_id, claims.expires * 1000)
        return self._acting(principal, credential.acting)

    def _acting(self, principal: Principal, name: str) -> Principal:
        """An admin's token speaks for whom it says, another one for its own user alone."""
        if not name or name.lower() == principal.name.lower():
            return principal
        # A name that is nobody's is tried in small letters, as at a login.
        name = name if self._accounts.find(name) else name.lower()
        user = self._accounts.find(name) if principal.admin else None
        if user is None:
            raise GatewayError(Kind.UNAUTHENTICATED, f"the token is not one for user {name[:64]!r}")
        return replace(principal, name=name, role=user.role)

    def current(self, credential: Credential, principal: Principal) -> bool:
        """Whether a credential still proves the same principal, with the same role."""
        return self(credential) == principal
