"""Tokens: what is bought with what, what ends with what, and who sees which."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway import clock
from gateway.auth.identify import Identify
from gateway.auth.tokens import Tokens
from gateway.caller import Caller
from protocol.accounts import Principal, Role, Scope, Ticket, Token, TokenKind
from protocol.command import Command
from protocol.commands.directory import AddUser, Join, Leave, RemoveUser, SetPassword
from protocol.commands.login import Login, Logout, OpenLogin, Renew
from protocol.commands.tokens import IssueToken, ListTokens, RevokeToken
from protocol.directory import ADMIN_GROUP
from protocol.errors import GatewayError, Kind
from tests.support.parts import Core
from tests.support.refusals import refused_as

PASSWORD = "correct horse"  # noqa: S105 - of tests
OWNER = Caller(Principal("", Role.ADMIN))


class People:
    """A core with an administrator and two users, asked with tokens as the transport would."""

    def __init__(self, core: Core) -> None:
        self.core = core
        issuer = core.parts.credentials.issuer
        assert isinstance(issuer, Tokens)
        self.tokens = issuer
        stores = core.parts.stores
        self.identify = Identify(
            issuer, stores.directory, stores.revocations, stores.tokens, clock.now_ms
        )

    async def log_in(self, name: str, seconds: int = 0) -> str:
        """A token bought with the password."""
        command = Login(name, PASSWORD, seconds=seconds)
        return (await self.core.dispatch(Caller(None, "10.0.0.1"), command)).token

    async def ask(self, token: str, command: Command[object], acting: str = "") -> object:
        """What a command is answered, given with a token."""
        principal = self.identify(Token(token, acting=acting))
        return await self.core.dispatch(Caller(principal, "10.0.0.1"), command)

    async def ticket(self, token: str, command: Command[object], acting: str = "") -> str:
        """The token that is answered."""
        found = await self.ask(token, command, acting)
        assert isinstance(found, Ticket)
        return found.token

    def good(self, token: str) -> bool:
        """Whether a token is believed."""
        try:
            self.identify(Token(token))
        except GatewayError as error:
            if error.kind is not Kind.UNAUTHENTICATED:
                raise
            return False
        return True

    def seconds(self, token: str) -> int:
        """How long a token lives in all."""
        facts = self.tokens.read(token, clock.now_ms()).facts
        return facts.expires - clock.now_ms() // 1000


@pytest.fixture
async def people(core: Core) -> People:
    """Root, ann and bob."""
    for name, groups in (("root", (ADMIN_GROUP,)), ("ann", ()), ("bob", ())):
        await core.dispatch(OWNER, AddUser(name, PASSWORD, groups=groups))
    return People(core)


# A token never buys one that outlives it.


async def test_a_short_token_buys_nothing_longer(people: People) -> None:
    """Row D9: by no verb that gives a token, for oneself or for others."""
    short = await people.ticket(await people.log_in("root"), IssueToken(TokenKind.BROWSER, 20))
    for command in (
        OpenLogin(),
        OpenLogin("ann"),
        IssueToken(TokenKind.BROWSER, 3000),
        IssueToken(TokenKind.APPLICATION, 3000),
        IssueToken(TokenKind.APPLICATION),
        IssueToken(TokenKind.APPLICATION, user="bob"),
    ):
        bought = await people.ticket(short, command)
        assert people.seconds(bought) <= 20
        again = await people.ticket(bought, OpenLogin()) if "ann" in repr(command) else bought
        assert people.seconds(again) <= 20


async def test_heartbeats_do_not_prolong_what_was_not_a_login(people: People) -> None:
    """A token made for 20 s, and one derived from it, are never renewed."""
    account = people.core.parts.stores.directory.find("ann")
    assert account is not None
    short = people.tokens.issue("ann", Role.USER, clock.now_ms(), 20).token
    assert await people.ask(short, Renew()) is None
    assert await people.ask(await people.ticket(short, OpenLogin()), Renew()) is None


async def test_a_login_is_kept_alive_for_a_bounded_time(people: People) -> None:
    """When half of its life is over it is renewed, up to a moment that never moves."""
    login = people.tokens.read(await people.log_in("ann"), clock.now_ms()).facts
    now = clock.now_ms() // 1000
    aging = replace(login, expires=now + 60)
    token = people.tokens.sign("ann", Role.USER, aging).token
    renewed = people.tokens.read(await people.ticket(token, Renew()), clock.now_ms()).facts
    assert (renewed.id, renewed.issued, renewed.until) == (login.id, login.issued, login.until)
    assert renewed.expires > aging.expires
    old = replace(login, expires=now + 60, until=now + 90)
    token = people.tokens.sign("ann", Role.USER, old).token
    last = people.tokens.read(await people.ticket(token, Renew()), clock.now_ms()).facts
    assert last.expires == now + 90
    token = people.tokens.sign("ann", Role.USER, last).token
    assert await people.ask(token, Renew()) is None


async def test_the_life_of_a_login_may_be_chosen(people: People) -> None:
    """Up to the longest that any token has."""
    assert people.seconds(await people.log_in("ann", 60)) in {59, 60}
    assert people.seconds(await people.log_in("ann", 10**9)) <= 3600 * 24 * 366


# What was derived from a token ends with it.


@pytest.mark.parametrize("end", ["logout", "revoke", "by id", "all", "password", "removed"])
async def test_what_was_derived_ends_with_its_parent(people: People, end: str) -> None:
    """Also what was derived from that, whichever way the parent ended."""
    parent = await people.log_in("ann")
    child = await people.ticket(parent, OpenLogin())
    grandchild = await people.ticket(child, OpenLogin())
    other = await people.log_in("bob")
    assert all(map(people.good, (parent, child, grandchild)))
    if end == "logout":
        await people.ask(parent, Logout())
    elif end == "revoke":
        await people.ask(child, RevokeToken(parent))
    elif end == "by id":
        facts = people.tokens.read(parent, clock.now_ms()).facts
        await people.core.dispatch(OWNER, RevokeToken(facts.id, "ann"))
    elif end == "all":
        await people.core.dispatch(OWNER, RevokeToken(user="ann"))
    elif end == "password":
        await people.ask(parent, SetPassword("another one", PASSWORD))
    else:
        await people.core.dispatch(OWNER, RemoveUser("ann"))
    assert not any(map(people.good, (parent, child, grandchild)))
    assert people.good(other)


async def test_a_child_that_ends_leaves_its_parent(people: People) -> None:
    """Logging out of what was derived does not log out of the rest."""
    parent = await people.log_in("ann")
    child = await people.ticket(parent, OpenLogin())
    sibling = await people.ticket(parent, OpenLogin())
    await people.ask(child, Logout())
    assert not people.good(child)
    assert people.good(parent)
    assert people.good(sibling)


async def test_tokens_for_others_end_with_the_administrator(people: People) -> None:
    """Who had them made is no administrator any more, or has another password, or is gone."""
    root = await people.log_in("root")
    await people.core.dispatch(OWNER, AddUser("boss", PASSWORD, groups=(ADMIN_GROUP,)))
    await people.core.dispatch(OWNER, Join("bob", ADMIN_GROUP))
    bob = await people.log_in("bob")
    made = [
        await people.ticket(bob, OpenLogin("ann")),
        await people.ticket(bob, OpenLogin(), acting="ann"),
        await people.ticket(bob, IssueToken(TokenKind.APPLICATION, user="ann")),
    ]
    assert all(map(people.good, made))
    await people.ask(root, Leave("bob", ADMIN_GROUP))
    assert not any(map(people.good, made))
    assert people.good(bob)
    await people.ask(root, Join("bob", ADMIN_GROUP))
    assert all(map(people.good, made))
    await people.ask(root, RemoveUser("bob"))
    assert not any(map(people.good, made))


async def test_a_chain_of_tokens_has_an_end(people: People) -> None:
    """A token says what it was derived from, so this cannot go on for ever."""
    token = await people.log_in("ann")
    for _ in range(8):
        token = await people.ticket(token, OpenLogin())
    assert await refused_as(people.ask(token, OpenLogin())) is Kind.FORBIDDEN


# Applications.


async def test_an_application_outlives_the_password_and_the_login(people: People) -> None:
    """It ends when it is revoked, or with its user, and a namesake has nothing of it."""
    login = await people.log_in("ann")
    token = await people.ticket(login, IssueToken(TokenKind.APPLICATION))
    await people.ask(login, Logout())
    assert people.good(token)
    login = await people.log_in("ann")
    await people.ask(login, SetPassword("another one", PASSWORD))
    assert people.good(token)
    assert not people.good(login)
    await people.core.dispatch(OWNER, RemoveUser("ann"))
    assert not people.good(token)
    await people.core.dispatch(OWNER, AddUser("ann", PASSWORD))
    assert not people.good(token)


async def test_an_application_manages_nobody(people: People) -> None:
    """Neither users nor passwords nor tokens, nor does a token that it derives."""
    login = await people.log_in("root")
    token = await people.ticket(login, IssueToken(TokenKind.APPLICATION))
    for held in (token, await people.ticket(token, OpenLogin())):
        for command in (
            IssueToken(),
            ListTokens(),
            RevokeToken(),
            AddUser("eve", PASSWORD),
            RemoveUser("ann"),
            SetPassword("another one", user="ann"),
            Join("ann", ADMIN_GROUP),
        ):
            assert await refused_as(people.ask(held, command)) is Kind.FORBIDDEN


# Lists.


async def test_a_list_shows_what_is_good(people: People) -> None:
    """To its owner with the tokens themselves; what ended is not there."""
    login, other = await people.log_in("ann"), await people.log_in("ann")
    token = await people.ticket(login, IssueToken(TokenKind.APPLICATION))
    found = await people.ask(login, ListTokens())
    assert isinstance(found, tuple)
    assert {one.token for one in found} == {login, other, token}
    assert all(people.good(one.token) for one in found)
    await people.ask(other, Logout())
    found = await people.ask(login, ListTokens())
    assert isinstance(found, tuple)
    assert {one.token for one in found} == {login, token}


async def test_a_list_gives_nobody_more_than_they_had(people: People) -> None:
    """Not the longer tokens to a short one, and no token of anybody else to an administrator."""
    login = await people.log_in("ann")
    await people.ticket(login, IssueToken(TokenKind.APPLICATION))
    short = await people.ticket(login, IssueToken(TokenKind.BROWSER, 20))
    for token, name, shown in (
        (short, "", {short, ""}),
        (await people.log_in("root"), "ann", {""}),
    ):
        found = await people.ask(token, ListTokens(name))
        assert isinstance(found, tuple)
        assert len(found) == 3
        assert {one.token for one in found} == shown
    assert await refused_as(people.ask(login, ListTokens("root"))) is Kind.FORBIDDEN


async def test_only_ones_own_tokens_are_revoked(people: People) -> None:
    """By id and by the token itself; an administrator revokes anybody's."""
    ann, bob = await people.log_in("ann"), await people.log_in("bob")
    facts = people.tokens.read(ann, clock.now_ms()).facts
    assert await refused_as(people.ask(bob, RevokeToken(ann))) is Kind.FORBIDDEN
    assert await refused_as(people.ask(bob, RevokeToken(facts.id))) is Kind.NOT_FOUND
    assert await refused_as(people.ask(bob, RevokeToken(facts.id, "ann"))) is Kind.FORBIDDEN
    assert await refused_as(people.ask(bob, RevokeToken("a.b.c"))) is Kind.UNAUTHENTICATED
    assert people.good(ann)
    assert await people.ask(await people.log_in("root"), RevokeToken(ann)) == 1
    assert not people.good(ann)
    assert people.good(bob)


async def test_all_tokens_of_a_user_end_at_once(people: People) -> None:
    """Logins, what was derived, applications; and a new login works."""
    login = await people.log_in("ann")
    held = [login, await people.log_in("ann"), await people.ticket(login, OpenLogin())]
    held.append(await people.ticket(login, IssueToken(TokenKind.APPLICATION)))
    assert await people.ask(login, RevokeToken()) == 4
    assert not any(map(people.good, held))
    assert people.good(await people.log_in("ann"))


async def test_people_get_in_when_their_login_cannot_be_listed(people: People) -> None:
    """A full disk keeps nobody out; a program whose token would be in no list gets none."""
    login = await people.log_in("ann")
    folder = people.core.parts.paths.tokens
    (folder / "ann.json").write_text("{")
    assert people.good(await people.log_in("ann"))
    assert (
        await refused_as(people.ask(login, IssueToken(TokenKind.APPLICATION))) is Kind.UNAVAILABLE
    )
    await people.ask(login, Logout())
    assert not people.good(login)


# A token may be for less than its user may.


async def test_a_narrow_token_buys_no_wider_one(people: People) -> None:
    """By no verb that gives one; and it manages nothing, whoever it is of."""
    login = await people.log_in("root")
    for scope in (Scope.TASKS, Scope.READ):
        narrow = await people.ticket(login, IssueToken(TokenKind.BROWSER, scope=scope))
        commands: tuple[Command[object], ...] = (
            *(IssueToken(), ListTokens(), RevokeToken(), AddUser("eve", PASSWORD)),
            *(SetPassword("another long one", PASSWORD), Join("ann", "admin"), OpenLogin("ann")),
        )
        for command in commands:
            assert await refused_as(people.ask(narrow, command)) is Kind.FORBIDDEN
        if scope is Scope.TASKS:
            bought = await people.ticket(narrow, OpenLogin())
            assert people.identify(Token(bought)).scope is Scope.TASKS
        else:
            assert await refused_as(people.ask(narrow, OpenLogin())) is Kind.FORBIDDEN
    kept = await people.ticket(login, OpenLogin())
    assert people.identify(Token(kept)).scope is Scope.FULL


async def test_a_list_says_for_what_and_when(people: People) -> None:
    """The scope of each token, and when one of an application was used."""
    login = await people.log_in("ann")
    made = await people.ticket(login, IssueToken(TokenKind.APPLICATION, scope=Scope.READ))

    async def listed() -> tuple[Scope, int]:
        found = await people.ask(login, ListTokens())
        assert isinstance(found, tuple)
        (one,) = [one for one in found if one.facts.kind is TokenKind.APPLICATION]
        return one.facts.scope, one.used_ms

    assert await listed() == (Scope.READ, 0)
    begun = clock.now_ms()
    people.identify(Token(made))
    scope, used = await listed()
    assert scope is Scope.READ
    assert begun <= used <= clock.now_ms()
