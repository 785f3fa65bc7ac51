"""The one listening socket of a gateway, which all its gateway processes inherit."""

from __future__ import annotations

import errno
import socket

from gateway.config import ConfigError

__all__ = ["listen", "url_of"]

_BACKLOG = 1024


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at an address.

    Raises:
        ConfigError: one line that says why the address cannot be used.
    """
    try:
        found = socket.getaddrinfo(
            host.strip("[]"),
            port,
            type=socket.SOCK_STREAM,
            proto=socket.IPPROTO_TCP,
            flags=socket.AI_PASSIVE,
        )
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"server.host: {host!r} is no address of this machine") from error
    family, kind, protocol, _, address = found[0]
    # The protocol is named: asyncio turns Nagle's delay off only for sockets that say TCP.
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 - the library's signature
    except OSError as error:
        listener.close()
        raise ConfigError(_reason(host, port, error)) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a client on this machine reaches it."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104 - as above
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _reason(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"server.port: {port} on {host} is in use"
        case errno.EADDRNOTAVAIL:
            return f"server.host: {host} is no address of this machine"
        case errno.EACCES:
            return f"server.port: {port} needs privileges that this user does not have"
        case _:
            return f"cannot listen on {host}:{port}: {error.strerror}"
