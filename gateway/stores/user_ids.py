"""The number that the system knows each user's tasks by, where they are users of their own.

One file, replaced as a whole. A number is given once for ever: files of a user who is gone must
never be another one's. Only the runner gives them. Touches the disk.
"""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec

from gateway.stores.atomic_file import replace
from protocol.errors import GatewayError, Kind

__all__ = ["UserIds"]


class UserIds:
    """The numbers.

    Args:
        file: where they are kept, which need not be there yet.
        first: the first one.
        count: how many there are.
    """

    def __init__(self, file: Path, first: int, count: int) -> None:
        self._file = file
        self._first = first
        self._count = count
        self._lock = threading.Lock()
        self._known: dict[str, int] | None = None

    def of(self, user: str) -> int:
        """The number of a user, who gets one if there is none yet. Blocks.

        Raises:
            GatewayError: EXHAUSTED if all are given, UNAVAILABLE if the disk refuses, INTERNAL if
                the file cannot be understood: nobody knows then who has which.
        """
        with self._lock:
            known = self._read() if self._known is None else self._known
            if user not in known:
                place = len(known)
                if place >= self._count:
                    raise GatewayError(Kind.EXHAUSTED, "no user of the system is left for you")
                known = {**known, user: place}
                try:
                    replace(self._file, msgspec.json.encode(known))
                except OSError as error:
                    raise GatewayError(
                        Kind.UNAVAILABLE, "the disk refuses at the moment", retry_after=1.0
                    ) from error
            self._known = known
            return self._first + known[user]

    def _read(self) -> dict[str, int]:
        try:
            found = msgspec.json.decode(self._file.read_bytes(), type=dict[str, int])
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise GatewayError(Kind.UNAVAILABLE, "the disk refuses at the moment") from error
        except msgspec.MsgspecError as error:
            raise GatewayError(
                Kind.INTERNAL, "nobody can read which user of the system is whose"
            ) from error
        if sorted(found.values()) != list(range(len(found))):
            raise GatewayError(Kind.INTERNAL, "a user of the system is that of several")
        return found
