"""As whom the tasks of an account run, where accounts are users of the system.

One account has one identity, whichever dialect it speaks: OAR's user, OpenPAI's, and the one whom
Linkis' ``executeUser`` names. Touches the disk and asks the system: blocks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from gateway.config.system_users import is_person, number_of
from gateway.stores.user_ids import UserIds
from protocol.errors import GatewayError, Kind

__all__ = ["Identities", "Identity"]

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST_NAME = 32


class Identity(NamedTuple):
    """A user of the system, and of the group of the same number; what it is called inside."""

    uid: int
    name: str


class Identities:
    """Finds them.

    Args:
        ids: gives a number to each account that is nobody of the system.
        named: accounts that are users of the system, by name.
        same: whether an account is the person of the system who has its name, if there is one.
    """

    def __init__(self, ids: UserIds, named: Mapping[str, str], *, same: bool) -> None:
        self._ids = ids
        self._named = named
        self._same = same

    def of(self, account: str) -> Identity:
        """As whom an account's tasks run.

        Raises:
            GatewayError: there is no user of the system for it.
        """
        name = self._named.get(account, "")
        if not name and self._same and is_person(account):
            name = account
        if not name:
            plain = _NOT_PLAIN.sub("_", account)[:_LONGEST_NAME]
            return Identity(self._ids.of(account), plain)
        try:
            return Identity(number_of(name), name)
        except ValueError as error:
            raise GatewayError(
                Kind.UNAVAILABLE, f"your tasks cannot run as the user they are to be: {error}"
            ) from error
