"""Who asks: principals, roles, credentials and tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = [
    "Credential",
    "IssuedToken",
    "Password",
    "Principal",
    "Reads",
    "Role",
    "Scope",
    "Ticket",
    "Token",
    "TokenFacts",
    "TokenKind",
]


class Role(StrEnum):
    """What a user may do beyond what is their own."""

    USER = "user"
    ADMIN = "admin"


class Reads(StrEnum):
    """Whose tasks a request may read, of those that their owners share.

    OWN are the caller's only, LOGGED_IN all for who is logged in, PUBLIC all for strangers as well.
    What nobody shares is its owner's and the administrators', whatever this says.
    """

    OWN = "own"
    LOGGED_IN = "logged_in"
    PUBLIC = "public"


class TokenKind(StrEnum):
    """What a token was made for.

    One of a browser ends with the password it was made under. One of an application does not; it
    cannot manage users, passwords or tokens.
    """

    BROWSER = "browser"
    APPLICATION = "application"


class Scope(StrEnum):
    """What of its user's rights a token has.

    FULL is all of them. TASKS is what is the user's own (to submit, kill, read and write), without
    the rights of an administrator; READ is to look at that, and to change nothing. Neither of the
    two manages users, passwords or tokens.
    """

    FULL = "full"
    TASKS = "tasks"
    READ = "read"

    def within(self, other: Scope) -> Scope:
        """The narrower of two."""
        order = list(Scope)
        return max(self, other, key=order.index)


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What a token says besides whose it is. Times are whole seconds since the epoch.

    ``until`` is how far it may ever be renewed. ``parents`` are the ids of the tokens that it was
    derived from, each of which it ends with. ``by`` is the administrator who had it made for
    somebody else, empty for none. ``proved`` is whether it was bought with a password.
    """

    id: str
    issued: int
    expires: int
    until: int
    kind: TokenKind = TokenKind.BROWSER
    parents: tuple[str, ...] = ()
    by: str = ""
    proved: bool = False
    scope: Scope = Scope.FULL


@dataclass(frozen=True, slots=True)
class Principal:
    """The authenticated user of a request. ``expires_ms`` is when the proof of it ends.

    ``token`` is what the proof says; None for who needed none. ``holder`` is whose token it is, if
    an administrator acts for the user; else empty.
    """

    name: str
    role: Role
    token_id: str = ""
    expires_ms: int = 0
    token: TokenFacts | None = None
    holder: str = ""

    @property
    def admin(self) -> bool:
        """Whether everybody's tasks are theirs to see and kill."""
        return self.role is Role.ADMIN

    @property
    def application(self) -> bool:
        """Whether it is a program with a token of its own."""
        return self.token is not None and self.token.kind is TokenKind.APPLICATION

    @property
    def scope(self) -> Scope:
        """What of the user's rights the proof gives."""
        return Scope.FULL if self.token is None else self.token.scope


@dataclass(frozen=True, slots=True)
class Token:
    """A proof of identity as it came: ``token`` is a signed token in compact form.

    ``from_cookie`` is true if a browser sent it by itself, so that the request's origin matters.
    ``acting`` is the user for whom it is to speak: empty for its own, another's is for admins.
    """

    token: str
    from_cookie: bool = False
    acting: str = ""

    @property
    def ambient(self) -> bool:
        """Whether a browser may have sent it unasked."""
        return self.from_cookie


@dataclass(frozen=True, slots=True)
class Password:
    """A name and a password as they came with a request (HTTP Basic)."""

    user: str
    password: str = field(repr=False)

    @property
    def ambient(self) -> bool:
        """A browser that was told it once sends it again by itself."""
        return True


Credential = Token | Password
"""A proof of identity as it came with a request."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A fresh proof of identity: the signed token, whose it is and until when (ms, epoch)."""

    token: str
    principal: Principal
    expires_ms: int


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token that is alive, as a list shows it.

    ``token`` is the signed token itself, empty where the asker may not have it: it is somebody
    else's, or it outlives what it was asked with. ``used_ms`` is when a token of an application was
    last believed, to the minute; 0 for never, and for others.
    """

    facts: TokenFacts
    token: str = field(default="", repr=False)
    used_ms: int = 0
