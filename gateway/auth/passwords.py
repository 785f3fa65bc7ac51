"""Passwords that come with each request: looked at once a minute, not each time.

Looking at a password costs a tenth of a second on purpose. What is remembered is no password but
its HMAC under a key of this process, with the time when the user's password was set: with a new
password, or none, the old one is worth nothing at once.
"""

from __future__ import annotations

import hmac
import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from gateway.auth.identify import Registry
from protocol.accounts import Password, Principal

__all__ = ["KnownPasswords"]

_SECONDS = 60.0
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    digest: bytes
    name: str
    changed_ms: int
    until: float


class KnownPasswords:
    """What was right lately. Bounded: the oldest is forgotten first.

    Args:
        accounts: who there is.
        now_ms: the wall clock, for when a proof ends.
        monotonic: the clock that does not jump, for how long one is remembered.
    """

    def __init__(
        self, accounts: Registry, now_ms: Callable[[], int], monotonic: Callable[[], float]
    ) -> None:
        self._accounts = accounts
        self._now_ms = now_ms
        self._monotonic = monotonic
        self._key = os.urandom(32)
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def find(self, offered: Password) -> Principal | None:
        """Whom the password proves, with the role of now; None if it has to be looked at."""
        known = self._known.get(offered.user)
        if known is None or known.until <= self._monotonic():
            return None
        user = self._accounts.find(known.name)
        if user is None or user.changed_ms != known.changed_ms:
            del self._known[offered.user]
            return None
        if not hmac.compare_digest(known.digest, self._digest(offered)):
            return None
        return Principal(known.name, user.role, expires_ms=self._now_ms() + int(_SECONDS * 1000))

    def remember(self, offered: Password, name: str) -> None:
        """Notes that a password was right for the user of that name."""
        user = self._accounts.find(name)
        if user is None:
            return
        until = self._monotonic() + _SECONDS
        known = _Known(self._digest(offered), name, user.changed_ms, until)
        self._known[offered.user] = known
        self._known.move_to_end(offered.user)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)

    def _digest(self, offered: Password) -> bytes:
        said = offered.password.encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, said, "sha256")
