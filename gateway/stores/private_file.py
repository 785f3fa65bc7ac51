"""One value in a private file that several processes read and change.

The file is the truth; every process reads it again when it changed, and changes it as a whole,
durably and one at a time. A file that cannot be read is UNAVAILABLE and never taken for an empty
one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from gateway.stores.atomic_file import exclusive, replace
from protocol.errors import GatewayError, Kind

__all__ = ["PrivateFile"]

T = TypeVar("T")
_Stamp = tuple[int, int, int]


class PrivateFile(Generic[T]):
    """The value in the file ``path``, which need not be there yet.

    Args:
        path: where it is; its folder must be there.
        kind: the type of the value, as msgspec reads it from JSON.
        initial: makes the value that there is before there is a file.
    """

    def __init__(self, path: Path, kind: type[T], initial: Callable[[], T]) -> None:
        self._path = path
        self._where = str(path)
        self._kind = kind
        self._initial = initial
        self._seen: tuple[_Stamp | None, T] | None = None

    def read(self) -> T:
        """The value as it is; a look at the disk, and a reading if it changed. May block."""
        stamp = self._stamp()
        if self._seen is None or self._seen[0] != stamp:
            self._seen = (stamp, self._read())
        return self._seen[1]

    def change(self, change: Callable[[T], T]) -> T:
        """Puts another value in its place; nothing changes if ``change`` raises. May block.

        Raises:
            GatewayError: UNAVAILABLE if the disk refuses.
        """
        try:
            with exclusive(self._path.with_name(f".{self._path.name}.lock")):
                before = self._read()
                after = change(before)
                if after != before or not self._path.exists():
                    replace(self._path, msgspec.json.format(msgspec.json.encode(after)) + b"\n")
        except OSError as error:
            raise self._unavailable() from error
        self._seen = None
        return after

    def _read(self) -> T:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=self._kind)
        except FileNotFoundError:
            return self._initial()
        except (OSError, msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise self._unavailable() from error

    def _stamp(self) -> _Stamp | None:
        try:
            facts = os.stat(self._where)  # noqa: PTH116 - asked often, at half the price
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unavailable() from error
        return facts.st_ino, facts.st_mtime_ns, facts.st_size

    def _unavailable(self) -> GatewayError:
        return GatewayError(
            Kind.UNAVAILABLE, f"the file {self._path.name} of the gateway cannot be read or written"
        )
