"""A body that browsers keep: sent with a name of its content, and not again while that is so."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from protocol.http import Reply

__all__ = ["ONLY_GET", "KeptFile"]

ONLY_GET = Reply(405, b"only GET\n", "text/plain; charset=utf-8", {"allow": "GET, HEAD"})
"""The answer to a method that does more than read."""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A body with the headers it is sent with, ``etag`` among them. Made by ``of``."""

    body: bytes
    content_type: str
    etag: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, body: bytes, content_type: str, headers: Mapping[str, str]) -> KeptFile:
        """A body whose ``etag`` is made from it, once."""
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        kept = {"cache-control": "no-cache", "etag": etag}
        return cls(body, content_type, etag, kept | dict(headers))

    def answer(self, method: str, headers: Mapping[str, str]) -> Reply:
        """The body, or only that it is what ``If-None-Match`` names (compared weakly)."""
        if method not in {"GET", "HEAD"}:
            return ONLY_GET
        asked = headers.get("if-none-match", "")
        names = {name.strip().removeprefix("W/") for name in asked.split(",")}
        if self.etag in names or names == {"*"}:
            return Reply(304, b"", "", self.headers)
        return Reply(200, self.body, self.content_type, self.headers)
