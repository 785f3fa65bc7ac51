"""What must be gone when a storm is over: nothing that it took may still be held."""

from __future__ import annotations

import contextlib
import time

import redis

from gateway.stores import keys
from tests.faults.leak_check import Holdings, holdings
from tests.faults.ledger import Ledger
from tests.faults.pace import pause
from tests.support.redis_server import index_url
from tests.support.served import Served

__all__ = ["SLACK", "settle"]

SLACK = 24
"""Thread pools fill as they are used, and a part may just have been started anew."""
_TRIES = 60
_PAUSE_SECONDS = 0.5
_TIDY_SECONDS = 75.0
"""The runner leaves alone for a minute what somebody may still be making."""
_TASKS = tuple(family.prefix for family in (keys.TASK, keys.NUMBERED, keys.NAME))


async def settle(gateway: Served, ledger: Ledger, base: Holdings) -> None:
    """Waits until everything is back at its base; enters what is not after half a minute."""
    left: dict[str, object] = {}
    for _ in range(_TRIES):
        left = remains(gateway, base)
        if not left:
            return
        await pause(_PAUSE_SECONDS)
    for what, found in left.items():
        ledger.violate("I9", what, f"{found}")


def remains(gateway: Served, base: Holdings) -> dict[str, object]:
    """What is still held: run directories, zombies, keys without a life, growth of processes."""
    found = holdings(gateway)
    left: dict[str, object] = {
        name: f"grew from {before} to {after}"
        for name, (before, after) in found.grown(base, SLACK).items()
    }
    if found.zombies:
        left["zombies"] = found.zombies
    if found.live:
        left["live run directories"] = found.live
    if half := _half_made(gateway):
        left["half made run directories"] = half
    if lifeless := _lifeless(gateway):
        left["keys without a life"] = lifeless
    return left


def _half_made(gateway: Served) -> list[str]:
    """What a gateway that died in a submit left behind, once it is old enough to be tidied."""
    found = []
    for path in (gateway.data / "spool" / "new").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _TIDY_SECONDS:
                found.append(path.name)
    return sorted(found)


def _lifeless(gateway: Served) -> list[str]:
    """Keys of tasks that have ended and would stay for ever."""
    try:
        with redis.Redis.from_url(index_url(gateway.data), socket_timeout=5) as client:
            return [
                str(key, "utf-8", "replace")
                for key in client.scan_iter(count=1000)
                if str(key, "utf-8", "replace").startswith(_TASKS) and client.ttl(key) == -1
            ]
    except redis.RedisError as error:
        return [type(error).__name__]
