"""Whether the gateway lives, whether it can work, and what it counted.

``/healthz`` says that this process answers. ``/readyz`` proves that the store takes writes and that
a runner holds the lease of the index. Neither tells a stranger more than that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from gateway.kept_file import ONLY_GET
from gateway.metrics import Metrics
from protocol.errors import GatewayError
from protocol.http import Reply
from protocol.media import encode_json

__all__ = ["Health"]


class Health:
    """Answers three paths that belong to no dialect.

    ``ready`` raises GatewayError while no task can be accepted. ``observe`` brings the figures of
    the moment up to date, in bounded time.
    """

    def __init__(
        self,
        ready: Callable[[], Awaitable[None]],
        metrics: Metrics,
        observe: Callable[[], Awaitable[None]],
    ) -> None:
        self._ready = ready
        self._observe = observe
        self._metrics = metrics
        self._paths: Mapping[str, Callable[[], Awaitable[Reply]]] = {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._exposition,
        }

    def knows(self, path: str) -> bool:
        """Whether the path is one of these."""
        return path in self._paths

    async def answer(self, method: str, path: str) -> Reply:
        """The reply at a path that it knows."""
        if method not in {"GET", "HEAD"}:
            return ONLY_GET
        return await self._paths[path]()

    async def _healthz(self) -> Reply:
        return Reply(200, b'{"status":"alive"}')

    async def _readyz(self) -> Reply:
        try:
            await self._ready()
        except GatewayError as error:
            body = {"status": "not ready", "reason": error.message}
            return Reply(503, encode_json(body), headers={"retry-after": "1"})
        return Reply(200, b'{"status":"ready"}')

    async def _exposition(self) -> Reply:
        await self._observe()
        return Reply(200, self._metrics.exposition(), self._metrics.content_type)
