"""Who asks: principals, roles and credentials."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Credential", "Principal", "Role", "Ticket"]


class Role(StrEnum):
    """What a user may do beyond what is their own."""

    USER = "user"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """The authenticated user of a request. ``expires_ms`` is when the proof of it ends."""

    name: str
    role: Role
    token_id: str = ""
    expires_ms: int = 0

    @property
    def admin(self) -> bool:
        """Whether everybody's tasks are theirs to see and kill."""
        return self.role is Role.ADMIN


@dataclass(frozen=True, slots=True)
class Credential:
    """A proof of identity as it came: ``token`` is a signed token in compact form.

    ``from_cookie`` is true if a browser sent it by itself, so that the request's origin matters.
    ``acting`` is the user for whom it is to speak: empty for its own, another's is for admins.
    """

    token: str
    from_cookie: bool = False
    acting: str = ""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A fresh proof of identity: the signed token, whose it is and until when (ms, epoch)."""

    token: str
    principal: Principal
    expires_ms: int
