"""From which addresses each user has logged in, in one private file.

A login from one of them is looked at however many guesses come from elsewhere. Sixteen of each user
are kept, each for ninety days after its last login; a day is written down once. Losing the file
costs that throttle and nothing else, so that it is never a reason to refuse a login.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from gateway.journal import journal
from gateway.stores.atomic_file import exclusive, replace
from protocol.errors import GatewayError

__all__ = ["KnownAddresses"]

_MOST = 16
_KEPT_MS = 90 * 86_400_000
_NOTED_MS = 86_400_000
_journal = journal("gateway.logins")

_Users = dict[str, dict[str, int]]


class KnownAddresses:
    """The addresses, in the file ``path``, which need not be there yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[tuple[int, int, int], _Users] | None = None

    def knows(self, user: str, address: str, now_ms: int) -> bool:
        """Whether the user has logged in from there; cheap while nothing changes."""
        return now_ms - self._users().get(user, {}).get(address, -_KEPT_MS) < _KEPT_MS

    async def note(self, user: str, address: str, now_ms: int) -> None:
        """The user has logged in from there."""
        last = self._users().get(user, {}).get(address)
        if last is not None and 0 <= now_ms - last < _NOTED_MS:
            return
        try:
            await asyncio.to_thread(self._note, user, address, now_ms)
        except (OSError, GatewayError) as error:
            _journal.warning("an address could not be noted", user=user, error=str(error))

    def _note(self, user: str, address: str, now_ms: int) -> None:
        with exclusive(self._path.with_name(f"{self._path.name}.lock")):
            users = {
                name: kept
                for name, addresses in self._users().items()
                if (kept := {a: ms for a, ms in addresses.items() if now_ms - ms < _KEPT_MS})
            }
            own = users.setdefault(user, {})
            own[address] = now_ms
            while len(own) > _MOST:
                del own[min(own, key=own.__getitem__)]
            replace(self._path, msgspec.json.format(msgspec.json.encode(users)))

    def _users(self) -> _Users:
        try:
            facts = self._path.stat()
            stamp = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
            if self._seen is None or self._seen[0] != stamp:
                self._seen = (stamp, msgspec.json.decode(self._path.read_bytes(), type=_Users))
        except (OSError, msgspec.MsgspecError):
            return {}
        return self._seen[1]
