"""Sanic's HTTP/1.1, with what it forgives refused: a body may end in one way only.

Whoever stands in front of the gateway must never see another end of a request than we do. So
numbers are digits, chunks end where they say, and after anything else the connection is closed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any, cast

from sanic.exceptions import BadRequest
from sanic.http import Http

from gateway.transport.lingering import Unheard

__all__ = ["StrictHttp", "framed"]

_DIGITS = {10: re.compile(r"[0-9]{1,18}", re.ASCII), 16: re.compile(r"[0-9A-Fa-f]{1,15}", re.ASCII)}
_LONGEST_CHUNK_LINE = 64
_CRLF = b"\r\n"
_SHORT_REST = 64 * 1024
"""So much of a body that nobody wants is read for the sake of the connection."""


class StrictHttp(Http):
    """One connection's requests."""

    # Sanic's metaclass leaves no room for anything else.
    __slots__ = ("_lingers", "unheard")

    def init_for_request(self) -> None:
        """Begins anew; ``unheard`` is set once a client that may still be sending has its reply."""
        super().init_for_request()  # type: ignore[no-untyped-call]  # Sanic leaves it untyped
        self.unheard: Unheard | None = None
        self._lingers = False

    async def http1(self) -> None:
        """Answers requests until the connection ends, and not before the last reply can be read."""
        await super().http1()  # type: ignore[no-untyped-call]  # as above
        # It refers to this object, which would be left to the collector with all that it holds.
        del self.response_func
        if self.unheard is not None and (self._lingers or self.request_body):
            await cast("Any", self.protocol).linger(self.unheard)

    def discard_rest(self, user: str, address: str, *, head: bool = False) -> None:
        """Nobody reads what is left of the request: called before the reply is sent.

        A short rest is thrown away, so that another request may follow; with a longer one, or
        within a head, the connection ends. A body that waits to be asked for is not asked for.
        """
        until = asyncio.get_running_loop().time() + self.protocol.request_timeout
        self.unheard = Unheard(user, address, until)
        self.request_max_size = _SHORT_REST
        if head or self.expecting_continue or (self.request_bytes or 0) > _SHORT_REST:
            self._lingers = True
            self.expecting_continue = self.keep_alive = False
            self.request_body = None

    def drop_rest(self) -> None:
        """As ``discard_rest``, of a client that has had its time: the connection ends at once."""
        self.keep_alive = False
        self.request_body = None

    async def read(self) -> bytes | None:
        """The next piece of a body; a chunk must begin where the one before it ended.

        Raises:
            BadRequest: the framing is not what the standard says, or what nobody is waiting for
                does not come.
        """
        if self.unheard is None:
            return await self._read()
        try:
            async with asyncio.timeout_at(self.unheard.until):
                return await self._read()
        except TimeoutError as error:
            self.unheard = None
            raise BadRequest("the rest of a refused body did not arrive in time") from error

    async def _read(self) -> bytes | None:
        # Sanic keeps the word "chunked" where its types say bytes.
        if cast("object", self.request_body) == "chunked" and self.request_bytes_left == 0:
            await self._check_chunk()
        found: bytes | None = await super().read()
        return found

    async def _check_chunk(self) -> None:
        buffer = self.recv_buffer
        while (end := buffer.find(_CRLF, 2)) < 0 and len(buffer) <= _LONGEST_CHUNK_LINE:
            await self._receive_more()
        line = bytes(buffer[2:end]) if end >= 0 else b"\n"
        if buffer[:2] != _CRLF or len(line) > _LONGEST_CHUNK_LINE or b"\r" in line or b"\n" in line:
            self.keep_alive = False
            raise BadRequest("Bad chunked encoding")

    @staticmethod
    def _safe_int(value: str, base: int = 10) -> int:
        """A number in digits and nothing else; ValueError for signs, prefixes and blanks."""
        if not _DIGITS[base].fullmatch(value):
            raise ValueError(value)
        return int(value, base)


def framed(version: str, lengths: Sequence[str], codings: Sequence[str]) -> bool:
    """Whether a head says in one way how long its body is."""
    if len(lengths) + len(codings) > 1:
        return False
    if codings:
        return codings[0].strip().lower() == "chunked" and version == "1.1"
    return not lengths or _DIGITS[10].fullmatch(lengths[0].strip()) is not None
