"""Sessions of people: login, logout, and a fresh ticket before the old one ends."""

from __future__ import annotations

from typing import Protocol

from gateway import clock
from gateway.stores.accounts import Account
from protocol.accounts import Principal, Role, Ticket
from protocol.errors import GatewayError, Kind

__all__ = ["Issuer", "Passwords", "Revoker", "Sessions"]


class Issuer(Protocol):
    """Makes tickets."""

    def issue(self, name: str, role: Role, now_ms: int, seconds: int) -> Ticket:
        """A fresh ticket."""
        ...


class Passwords(Protocol):
    """Knows users by their passwords."""

    async def verify(self, name: str, password: str) -> Account | None:
        """The user if the password is right; takes as long for unknown users."""
        ...


class Revoker(Protocol):
    """Makes tokens worthless."""

    async def revoke(self, jti: str, until_ms: int, now_ms: int) -> None:
        """From now on the token is not believed; remembered until it would have ended."""
        ...


class Sessions:
    """Issues tickets that live for ``seconds``."""

    def __init__(
        self, issuer: Issuer, passwords: Passwords, revoker: Revoker, seconds: int
    ) -> None:
        self._issuer = issuer
        self._passwords = passwords
        self._revoker = revoker
        self._seconds = seconds

    async def login(self, user: str, password: str) -> Ticket:
        """A ticket for who knows the password; nothing tells a wrong one from an unknown user."""
        account = await self._passwords.verify(user, password)
        if account is None:
            raise GatewayError(Kind.UNAUTHENTICATED, "the user name or the password is wrong")
        return self._issuer.issue(account.name, account.role, clock.now_ms(), self._seconds)

    async def logout(self, principal: Principal) -> None:
        """Makes the principal's ticket worthless."""
        await self._revoker.revoke(principal.token_id, principal.expires_ms, clock.now_ms())

    def renew(self, principal: Principal) -> Ticket | None:
        """A fresh ticket if half of a ticket's life is over, else None."""
        now = clock.now_ms()
        if principal.expires_ms - now > self._seconds * 500:
            return None
        return self._issuer.issue(principal.name, principal.role, now, self._seconds)
