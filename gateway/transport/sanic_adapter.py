"""Between Sanic's request and reply objects and our plain values: strict on the way in.

What is malformed is refused here once. It must never know a route, a dialect or a command.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

from sanic.exceptions import BadRequest, PayloadTooLarge
from sanic.http import Http, Stage
from sanic.request import Request as SanicRequest
from sanic.response import HTTPResponse

from gateway.auth.proxies import Proxies
from gateway.transport.strict_http import StrictHttp, framed
from gateway.transport.usage import BodyUsage
from protocol.errors import GatewayError, Kind
from protocol.http import Reply

__all__ = ["Exchange", "Head", "plain_reply"]

_ALLOWED_BYTES = bytes(byte for byte in range(256) if byte in b"\t\r\n" or 0x20 <= byte != 0x7F)  # noqa: PLR2004 - the printable ones
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_CODINGS = frozenset(
    (
        *("aes128gcm", "br", "compress", "dcb", "dcz", "deflate", "exi", "gzip"),
        *("pack200-gzip", "x-compress", "x-gzip", "zstd"),
    )
)
_COMMON_NAMES = frozenset(
    (
        *("accept", "accept-encoding", "accept-language", "authorization", "connection", "cookie"),
        *("content-length", "content-type", "host", "origin", "referer", "user-agent"),
    )
)
_SLOWEST_BYTES_PER_SECOND = 32 * 1024
_BRIEF_SECONDS = 0.5
"""In which a body may arrive without a turn: one that is sent whole needs none."""
_MAX_FIELDS = 100
_FIXED = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}

_FIXED_LINES = "".join(f"{name}: {value}\r\n" for name, value in _FIXED.items())
_WITH_BODY = {
    status.value: status.phrase
    for status in HTTPStatus
    if status >= HTTPStatus.OK
    and status not in {HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED}
}
"""The statuses of replies that have a body, with their words."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request: ``headers`` have lower-case names, and the first value of each.

    ``target`` is path and query as they came.
    """

    method: str
    raw_path: str
    query: str
    headers: Mapping[str, str]
    hosts: tuple[str, ...]
    origins: tuple[str, ...]
    address: str
    request_id: str
    target: str = ""


class Exchange:
    """One HTTP request and its reply.

    ``strict`` is what browsers are told in ``Strict-Transport-Security``, empty for nothing.
    """

    def __init__(
        self, request: SanicRequest, fallback_id: str, proxies: Proxies, strict: str = ""
    ) -> None:
        self._request = request
        self._proxies = proxies
        self._strict = {"strict-transport-security": strict} if strict else {}
        self._own_tls = bool(request.conn_info and request.conn_info.ssl)
        self.secure = self._own_tls
        self.user = ""
        # Sanic speaks HTTP/1.1 here, and only that.
        self._stream = cast("StrictHttp | None", request.stream)
        self._address = ""
        self._too_slow = False
        asked = request.headers.getone("x-request-id", "")
        self.request_id = asked if _REQUEST_ID.fullmatch(asked) else fallback_id
        self.started = False

    @property
    def claims(self) -> bool:
        """Whether anything is offered as a proof of identity, good or not."""
        headers = self._request.headers
        return "authorization" in headers or "cookie" in headers or "token-code" in headers

    @property
    def upgrade(self) -> bool:
        """Whether a websocket is asked for."""
        stream = self._stream
        return bool(stream is not None and stream.upgrade_websocket)

    def hang_up(self) -> None:
        """The connection ends with the reply: where the next request begins cannot be told."""
        if self._stream is not None:
            self._stream.keep_alive = False

    def refuse_upgrade(self) -> None:
        """From now on this is an ordinary request, whose connection ends with the reply."""
        stream = self._stream
        if stream is not None:
            stream.upgrade_websocket = False
            stream.keep_alive = False

    def head(self) -> Head:
        """The head, decoded.

        Raises:
            GatewayError: INVALID for what no honest client sends, TOO_LARGE for too many fields.
        """
        request = self._request
        fields = request.headers.items()
        if not _well_formed(request.head):
            raise _malformed()
        if len(fields) > _MAX_FIELDS:
            raise GatewayError(Kind.TOO_LARGE, f"a request has at most {_MAX_FIELDS} header fields")
        headers: dict[str, str] = {}
        every: dict[str, tuple[str, ...]] = {}
        for name, value in fields:
            if name not in _COMMON_NAMES and not _TOKEN.fullmatch(name):
                raise _malformed()
            if not (value.isascii() or _encodable(value)):
                raise _malformed()
            lower, stripped = name.lower(), value.strip()
            headers.setdefault(lower, stripped)
            every[lower] = (*every.get(lower, ()), stripped)
        if not framed(
            request.version, every.get("content-length", ()), every.get("transfer-encoding", ())
        ):
            raise _malformed()
        if "content-encoding" in every and _is_coded(every["content-encoding"]):
            raise GatewayError(
                Kind.UNSUPPORTED, "encoded bodies are not read", field="Content-Encoding"
            )
        path, _, query = request.raw_url.decode("ascii", "replace").partition("?")
        client = self._proxies.client(request.ip, every)
        self.secure, self._address = client.secure or self._own_tls, client.address
        return Head(
            request.method.upper(),
            path,
            query.partition("#")[0] if query else "",
            headers,
            client.hosts,
            every.get("origin", ()),
            client.address,
            self.request_id,
            f"{path}?{query}" if query else path,
        )

    @property
    def has_body(self) -> bool:
        """Whether a body follows the head, and is not read yet."""
        return self._stream is not None and bool(self._stream.request_body)

    async def body(self, max_bytes: int, seconds: float, usage: BodyUsage) -> bytes:
        """The whole body; ``usage`` is told of each piece, and may refuse to hold more.

        A body that is not there after half a second needs one of its client's turns.

        Raises:
            GatewayError: TOO_LARGE, or INVALID if it is malformed or does not arrive in time;
                EXHAUSTED for too much at the same time.
        """
        if self._arrived:
            return await self._whole(max_bytes, seconds, usage)
        loop = asyncio.get_running_loop()
        refused: list[GatewayError] = []
        try:
            async with asyncio.timeout(None) as brief:
                timer = loop.call_later(_BRIEF_SECONDS, _wait_longer, usage, brief, refused)
                try:
                    return await self._whole(max_bytes, seconds, usage)
                finally:
                    timer.cancel()
        except TimeoutError:
            self.hang_up()
            raise refused[0] from None

    @property
    def _arrived(self) -> bool:
        """Whether all of the body is there, and reading it waits for nothing."""
        stream = self._stream
        return (
            stream is not None
            and cast("object", stream.request_body) is True
            and (stream.request_bytes_left or 0) <= len(stream.recv_buffer)
        )

    async def _whole(self, max_bytes: int, seconds: float, usage: BodyUsage) -> bytes:
        whole = bytearray()
        async for chunk in self.chunks(max_bytes, seconds):
            usage.grow(len(chunk))
            whole += chunk
        return bytes(whole)

    async def chunks(self, max_bytes: int, seconds: float) -> AsyncIterator[bytes]:
        """The body in pieces as they come; refused like ``body``."""
        stream = self._stream
        if stream is None or not stream.request_body:
            return
        stream.request_max_size = max_bytes
        loop = asyncio.get_running_loop()
        began, size = loop.time(), 0
        while stream.request_body:
            allowed = began + seconds + size / _SLOWEST_BYTES_PER_SECOND
            try:
                if self._arrived:
                    data = await stream.read()
                else:
                    async with asyncio.timeout_at(allowed):
                        data = await stream.read()
            except PayloadTooLarge as error:
                raise GatewayError(
                    Kind.TOO_LARGE, f"a body has at most {max_bytes} bytes here"
                ) from error
            except BadRequest as error:
                raise GatewayError(Kind.INVALID, "the body is malformed") from error
            except TimeoutError as error:
                self._too_slow = True
                raise GatewayError(Kind.INVALID, "the body did not arrive in time") from error
            if data:
                size += len(data)
                yield data

    def refuse_head(self) -> None:
        """The head itself is refused, while its client may still be sending it."""
        stream = self._stream
        if stream is not None:
            known = stream.protocol.conn_info
            stream.discard_rest("", known.client_ip if known else "", head=True)

    async def send(self, reply: Reply) -> None:
        """Sends the one reply to this request."""
        request, stream = self._request, self._stream
        if stream is None:
            return
        if self._too_slow:
            stream.drop_rest()
        elif stream.request_body:
            stream.discard_rest(self.user, self._address)
        if self._is_plain(stream, reply):
            await self._send_plain(stream, reply)
            return
        headers = _FIXED | self._strict | {"x-request-id": self.request_id}
        headers.update({name.lower(): value for name, value in reply.headers.items()})
        whole = isinstance(reply.body, bytes)
        if not whole and reply.length >= 0:
            headers["content-length"] = str(reply.length)
        response = HTTPResponse(
            reply.body if isinstance(reply.body, bytes) else None,
            status=reply.status,
            headers=headers,
            content_type=reply.content_type or None,
        )
        for name, value in reply.cookies.items():
            response.headers.add("set-cookie", _set_cookie(name, value, secure=self.secure))
        await request.respond(response)
        self.started = True
        if isinstance(reply.body, bytes):
            await response.send(end_stream=True)
            return
        if request.method != "HEAD":
            async for chunk in reply.body:
                await response.send(chunk, end_stream=False)
        await response.send(b"", end_stream=True)

    def _is_plain(self, stream: Http, reply: Reply) -> bool:
        """Whether the head of a reply says nothing but what every reply says."""
        return (
            isinstance(reply.body, bytes)
            and reply.status in _WITH_BODY
            and not (reply.headers or reply.cookies or stream.head_only)
            and not stream.expecting_continue
            and stream.stage is Stage.HANDLER
            and reply.content_type.isprintable()
            and reply.content_type != ""
        )

    async def _send_plain(self, stream: Http, reply: Reply) -> None:
        """Sends head and body as one; Sanic's own way takes three times as long."""
        body = cast("bytes", reply.body)
        stays = "keep-alive" if stream.keep_alive else "close"
        strict = "".join(f"{name}: {value}\r\n" for name, value in self._strict.items())
        head = (
            f"HTTP/1.1 {reply.status} {_WITH_BODY[reply.status]}\r\n{_FIXED_LINES}{strict}"
            f"x-request-id: {self.request_id}\r\ncontent-length: {len(body)}\r\n"
            f"connection: {stays}\r\ncontent-type: {reply.content_type}\r\n\r\n"
        )
        # What Sanic does when a whole response was sent.
        stream.response_func = None  # type: ignore[assignment]  # as Sanic itself does
        await stream.protocol.send(head.encode() + body)  # type: ignore[no-untyped-call]
        stream.stage = Stage.IDLE
        self.started = True


def _malformed() -> GatewayError:
    return GatewayError(Kind.INVALID, "the head of the request is malformed")


def _wait_longer(usage: BodyUsage, brief: asyncio.Timeout, refused: list[GatewayError]) -> None:
    """Takes a turn for a body that is slow to arrive, or ends the wait for it."""
    try:
        usage.wait()
    except GatewayError as error:
        refused.append(error)
        brief.reschedule(0.0)


def _is_coded(values: Sequence[str]) -> bool:
    """Whether a body is said to be in one of the codings of HTTP.

    Other words mean nothing: the Java clients of Linkis send ``utf-8`` with every JSON body.
    """
    words = {word.strip().lower() for value in values for word in value.split(",")}
    return not _CODINGS.isdisjoint(words)


def plain_reply(reply: Reply) -> bytes:
    """A whole reply as bytes, after which the connection ends."""
    body = reply.body if isinstance(reply.body, bytes) else b""
    lines = [f"HTTP/1.1 {reply.status} {_WITH_BODY[reply.status]}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    lines += [f"content-type: {reply.content_type}", f"content-length: {len(body)}"]
    head = "\r\n".join([*lines, "connection: close", _FIXED_LINES])
    return head.encode("latin-1") + b"\r\n" + body


def _well_formed(head: bytes) -> bool:
    """Whether a head has no control characters, no half line ends and no folded lines."""
    if head.translate(None, _ALLOWED_BYTES):
        return False
    ends = head.count(b"\r\n")
    whole = ends == head.count(b"\r") == head.count(b"\n")
    return whole and b"\r\n " not in head and b"\r\n\t" not in head


def _set_cookie(name: str, value: str, *, secure: bool) -> str:
    life = "" if value else "; Max-Age=0"
    # Not over plain HTTP: a browser would drop it in silence.
    tls = "; Secure" if secure else ""
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Lax{tls}{life}"


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
