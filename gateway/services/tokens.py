"""Tokens: what a login gives, what is derived from it, which there are, and their end.

A token never buys one that outlives it, save for what somebody did with a login by password who
asks for the token of an application in so many words. What was derived from a token says so and
ends with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from gateway import clock
from gateway.caller import Access
from gateway.ids import new_token_id
from gateway.journal import journal
from gateway.services.lookup import known_user
from gateway.services.parts import Issuer, Parts
from gateway.services.service import Verb, for_user
from gateway.stores.directory import Account
from gateway.stores.tokens import TokenRecords
from protocol.accounts import IssuedToken, Principal, Scope, Ticket, TokenFacts, TokenKind
from protocol.commands.tokens import IssueToken, ListTokens, RevokeToken
from protocol.errors import GatewayError, Kind, Subject

__all__ = ["Revoker", "TokenService", "Users", "by_person"]

_journal = journal("gateway.tokens")


class Users(Protocol):
    """Knows who there is."""

    def find(self, name: str) -> Account | None:
        """The user of that name."""
        ...

    async def expire(self, name: str, now_ms: int) -> None:
        """Makes all tokens of a user worthless that were made before now, not of applications."""
        ...


class Revoker(Protocol):
    """Makes tokens worthless."""

    async def revoke(self, jti: str, until_ms: int, now_ms: int) -> None:
        """From now on the token is not believed; remembered until it would have ended."""
        ...

    def revoked(self, jti: str) -> bool:
        """Whether that was done."""
        ...


class TokenService:
    """Carries out the commands on tokens, and makes them for logins.

    Args:
        issuer: signs and reads them.
        users: who there is.
        revoker: where worthless ones are noted.
        records: where they are listed.
        seconds: how long a login lives.
        renew_seconds: how long it may be kept alive, from the password on.
        max_seconds: how long any token lives.
    """

    def __init__(
        self,
        issuer: Issuer,
        users: Users,
        revoker: Revoker,
        records: TokenRecords,
        *,
        seconds: int,
        renew_seconds: int,
        max_seconds: int,
    ) -> None:
        self._issuer = issuer
        self._users = users
        self._revoker = revoker
        self._records = records
        self._seconds = seconds
        self._renew_seconds = renew_seconds
        self._max_seconds = max_seconds

    @classmethod
    def of(cls, parts: Parts) -> TokenService:
        """The service of a gateway."""
        auth, stores = parts.config.auth, parts.stores
        return cls(
            parts.credentials.issuer,
            stores.directory,
            stores.revocations,
            stores.tokens,
            seconds=auth.token_seconds,
            renew_seconds=auth.renew_seconds,
            max_seconds=auth.max_token_seconds,
        )

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        return (
            Verb(IssueToken, Access.USER, for_user(self.issue), _user, "issue tokens for others"),
            Verb(ListTokens, Access.LOOK, for_user(self.list), _user, "list others' tokens"),
            Verb(RevokeToken, Access.USER, for_user(self.revoke), _user, "revoke others' tokens"),
        )

    # For logins.

    async def bought(self, account: Account, seconds: int = 0) -> Ticket:
        """The ticket of somebody who knew the password; 0 is the configured life."""
        now = clock.now_ms() // 1000
        expires = now + min(seconds or self._seconds, self._max_seconds)
        until = min(max(expires, now + self._renew_seconds), now + self._max_seconds)
        return await self._given(
            account, TokenFacts(new_token_id(), now, expires, until, proved=True)
        )

    async def renewed(self, principal: Principal) -> Ticket | None:
        """The same token with a later end, if half of a login's life is over and it may; or None.

        When it was issued stays: a password that is set meanwhile makes it worthless all the same.
        """
        facts, now_ms = principal.token, clock.now_ms()
        if facts is None or principal.holder or facts.expires * 1000 - now_ms > self._seconds * 500:
            return None
        expires = min(now_ms // 1000 + self._seconds, facts.until)
        if expires <= facts.expires:
            return None
        fresh = replace(facts, expires=expires)
        ticket = self._issuer.sign(principal.name, principal.role, fresh)
        await self._listed(principal.name, fresh)
        return ticket

    async def derived(
        self,
        principal: Principal,
        user: str,
        seconds: int = 0,
        kind: TokenKind | None = None,
        scope: Scope = Scope.FULL,
    ) -> Ticket:
        """A token of its own for the holder of another, or for a user they act for.

        It ends with that one at the latest, and whenever that one is made worthless; it is never
        for more than that one is.
        """
        account = known_user(self._users, user or principal.name)
        parent, now = principal.token, clock.now_ms() // 1000
        by = self._administrator(principal, account)
        expires = now + min(seconds or self._seconds, self._max_seconds)
        if parent is None:
            facts = TokenFacts(new_token_id(), now, expires, expires, by=by, scope=scope)
            return await self._given(account, facts)
        expires = min(expires, parent.expires)
        if expires <= now:
            raise GatewayError(Kind.UNAUTHENTICATED, "the token is about to end, please log in")
        facts = TokenFacts(
            new_token_id(),
            now if by else parent.issued,
            expires,
            parent.until if parent.kind is TokenKind.BROWSER else expires,
            parent.kind if kind is None else kind,
            (*parent.parents, parent.id),
            by,
            scope=parent.scope.within(scope),
        )
        return await self._given(account, facts)

    async def end(self, principal: Principal) -> None:
        """Makes the token of a request worthless, with all that was derived from it."""
        if principal.token is not None:
            await self._end(principal.holder or principal.name, (principal.token,))

    async def end_all(self, user: str, *, applications: bool) -> int:
        """Makes the tokens of a user worthless, also those that are in no list; how many were."""
        now_ms = clock.now_ms()
        found = [
            one
            for one in await self._records.list(user, now_ms)
            if applications or one.kind is not TokenKind.APPLICATION
        ]
        await self._end(user, found)
        return len(found)

    async def forget(self, user: str) -> None:
        """Ends what a user has who is removed."""
        await self.end_all(user, applications=True)
        await self._records.drop(user)

    # The verbs.

    async def issue(self, principal: Principal, command: IssueToken) -> Ticket:
        """A token for a purpose; see ``IssueToken``."""
        by_person(principal)
        application = command.kind is TokenKind.APPLICATION
        seconds = command.seconds or (self._max_seconds if application else self._seconds)
        if not 0 < seconds <= self._max_seconds:
            raise GatewayError(
                Kind.INVALID,
                f"a token lives from 1 to {self._max_seconds} seconds",
                field="seconds",
            )
        proved = principal.token is None or principal.token.proved
        if not (application and proved):
            return await self.derived(principal, command.user, seconds, command.kind, command.scope)
        account = known_user(self._users, command.user or principal.name)
        now = clock.now_ms() // 1000
        facts = TokenFacts(
            new_token_id(),
            now,
            now + seconds,
            now + seconds,
            command.kind,
            by=self._administrator(principal, account),
            scope=command.scope,
        )
        return await self._given(account, facts)

    async def list(self, principal: Principal, command: ListTokens) -> tuple[IssuedToken, ...]:
        """The tokens of a user that are good."""
        by_person(principal)
        account = known_user(self._users, command.user or principal.name)
        found = await self._records.list(account.name, clock.now_ms())
        return tuple(
            IssuedToken(
                facts,
                self._shown(principal, account, facts),
                self._records.last_use(account.name, facts.id),
            )
            for facts in found
            if self._good(account, facts)
        )

    async def revoke(self, principal: Principal, command: RevokeToken) -> int:
        """Makes tokens worthless; how many."""
        by_person(principal)
        user = known_user(self._users, command.user or principal.name).name
        if not command.token:
            await self._users.expire(user, clock.now_ms())
            return await self.end_all(user, applications=True)
        if "." in command.token:
            claims = self._issuer.read(command.token, clock.now_ms())
            if claims.name != user and not (principal.admin and not command.user):
                raise GatewayError(Kind.FORBIDDEN, "this is somebody else's token")
            await self._end(claims.name, (claims.facts,))
            return 1
        known = await self._records.list(user, clock.now_ms())
        found = [one for one in known if one.id == command.token]
        if not found:
            raise GatewayError(
                Kind.NOT_FOUND, "there is no such token", field="token", subject=Subject.TOKEN
            )
        await self._end(user, found)
        return 1

    # How.

    async def _given(self, account: Account, facts: TokenFacts) -> Ticket:
        ticket = self._issuer.sign(account.name, account.role, facts)
        await self._listed(account.name, facts)
        return ticket

    async def _listed(self, user: str, facts: TokenFacts) -> None:
        """Notes the token. People get in also when that cannot be done, programs must be listed."""
        try:
            await self._records.note(user, facts, clock.now_ms())
        except GatewayError as error:
            if facts.kind is TokenKind.APPLICATION or error.kind is not Kind.UNAVAILABLE:
                raise
            _journal.warning("a login is in no list", user=user)

    async def _end(self, user: str, tokens: Iterable[TokenFacts]) -> None:
        now_ms, ids = clock.now_ms(), []
        for facts in tokens:
            ids.append(facts.id)
            until = max(facts.until, facts.expires, now_ms // 1000 + self._seconds)
            await self._revoker.revoke(facts.id, until * 1000, now_ms)
        try:
            await self._records.forget(user, ids, now_ms)
        except GatewayError as error:
            # It is worthless and thus not shown, whatever the list says.
            if error.kind is not Kind.UNAVAILABLE:
                raise

    def _good(self, account: Account, facts: TokenFacts) -> bool:
        application = facts.kind is TokenKind.APPLICATION
        since = (account.created_ms if application else account.changed_ms) // 1000
        return facts.issued >= since and not any(
            self._revoker.revoked(one) for one in (facts.id, *facts.parents)
        )

    def _shown(self, principal: Principal, account: Account, facts: TokenFacts) -> str:
        """The token itself, for its owner, and not to who could not have bought it."""
        own, mine = principal.token, principal.name == account.name and not principal.holder
        if not mine or own is None or not (own.proved or facts.expires <= own.expires):
            return ""
        return self._issuer.sign(account.name, account.role, facts).token

    @staticmethod
    def _administrator(principal: Principal, account: Account) -> str:
        """Who has a token made for somebody else; empty for one's own, and without a token."""
        if principal.token is None:
            return ""
        if principal.holder:
            return principal.holder
        return principal.name if principal.name != account.name else principal.token.by


def _user(command: IssueToken | ListTokens | RevokeToken) -> str:
    return command.user


def by_person(principal: Principal) -> Principal:
    """The principal, unless it is a program with a token of its own, or has a token for less.

    Raises:
        GatewayError: FORBIDDEN.
    """
    if principal.application:
        raise GatewayError(
            Kind.FORBIDDEN, "a token of an application does not manage users, tokens or queues"
        )
    if principal.scope is not Scope.FULL:
        raise GatewayError(
            Kind.FORBIDDEN,
            f"a token for {principal.scope.value} alone does not manage users, tokens or queues",
        )
    return principal
