"""Whether a gateway is ready, asked over its own socket as any client would."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

__all__ = ["ready"]

_SECONDS = 2.0
_MAX_BYTES = 16_384


async def ready(url: str) -> str:
    """Empty if the gateway at ``url`` is ready, else a word on why not."""
    place = urlsplit(url)
    request = f"GET /readyz HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection(place.hostname, place.port)
            try:
                writer.write(request.encode("ascii"))
                answer = await reader.read(_MAX_BYTES)
            finally:
                writer.close()
    except TimeoutError:
        return "no answer"
    except OSError:
        return "no connection"
    return "" if answer.startswith(b"HTTP/1.1 200") else "not ready"
