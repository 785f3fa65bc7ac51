"""One HTTP request to another node: a body goes out, the bytes of the answer come in.

A connection for each request, ended with it: it is bounded in time, and nothing of one request can
reach another.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from urllib.parse import urlsplit

__all__ = ["PeerLine"]

_HEAD_BYTES = 16_384
_OK = 200
_PIECE_SECONDS = 30.0


class PeerLine:
    """An open request. Every method raises OSError, TimeoutError or ValueError if it fails."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._chunked = False
        self._left = 0

    @classmethod
    async def ask(
        cls,
        address: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        trust: ssl.SSLContext | None = None,
    ) -> PeerLine:
        """Sends a request and reads the head of its answer; with TLS if it says whom to trust."""
        url = urlsplit(address)
        host = url.hostname or ""
        reader, writer = await asyncio.open_connection(
            host,
            url.port or (443 if trust else 80),
            ssl=trust,
            limit=_HEAD_BYTES,
        )
        line = cls(reader, writer)
        try:
            fields = {
                "host": url.netloc,
                "content-type": "application/octet-stream",
                "content-length": str(len(body)),
                "connection": "close",
                **headers,
            }
            head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
            writer.write(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode("ascii") + body)
            await writer.drain()
            await line._begin()
        except BaseException:
            line.close()
            raise
        return line

    async def read(self, size: int) -> bytes:
        """So many bytes of the answer, within half a minute."""
        async with asyncio.timeout(_PIECE_SECONDS):
            found = bytearray()
            while len(found) < size:
                if not self._left:
                    await self._next_chunk()
                data = await self._reader.read(min(size - len(found), self._left))
                if not data:
                    raise ConnectionError("the answer of another node broke off")
                self._left -= len(data)
                found += data
            return bytes(found)

    def close(self) -> None:
        """Ends the request, whatever is still to come."""
        with contextlib.suppress(RuntimeError):  # the loop may be gone
            self._writer.close()

    async def _begin(self) -> None:
        status = (await self._reader.readline()).split(b" ", 2)
        fields: dict[str, str] = {}
        while (line := (await self._reader.readline()).strip()) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            fields[name.lower()] = value.strip()
        if len(status) < 2 or status[1] != str(_OK).encode():  # noqa: PLR2004 - version and status
            raise ConnectionError("another node refused a request")
        self._chunked = fields.get("transfer-encoding", "").lower() == "chunked"
        if not self._chunked:
            self._left = int(fields.get("content-length", "0"))

    async def _next_chunk(self) -> None:
        if not self._chunked:
            raise ConnectionError("the answer of another node is too short")
        line = (await self._reader.readline()).strip()
        if not line:  # the end of the chunk before
            line = (await self._reader.readline()).strip()
        self._left = int(line, 16)
        if not self._left:
            raise ConnectionError("the answer of another node is too short")
