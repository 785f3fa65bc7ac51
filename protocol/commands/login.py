"""Proving who one is: logging in and out, and what a login is worth."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocol.accounts import Principal, Ticket
from protocol.command import Command

__all__ = ["Hello", "Login", "Logout", "OpenLogin", "ReadLoginKey", "Renew", "WhoAmI"]


@dataclass(frozen=True, slots=True)
class Login(Command[Ticket]):
    """Proves an identity by password and asks for a ticket.

    ``encrypted`` is the password under the key of ReadLoginKey, in place of ``password``.
    ``seconds`` is how long the ticket is to live, 0 for the configured time.
    """

    user: str
    password: str = field(default="", repr=False)
    encrypted: bytes = field(default=b"", repr=False)
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class ReadLoginKey(Command[bytes]):
    """Asks for the public key (DER) for passwords; empty if they come as they are."""


@dataclass(frozen=True, slots=True)
class OpenLogin(Command[Ticket]):
    """Asks for a ticket for who has proved an identity in another way than by password.

    It ends with the token of this request, and lives no longer.
    ``user`` is whose it is to be: empty for the caller's own; another's is for admins.
    """

    user: str = ""


@dataclass(frozen=True, slots=True)
class Logout(Command[None]):
    """Makes the ticket of this request worthless from now on."""


@dataclass(frozen=True, slots=True)
class WhoAmI(Command[Principal]):
    """Asks who the gateway takes the caller for."""


@dataclass(frozen=True, slots=True)
class Hello(Command[None]):
    """Asks for nothing: for what a dialect answers by itself, to anybody."""


@dataclass(frozen=True, slots=True)
class Renew(Command[Ticket | None]):
    """Keeps a session alive: a fresh ticket if half of the old one's life is over, else None."""
