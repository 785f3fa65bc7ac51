"""Whether a gateway is ready, asked over its own socket as any client would."""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

import orjson

from gateway.pinning import pinned

__all__ = ["ready"]

_SECONDS = 2.0
_MAX_BYTES = 16_384


async def ready(url: str, certificate: str = "") -> str:
    """Empty if the gateway at ``url`` is ready, else its sentence or a word on why not.

    ``certificate`` is the file with the very certificate that it must have if it speaks TLS.
    """
    place = urlsplit(url)
    request = f"GET /readyz HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection(
                place.hostname, place.port, ssl=pinned(certificate) if certificate else None
            )
            try:
                writer.write(request.encode("ascii"))
                answer = b""
                while len(answer) < _MAX_BYTES and (data := await reader.read(_MAX_BYTES)):
                    answer += data
            finally:
                writer.close()
    except TimeoutError:
        return "no answer"
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is not in order: {error.verify_message}"
    except OSError:
        return "no connection"
    return "" if answer.startswith(b"HTTP/1.1 200") else _reason(answer)


def _reason(answer: bytes) -> str:
    """What the gateway says of it."""
    try:
        return str(orjson.loads(answer.partition(b"\r\n\r\n")[2])["reason"])
    except (ValueError, KeyError, TypeError):
        return "not ready"
