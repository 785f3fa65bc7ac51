"""Logins: by password, the end of one, and a fresh ticket before the old one ends.

Who guesses passwords is slowed down here, by user and by address.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from gateway import clock
from gateway.caller import Access, Caller, counted_as
from gateway.services.login_turns import LoginTurns
from gateway.services.parts import Credentials, Parts
from gateway.services.service import Verb, for_user
from gateway.services.tokens import TokenService
from gateway.stores.directory import Account
from gateway.stores.known_addresses import KnownAddresses
from protocol.accounts import Principal, Ticket
from protocol.commands.login import (
    Hello,
    Login,
    Logout,
    OpenLogin,
    ReadLoginKey,
    Renew,
    WhoAmI,
)
from protocol.errors import GatewayError, Kind, Subject

__all__ = ["LoginService", "Passwords"]

_LONGEST_NAME = 256


class Passwords(Protocol):
    """Knows users by their passwords."""

    async def verify(self, name: str, password: str) -> Account | None:
        """The user if the password is right; takes as long for unknown users."""
        ...

    def find(self, name: str) -> Account | None:
        """The user of that name."""
        ...


class LoginService:
    """Carries out the commands on logins.

    Args:
        credentials: what encrypted passwords are read with, and wrong ones counted.
        passwords: who has an account.
        tokens: makes tickets and ends them.
        addresses: from where users have logged in.
        attempts: how many wrong passwords a user may send within a window.
    """

    def __init__(
        self,
        credentials: Credentials,
        passwords: Passwords,
        tokens: TokenService,
        addresses: KnownAddresses,
        *,
        attempts: int,
    ) -> None:
        self._turns = LoginTurns(credentials.attempts, attempts)
        self._addresses = addresses
        self._key = credentials.key
        self._passwords = passwords
        self._tokens = tokens

    @classmethod
    def of(cls, parts: Parts) -> LoginService:
        """The service of a gateway."""
        return cls(
            parts.credentials,
            parts.stores.directory,
            parts.get(TokenService),
            parts.stores.addresses,
            attempts=parts.config.auth.login_attempts,
        )

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        return (
            Verb(Hello, Access.OPEN, self.hello),
            Verb(Login, Access.OPEN, self.login),
            Verb(Logout, Access.OPEN, self.logout),
            Verb(ReadLoginKey, Access.OPEN, self.read_key),
            Verb(WhoAmI, Access.LOOK, for_user(self.who_am_i)),
            Verb(Renew, Access.LOOK, for_user(self.renew)),
            Verb(
                OpenLogin,
                Access.USER,
                for_user(self.open),
                owner=lambda command: command.user,
                others="act for others",
            ),
        )

    async def hello(self, _caller: Caller, _command: Hello) -> None:
        """Nothing: the dialect answers by itself."""

    async def read_key(self, _caller: Caller, _command: ReadLoginKey) -> bytes:
        """The key for passwords (DER), empty if they come as they are."""
        return self._key.public if self._key else b""

    async def who_am_i(self, principal: Principal, _command: WhoAmI) -> Principal:
        """Who the caller is taken for."""
        return principal

    async def login(self, caller: Caller, command: Login) -> Ticket:
        """A ticket for who knows the password; nothing tells a wrong one from an unknown user."""
        password = command.password
        if command.encrypted:
            if self._key is None:
                raise GatewayError(Kind.UNSUPPORTED, "passwords are not taken encrypted here")
            password = self._key.decrypted(command.encrypted)
        account = await self.prove(caller, command.user, password)
        if clock.now_ms() // 1000 < account.changed_ms // 1000:
            # Whoever believed a ticket of this time would believe one for an older password.
            raise GatewayError(
                Kind.UNAVAILABLE,
                "the clock of the gateway is wrong: it is before the time of your password",
                retry_after=60.0,
            )
        return await self._tokens.bought(account, command.seconds)

    async def prove(self, caller: Caller, user: str, password: str) -> Account:
        """The user whose password this is; who guesses is slowed down.

        Raises:
            GatewayError: UNAUTHENTICATED for a wrong one, EXHAUSTED after too many.
        """
        now, address = clock.now_ms(), counted_as(caller.address)
        # If no user matches, the lower-case name is tried, as people may write it in any.
        user = user if self._passwords.find(user) else user.lower()
        known = self._addresses.knows(user, address, now)
        async with self._turns.turn(user[:_LONGEST_NAME], address, known=known):
            account = await self._passwords.verify(user, password)
            if account is None:
                # Only dialects whose documents tell an unknown name apart look at the subject.
                known_name = self._passwords.find(user) is not None
                raise GatewayError(
                    Kind.UNAUTHENTICATED,
                    "the user name or the password is wrong",
                    subject=Subject.NONE if known_name else Subject.USER,
                )
        await self._addresses.note(account.name, address, now)
        return account

    async def logout(self, caller: Caller, _command: Logout) -> None:
        """Makes the caller's token worthless, and all that it was renewed or derived into."""
        if caller.principal is not None:
            await self._tokens.end(caller.principal)

    async def renew(self, principal: Principal, _command: Renew) -> Ticket | None:
        """A token with a later end if half of a login's life is over and it may have one."""
        return await self._tokens.renewed(principal)

    async def open(self, principal: Principal, command: OpenLogin) -> Ticket:
        """A token of its own for somebody who is known already, or for a user they act for."""
        return await self._tokens.derived(principal, command.user)
