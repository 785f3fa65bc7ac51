"""The documents at their paths, to anybody: they hold no data. Built once, when first asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import orjson

from gateway.api_documents.asyncapi import asyncapi
from gateway.api_documents.openapi import openapi
from gateway.api_documents.pages import page
from gateway.kept_file import ONLY_GET, KeptFile
from gateway.plugins import Mount
from protocol.http import Reply

__all__ = ["ApiDocuments"]

_JSON, _HTML = "application/json", "text/html; charset=utf-8"
_PATHS = frozenset({"/openapi.json", "/asyncapi.json", "/api-docs"})
_OF_PAGE = {
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
}
"""The page has a style of its own and runs nothing."""


class ApiDocuments:
    """Answers three paths that belong to no dialect.

    Args:
        mounts: what the documents are about.
        address: ``host:port`` of this gateway, where a websocket opens.
    """

    def __init__(self, mounts: Sequence[Mount], address: str) -> None:
        self._mounts = mounts
        self._address = address
        self._building = asyncio.Lock()
        self._built: Mapping[str, KeptFile] = {}

    def knows(self, path: str) -> bool:
        """Whether the path is one of these."""
        return path in _PATHS

    async def answer(self, method: str, path: str, headers: Mapping[str, str]) -> Reply:
        """The document at a path that it knows, or only that it has not changed."""
        if method not in {"GET", "HEAD"}:
            return ONLY_GET
        async with self._building:
            if not self._built:
                self._built = await asyncio.to_thread(self._build)
        return self._built[path].answer(method, headers)

    def _build(self) -> Mapping[str, KeptFile]:
        routes = openapi(self._mounts, "/")
        sockets = asyncapi(self._mounts, self._address)
        return {
            "/openapi.json": KeptFile.of(orjson.dumps(routes), _JSON, {}),
            "/asyncapi.json": KeptFile.of(orjson.dumps(sockets), _JSON, {}),
            "/api-docs": KeptFile.of(page(routes, sockets), _HTML, _OF_PAGE),
        }
