"""The one place that decides who may: by the access of a verb, and by whom a command speaks of.

Every command goes through ``admit`` before anything else happens, whether it came by HTTP or as a
message, by itself or joined to others. Which verb has which access stands in the services' tables.
"""

from __future__ import annotations

from gateway.caller import Access, Caller, sees
from protocol.accounts import Scope
from protocol.errors import GatewayError, Kind

__all__ = ["admit"]

_CHANGES_NOTHING = (Access.READ, Access.LOOK)


def admit(caller: Caller, access: Access, owner: str = "", others: str = "ask for this") -> None:
    """Lets a command pass or not. ``owner`` is of whom it speaks, empty for the caller.

    ``others`` is what only an administrator may do about others.

    Raises:
        GatewayError: UNAUTHENTICATED or FORBIDDEN.
    """
    if access is Access.OPEN or (access is Access.READ and _is_open(caller, owner)):
        return
    principal = caller.user
    if access is Access.ADMIN and not principal.admin:
        raise GatewayError(Kind.FORBIDDEN, "only an administrator may ask for this")
    if principal.scope is Scope.READ and access not in _CHANGES_NOTHING:
        raise GatewayError(Kind.FORBIDDEN, "this token is for reading alone")
    if owner and not sees(principal, owner):
        raise GatewayError(Kind.FORBIDDEN, f"only an administrator may {others}")


def _is_open(caller: Caller, owner: str) -> bool:
    """Whether strangers may read here; what they find is what its owner shares."""
    return caller.principal is None and not owner and caller.reads_shared
