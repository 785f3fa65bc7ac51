"""Requests and replies as plain values: what a transport hands in and gets back."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field

__all__ = ["Reply", "Request"]


@dataclass(frozen=True, slots=True)
class Request:
    """One request, decoded and refused once by the transport, without any socket behind it.

    ``path`` is decoded and normalised, below the dialect's mount, and begins with a slash.
    ``params`` are the path segments that the route's template named. ``query`` keeps the first
    value of each name, ``headers`` have lower-case names. ``body`` is empty for a route that
    streams, whose bytes come from ``chunks``. ``now_ms`` is the time of arrival (ms, epoch).
    ``websocket`` is true if the request came as a message. ``user`` is who asks, empty for
    a stranger: a dialect may put it into words, what that user may do is decided elsewhere.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    chunks: AsyncIterable[bytes] | None = None
    now_ms: int = 0
    websocket: bool = False
    user: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: ``body`` is bytes, or a stream of ``length`` bytes in all.

    ``cookies`` maps names to values that the transport sets with safe attributes; an empty value
    removes the cookie.
    """

    status: int
    body: bytes | AsyncIterable[bytes] = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    length: int = -1
