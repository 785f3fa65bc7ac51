"""What the two clients share about httpx and websockets: headers, limits, replies, failures.

Both libraries turn on TCP_NODELAY by themselves, in each of their forms that is used here.
"""

from __future__ import annotations

import httpx

from gateway.client.calls import Reply
from gateway.client.errors import ConnectionFailed

__all__ = [
    "CLOSE_SECONDS",
    "MAX_MESSAGE",
    "PING_SECONDS",
    "bearer",
    "failed",
    "headers",
    "reply",
    "timeouts",
]

PING_SECONDS = 20.0
CLOSE_SECONDS = 1.0
MAX_MESSAGE = 16 * 2**20
"""The gateway sends a few hundred KiB at once; JSON may make six bytes of one."""

_CONNECT_SECONDS = 10.0


def bearer(token: str) -> dict[str, str]:
    """The header that says who asks."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def headers(token: str, body: bytes) -> dict[str, str]:
    """The headers of a request."""
    return bearer(token) | ({"Content-Type": "application/json"} if body else {})


def timeouts(seconds: float) -> httpx.Timeout:
    """The deadlines of one request."""
    return httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))


def reply(response: httpx.Response, body: bytes) -> Reply:
    """An answer without its library."""
    after = response.headers.get("retry-after", "")
    return Reply(
        response.status_code,
        body,
        dict(response.cookies),
        float(after) if after.isdecimal() else 0.0,
    )


def failed(url: str, error: Exception) -> ConnectionFailed:
    """The failure in one sentence."""
    words = str(error).partition("\n")[0] or type(error).__name__
    return ConnectionFailed(f"no connection to {url}: {words}")
