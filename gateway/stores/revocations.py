"""Which tickets are worthless before their time: one private file, a line each.

Every process reads what was added to it. If the file cannot be read, nobody knows which tickets
are good, and every question is refused.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from gateway.stores.atomic_file import exclusive, replace, sync_folder
from protocol.errors import GatewayError, Kind

__all__ = ["Revocations"]

_TIDY_LINES = 1000


@dataclass(frozen=True, slots=True)
class _Line:
    jti: str
    until_ms: int


class Revocations:
    """The revoked tickets in the file ``path``, which need not be there yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._where = str(path)
        self._until: dict[str, int] = {}
        self._file = (0, 0)
        self._read = 0

    async def revoke(self, jti: str, until_ms: int, now_ms: int) -> None:
        """Makes a ticket worthless for the rest of its life, durably, for every process."""
        await asyncio.to_thread(self._revoke, _Line(jti, until_ms), now_ms)

    def revoked(self, jti: str) -> bool:
        """Whether the ticket is worthless; cheap while nothing changes. UNAVAILABLE if unknown."""
        self._refresh()
        return jti in self._until

    async def live(self, now_ms: int) -> dict[str, int]:
        """The tickets that are worthless before their time, and until when (ms, epoch)."""
        lines = await asyncio.to_thread(self._lines)
        return {line.jti: line.until_ms for line in lines if line.until_ms > now_ms}

    async def learn(self, lines: Mapping[str, int], now_ms: int) -> int:
        """Revokes those of other nodes that are not known here yet; how many there were."""
        self._refresh()
        fresh = {one: until for one, until in lines.items() if one not in self._until}
        for jti, until_ms in fresh.items():
            await self.revoke(jti, until_ms, now_ms)
        return len(fresh)

    def _revoke(self, line: _Line, now_ms: int) -> None:
        try:
            with exclusive(self._path.with_name(f"{self._path.name}.lock")):
                known = self._lines()
                live = [old for old in known if old.until_ms > now_ms]
                if len(known) - len(live) > _TIDY_LINES:
                    replace(self._path, b"".join(map(_encoded, (*live, line))))
                else:
                    self._append(_encoded(line))
        except OSError as error:
            raise _unknown() from error

    def _append(self, line: bytes) -> None:
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "r+b") as file:
            # A crash may have left half a line, which was never promised to anybody.
            file.truncate(_whole(file.read()))
            file.seek(0, os.SEEK_END)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self._path.parent)

    def _lines(self) -> list[_Line]:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return []
        return _decoded(data[: _whole(data)])

    def _refresh(self) -> None:
        try:
            facts = os.stat(self._where)  # noqa: PTH116 - at every request, at half the price
        except FileNotFoundError as error:
            if self._until:
                raise _unknown() from error
            return
        except OSError as error:
            raise _unknown() from error
        file = (facts.st_dev, facts.st_ino)
        if file != self._file or facts.st_size < self._read:
            self._file, self._read = file, 0
            self._until = {}
        if facts.st_size > self._read:
            self._read_more()

    def _read_more(self) -> None:
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except OSError as error:
            raise _unknown() from error
        whole = _whole(data)
        for line in _decoded(data[:whole]):
            self._until[line.jti] = line.until_ms
        self._read += whole


def _whole(data: bytes) -> int:
    """How many bytes of the data are complete lines."""
    return data.rfind(b"\n") + 1


def _encoded(line: _Line) -> bytes:
    return msgspec.json.encode(line) + b"\n"


def _decoded(data: bytes) -> list[_Line]:
    try:
        return [msgspec.json.decode(line, type=_Line) for line in data.splitlines() if line]
    except msgspec.MsgspecError as error:
        raise _unknown() from error


def _unknown() -> GatewayError:
    return GatewayError(
        Kind.UNAVAILABLE, "the list of revoked tickets cannot be read or written", retry_after=1.0
    )
