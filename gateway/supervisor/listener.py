"""The one listening socket of a gateway, which all its gateway processes inherit.

It may be older than this process: left by the one that this one was before a restart, or given by
systemd. Whoever connects meanwhile waits in its queue and is not refused.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import MutableMapping

from gateway.config import ConfigError

__all__ = ["handed_on", "inherited", "listen", "url_of"]

_BACKLOG = 1024
_NUMBER, _PID = "LISTEN_FDS", "LISTEN_PID"
"""How systemd says what it gives to whom; a gateway that begins anew says it to itself."""

_FIRST = 3


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


def inherited(environ: MutableMapping[str, str]) -> socket.socket | None:
    """The listening socket that this process was started with; None if there is none.

    What says so is taken out of the environment: children have another socket, or none.

    Raises:
        ConfigError: what was given is no listening socket.
    """
    number, pid = environ.pop(_NUMBER, ""), environ.pop(_PID, "")
    if not number.isdecimal() or int(number) < 1 or pid != str(os.getpid()):
        return None
    try:
        os.set_inheritable(_FIRST, False)  # noqa: FBT003 - the library's signature
        found = socket.socket(fileno=_FIRST)
        listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        found.setblocking(False)  # noqa: FBT003 - as above
    except OSError as error:
        raise ConfigError("the socket that was handed on cannot be used") from error
    if not listens:
        found.close()
        raise ConfigError("the socket that was handed on does not listen")
    return found


def handed_on(listener: socket.socket, environ: MutableMapping[str, str]) -> None:
    """Lets the program that this process becomes next have the listening socket.

    Must be the last thing before that: whatever had the descriptor has lost it.
    """
    descriptor = listener.detach()
    if descriptor != _FIRST:
        os.dup2(descriptor, _FIRST)
        os.close(descriptor)
    os.set_inheritable(_FIRST, True)  # noqa: FBT003 - the library's signature
    environ.update({_NUMBER: "1", _PID: str(os.getpid())})


def url_of(listener: socket.socket, *, secure: bool = False) -> str:
    """Where a client on this machine reaches it; ``secure`` if it speaks TLS."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104 - as above
    scheme = "https" if secure else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


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
