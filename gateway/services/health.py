"""How Redis, the runner, the disk, the memory and the processors are, as seen by this process.

What readiness proves is asked here too, a part at a time and with figures: a part that is not well
is told, and hinders no other from being looked at.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway import clock
from gateway.caller import Access, Caller
from gateway.ids import new_request_id
from gateway.services.parts import Parts
from gateway.services.service import Verb
from gateway.stores.opened import Stores
from protocol.commands.health import HealthPart, ReadHealth
from protocol.errors import GatewayError

__all__ = ["HealthService"]

_USED = re.compile(rb"used_memory:(\d+)")
_MEMORY = re.compile(r"^(MemTotal|MemAvailable):\s+(\d+) kB", re.MULTILINE)


class HealthService:
    """Looks at the parts.

    Args:
        stores: what is asked.
        data: a folder on the disk that counts.
    """

    def __init__(self, stores: Stores, data: Path) -> None:
        self._stores = stores
        self._data = data
        self._process = new_request_id()

    @classmethod
    def of(cls, parts: Parts) -> HealthService:
        """The service of a gateway."""
        return cls(parts.stores, parts.paths.data)

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        return (Verb(ReadHealth, Access.LOOK, self.read),)

    async def read(self, _caller: Caller, _command: ReadHealth) -> tuple[HealthPart, ...]:
        """All parts, in a fixed order."""
        return (
            await self._redis(),
            await _judged("runner", self._stores.lease.require(), {}),
            await self._disk(),
            *await asyncio.to_thread(_machine),
        )

    async def _redis(self) -> HealthPart:
        begun = clock.monotonic()
        part = await _judged("redis", self._stores.redis.check(self._process), {})
        if not part.well:
            return part
        figures = {"answer_seconds": round(clock.monotonic() - begun, 6)}
        try:
            reported = await self._stores.redis.call("INFO", "memory")
        except GatewayError:
            return HealthPart("redis", figures=figures)
        used = _USED.search(reported) if isinstance(reported, bytes) else None
        return HealthPart("redis", figures=figures | ({"used_bytes": int(used[1])} if used else {}))

    async def _disk(self) -> HealthPart:
        try:
            usage = await asyncio.to_thread(shutil.disk_usage, self._data)
        except OSError as error:
            message = f"the data folder cannot be looked at: {error.strerror}"
            return HealthPart("disk", well=False, message=message)
        figures = {"free_bytes": usage.free, "total_bytes": usage.total}
        return await _judged("disk", self._stores.spool.check(), figures)


async def _judged(name: str, check: Awaitable[object], figures: Mapping[str, float]) -> HealthPart:
    try:
        await check
    except GatewayError as error:
        return HealthPart(name, well=False, message=error.message, figures=figures)
    return HealthPart(name, figures=figures)


def _machine() -> tuple[HealthPart, HealthPart]:
    known = {
        name: int(kilobytes) * 1024
        for name, kilobytes in _MEMORY.findall(Path("/proc/meminfo").read_text("ascii"))
    }
    memory = HealthPart(
        "memory",
        figures={
            "available_bytes": known.get("MemAvailable", 0),
            "total_bytes": known.get("MemTotal", 0),
        },
    )
    figures = {"count": os.cpu_count() or 1, "load_of_a_minute": os.getloadavg()[0]}
    return memory, HealthPart("processors", figures=figures)
