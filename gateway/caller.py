"""Who gives a command, what a verb is open to, and whose things a caller may see."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import Enum

from protocol.accounts import Principal, Reads
from protocol.errors import GatewayError, Kind
from protocol.tasks import Task

__all__ = ["Access", "Caller", "counted_as", "sees"]

_HOME_BITS = 64
"""Of an IPv6 address: all that begin alike are usually one client's."""


class Access(Enum):
    """Who may give a command.

    OPEN is anybody at all. READ, LOOK and USER are users, about what is theirs. READ and LOOK
    change nothing, and a token for reading gives no others; READ is the only one that may ever be
    opened further, for what its owner shares. ADMIN is administrators.
    """

    OPEN = "open"
    READ = "read"
    LOOK = "look"
    USER = "user"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who gives a command: the principal, None for a stranger, and the address it came from.

    ``reads`` is what the route or its mount opens beyond what is the caller's own. It counts for
    verbs of access READ and for shared tasks, and for nothing else.
    """

    principal: Principal | None
    address: str = ""
    reads: Reads = Reads.OWN

    @property
    def user(self) -> Principal:
        """The principal.

        Raises:
            GatewayError: UNAUTHENTICATED for a stranger.
        """
        if self.principal is None:
            raise GatewayError(Kind.UNAUTHENTICATED, "you are not logged in, please login first")
        return self.principal

    @property
    def who(self) -> str:
        """What one caller is told from others by: a user's name, or a stranger's address."""
        return self.principal.name if self.principal else f"address {self.address}"

    @property
    def reads_shared(self) -> bool:
        """Whether what others share may be read."""
        if self.principal is None:
            return self.reads is Reads.PUBLIC
        return self.reads is not Reads.OWN

    def may_see(self, task: Task) -> bool:
        """Whether a task is there for the caller."""
        own = self.principal is not None and sees(self.principal, task.owner)
        return own or (task.shared and self.reads_shared)


def sees(principal: Principal, owner: str) -> bool:
    """Whether what belongs to ``owner`` is there for this principal."""
    return principal.admin or principal.name == owner


def counted_as(address: str) -> str:
    """Under which name an address is counted: IPv6 by the network that is one client's."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _HOME_BITS), strict=False))
