"""Sessions of people: login, logout, and a fresh ticket before the old one ends."""

from __future__ import annotations

from typing import Protocol

from gateway import clock
from gateway.stores.accounts import Account
from protocol.accounts import Principal, Role, Ticket
from protocol.errors import GatewayError, Kind

__all__ = ["Decrypter", "Issuer", "Passwords", "Revoker", "Sessions"]


class Issuer(Protocol):
    """Makes tickets."""

    def issue(self, name: str, role: Role, now_ms: int, seconds: int, token_id: str = "") -> Ticket:
        """A fresh ticket, with the id of an older one if it continues that."""
        ...


class Passwords(Protocol):
    """Knows users by their passwords."""

    async def verify(self, name: str, password: str) -> Account | None:
        """The user if the password is right; takes as long for unknown users."""
        ...

    def find(self, name: str) -> Account | None:
        """The user of that name."""
        ...


class Decrypter(Protocol):
    """Reads encrypted passwords."""

    @property
    def public(self) -> bytes:
        """The key to encrypt with (DER)."""
        ...

    def decrypted(self, data: bytes) -> str:
        """The password, empty if the data is none."""
        ...


class Revoker(Protocol):
    """Makes tokens worthless."""

    async def revoke(self, jti: str, until_ms: int, now_ms: int) -> None:
        """From now on the token is not believed; remembered until it would have ended."""
        ...


class Sessions:
    """Issues tickets that live for ``seconds``; ``key`` is for passwords that come encrypted."""

    def __init__(
        self,
        issuer: Issuer,
        passwords: Passwords,
        revoker: Revoker,
        seconds: int,
        key: Decrypter | None = None,
    ) -> None:
        self._issuer = issuer
        self._passwords = passwords
        self._revoker = revoker
        self._seconds = seconds
        self._key = key

    @property
    def public_key(self) -> bytes:
        """The key for passwords (DER), empty if they come as they are."""
        return self._key.public if self._key else b""

    async def login(self, user: str, password: str, encrypted: bytes = b"") -> Ticket:
        """A ticket for who knows the password; nothing tells a wrong one from an unknown user.

        A name that is nobody's is tried in small letters, as people may write it in any.
        """
        if encrypted and self._key is None:
            raise GatewayError(Kind.UNSUPPORTED, "passwords are not taken encrypted here")
        if encrypted and self._key is not None:
            password = self._key.decrypted(encrypted)
        name = user if self._passwords.find(user) else user.lower()
        account = await self._passwords.verify(name, password)
        if account is None:
            raise GatewayError(Kind.UNAUTHENTICATED, "the user name or the password is wrong")
        if clock.now_ms() // 1000 < account.changed_ms // 1000:
            # Whoever believed a ticket of this time would believe one for an older password.
            raise GatewayError(
                Kind.UNAVAILABLE,
                "the clock of the gateway is wrong: it is before the time of your password",
                retry_after=60.0,
            )
        return self._issuer.issue(account.name, account.role, clock.now_ms(), self._seconds)

    async def logout(self, principal: Principal) -> None:
        """Makes the principal's ticket worthless, and all that it was renewed from or into."""
        now = clock.now_ms()
        until = max(principal.expires_ms, now + self._seconds * 1000)
        await self._revoker.revoke(principal.token_id, until, now)

    def renew(self, principal: Principal) -> Ticket | None:
        """A fresh ticket if half of a ticket's life is over, else None."""
        now = clock.now_ms()
        if principal.expires_ms - now > self._seconds * 500:
            return None
        return self._issuer.issue(
            principal.name, principal.role, now, self._seconds, principal.token_id
        )

    def open(self, principal: Principal, user: str) -> Ticket:
        """A ticket of its own for somebody who is known already, or for a user they act for."""
        account = self.known(user or principal.name)
        return self._issuer.issue(account.name, account.role, clock.now_ms(), self._seconds)

    def known(self, name: str) -> Account:
        """The user of that name.

        Raises:
            GatewayError: INVALID if there is none.
        """
        account = self._passwords.find(name) or self._passwords.find(name.lower())
        if account is None:
            raise GatewayError(Kind.INVALID, f"there is no user {name[:64]!r}", field="user")
        return account
