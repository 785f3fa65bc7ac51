"""What the two clients share about httpx and websockets: headers, limits, replies, failures.

Both libraries turn on TCP_NODELAY by themselves, in each of their forms that is used here.
"""

from __future__ import annotations

import os
import socket
import ssl
from typing import TypeAlias
from urllib.parse import urlsplit

from gateway.client.address import Address
from gateway.client.call import Call, Reply
from gateway.client.errors import ClientError, ConnectionFailed
from gateway.client.http_library import httpx

__all__ = [
    "CLOSE_SECONDS",
    "MAX_MESSAGE",
    "PING_SECONDS",
    "Trust",
    "bearer",
    "failed",
    "headers",
    "knock",
    "knock_later",
    "reply",
    "timeouts",
    "trusted",
]

Trust: TypeAlias = str | ssl.SSLContext
"""A file with the certificates that are trusted, in PEM, or what decides it otherwise."""

PING_SECONDS = 20.0
CLOSE_SECONDS = 1.0
MAX_MESSAGE = 16 * 2**20
"""The gateway sends a few hundred KiB at once; JSON may make six bytes of one."""

_CONNECT_SECONDS = 10.0
_KNOCK_SECONDS = 1.5
_DEPTH = 16  # of errors within errors


def bearer(token: str) -> dict[str, str]:
    """The header that says who asks."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def headers(token: str, call: Call[object]) -> dict[str, str]:
    """The headers of a request."""
    return (
        {**call.headers}
        | bearer(token)
        | ({"Content-Type": call.content_type} if call.body else {})
    )


def trusted(address: Address, trust: Trust | None) -> ssl.SSLContext | None:
    """Whose certificates count at an address; None if nothing there needs one.

    Those that are named, else those of the file in ``SSL_CERT_FILE``, else the usual ones. httpx
    looks for that file only with the proxies of the environment, which are not for loopback.

    Raises:
        ClientError: a file that is named holds no certificate.
    """
    if not address.secure:
        return None
    if isinstance(trust, ssl.SSLContext):
        return trust
    try:
        return ssl.create_default_context(cafile=trust or None)
    except OSError as error:
        raise ClientError(
            f"{trust or 'SSL_CERT_FILE'} holds no certificate that can be read"
        ) from error


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
        dict(response.headers),
    )


def knock(address: Address) -> None:
    """Looks whether anything takes connections there; raises ConnectionFailed if nothing does.

    A host that is down refuses nothing: the first request would wait for it until its deadline.
    """
    if _direct(address):
        try:
            socket.create_connection(_place(address), _KNOCK_SECONDS).close()
        except OSError as error:
            raise _absent(address, error) from error


async def knock_later(address: Address) -> None:
    """The same for asyncio."""
    import asyncio  # noqa: PLC0415 - whoever is here has it, and a command line does without

    if _direct(address):
        try:
            async with asyncio.timeout(_KNOCK_SECONDS):
                _, writer = await asyncio.open_connection(*_place(address))
            writer.close()
        except OSError as error:
            raise _absent(address, error) from error


def _direct(address: Address) -> bool:
    """Whether no proxy of the environment may stand in between."""
    return address.local or not any(
        value for name, value in os.environ.items() if name.lower().endswith("_proxy")
    )


def _place(address: Address) -> tuple[str, int]:
    url = urlsplit(address.http)
    return url.hostname or "", url.port or (443 if url.scheme == "https" else 80)


def _absent(address: Address, error: OSError) -> ConnectionFailed:
    silent = f"no answer within {_KNOCK_SECONDS:g} s"
    words = silent if isinstance(error, TimeoutError) else _words(_root(error))
    return ConnectionFailed(f"no connection to {address.http}: {words}", absent=True)


def failed(url: str, error: Exception) -> ConnectionFailed:
    """The failure in one sentence, by what lies at its root."""
    root = _root(error)
    absent = isinstance(error, httpx.ConnectError) or isinstance(
        root, ConnectionRefusedError | socket.gaierror | ssl.SSLError
    )
    return ConnectionFailed(f"no connection to {url}: {_words(root)}", absent=absent)


def _words(root: BaseException) -> str:
    match root:
        case ConnectionRefusedError():
            return "connection refused"
        case socket.gaierror():
            return "the host is not known"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted ({root.verify_message})"
        case ssl.SSLError():
            return "there is no TLS at that address, which may be one of http://"
        case _:
            return str(root).partition("\n")[0] or type(root).__name__


def _root(error: BaseException) -> BaseException:
    """The error of the system that a library wrapped, or else the error itself."""
    known = (ConnectionRefusedError, socket.gaierror, ssl.SSLError)
    inner: BaseException | None = error
    for _ in range(_DEPTH):
        if inner is None:
            break
        if isinstance(inner, known):
            return inner
        if isinstance(inner, BaseExceptionGroup):
            inner = inner.exceptions[0]
        else:
            inner = inner.__cause__ or inner.__context__
    return error
