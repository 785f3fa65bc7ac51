"""From a credential to a principal, also for whom an administrator's token speaks."""

from dataclasses import dataclass

import pytest

from gateway.auth.identify import Identify
from gateway.auth.tokens import Tokens
from protocol.accounts import Principal, Role, Scope, Token, TokenFacts, TokenKind
from protocol.errors import GatewayError, Kind

NOW = 1_700_000_000_000


@dataclass(frozen=True)
class User:
    """What is known of a user."""

    role: Role
    changed_ms: int = 0
    created_ms: int = 0


class Users:
    """Three users, of whom one rules, and a list of what was revoked."""

    def __init__(self) -> None:
        self.known = {"root": User(Role.ADMIN), "ann": User(Role.USER), "Bob": User(Role.USER)}
        self.gone: set[str] = set()
        self.seen: list[tuple[str, str, int]] = []

    def find(self, name: str) -> User | None:
        """The user of that name."""
        return self.known.get(name)

    def used(self, user: str, token_id: str, now_ms: int) -> None:
        """Notes who used which token when."""
        self.seen.append((user, token_id, now_ms))

    def revoked(self, token_id: str) -> bool:
        """Whether the token is on the list."""
        return token_id in self.gone


TOKENS = Tokens(bytes(range(32)), 1000)


def identified(name: str, acting: str = "", users: Users | None = None) -> Principal:
    """Whom the token of a user proves."""
    users = users or Users()
    ticket = TOKENS.issue(name, Role.USER, NOW, 100)
    identify = Identify(TOKENS, users, users, users, lambda: NOW)
    return identify(Token(ticket.token, acting=acting))


@pytest.mark.parametrize("acting", ["", "ann", "ANN"])
def test_a_token_speaks_for_its_user(acting: str) -> None:
    """Its own name beside it says nothing new, however it is written."""
    assert identified("ann", acting).name == "ann"


def test_an_administrator_speaks_for_others() -> None:
    """They are then that user, with that user's rights."""
    found = identified("root", "Bob")
    assert (found.name, found.role) == ("Bob", Role.USER)
    assert identified("root", "ANN").name == "ann"


@pytest.mark.parametrize(("name", "acting"), [("ann", "Bob"), ("root", "nobody"), ("ann", "root")])
def test_nobody_else_does(name: str, acting: str) -> None:
    """Nor is there a way to speak for a user who is not there."""
    with pytest.raises(GatewayError, match="not one for user") as caught:
        identified(name, acting)
    assert caught.value.kind is Kind.UNAUTHENTICATED


def application(name: str, scope: Scope) -> str:
    """A token of a program."""
    now = NOW // 1000
    facts = TokenFacts("a1", now, now + 100, now + 100, TokenKind.APPLICATION, scope=scope)
    return TOKENS.sign(name, Role.ADMIN, facts).token


@pytest.mark.parametrize("scope", [Scope.TASKS, Scope.READ])
def test_a_narrow_token_of_an_administrator_is_not_one(scope: Scope) -> None:
    """Nor does it speak for others."""
    users = Users()
    identify = Identify(TOKENS, users, users, users, lambda: NOW)
    found = identify(Token(application("root", scope)))
    assert (found.role, found.scope) == (Role.USER, scope)
    assert identify(Token(application("root", Scope.FULL))).role is Role.ADMIN
    with pytest.raises(GatewayError, match="not one for user"):
        identify(Token(application("root", scope), acting="ann"))


def test_the_use_of_an_application_is_noted() -> None:
    """Only if it is believed, and not that of a login."""
    users = Users()
    identify = Identify(TOKENS, users, users, users, lambda: NOW)
    identify(Token(TOKENS.issue("ann", Role.USER, NOW, 100).token))
    assert users.seen == []
    identify(Token(application("ann", Scope.READ)))
    assert users.seen == [("ann", "a1", NOW)]
    users.gone.add("a1")
    with pytest.raises(GatewayError):
        identify(Token(application("ann", Scope.READ)))
    assert len(users.seen) == 1


def test_a_renewed_ticket_is_revoked_with_the_old_one() -> None:
    """It has the same id."""
    first = TOKENS.issue("ann", Role.USER, NOW, 100)
    second = TOKENS.issue("ann", Role.USER, NOW, 100, first.principal.token_id)
    users = Users()
    users.gone.add(first.principal.token_id)
    for ticket in (first, second):
        with pytest.raises(GatewayError):
            Identify(TOKENS, users, users, users, lambda: NOW)(Token(ticket.token))
