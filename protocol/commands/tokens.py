"""Tokens: made for a purpose, listed, and made worthless before their time."""

from __future__ import annotations

from dataclasses import dataclass

from protocol.accounts import IssuedToken, Scope, Ticket, TokenKind
from protocol.command import Command

__all__ = ["IssueToken", "ListTokens", "RevokeToken"]


@dataclass(frozen=True, slots=True)
class IssueToken(Command[Ticket]):
    """Asks for a token of its own kind and life, for the caller or, by admins, for another user.

    ``seconds`` 0 is the configured life of a login, for an application the longest there is. Only
    a login by password buys a token that outlives it; any other token, one that ends with itself.
    ``scope`` is what of the user's rights it has, never more than what it is asked with. Not for
    applications, nor for tokens of a narrower scope.
    """

    kind: TokenKind = TokenKind.BROWSER
    seconds: int = 0
    user: str = ""
    scope: Scope = Scope.FULL


@dataclass(frozen=True, slots=True)
class ListTokens(Command[tuple[IssuedToken, ...]]):
    """Asks which tokens of a user are alive, newest first; others' are for admins."""

    user: str = ""


@dataclass(frozen=True, slots=True)
class RevokeToken(Command[int]):
    """Asks for tokens to be worthless from now on; answered with how many.

    ``token`` is one, as it is or by its id: what was derived from it ends with it. Empty stands for
    every token of the user. ``user`` is whose, empty for the caller's own; others' are for admins.
    """

    token: str = ""
    user: str = ""
