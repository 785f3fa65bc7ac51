"""Where a gateway is: one URL from a person, two from there."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from gateway.client.calls import SOCKET_PATH
from gateway.client.errors import ClientError

__all__ = ["Address"]

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


@dataclass(frozen=True, slots=True)
class Address:
    """``http`` is the prefix of every request, ``socket`` the websocket's whole URL.

    ``local`` says that the gateway is on this machine, so that no proxy may stand in between.
    """

    http: str
    socket: str
    local: bool

    @classmethod
    def parse(cls, server: str) -> Address:
        """Reads ``host:port`` or a URL; raises ClientError for anything else."""
        try:
            url = urlsplit(server if "://" in server else f"http://{server}")
            _ = url.port
        except ValueError as error:
            raise ClientError(f"{server!r} is not the address of a gateway") from error
        if url.scheme not in _SCHEMES or not url.hostname or url.query or url.fragment:
            raise ClientError(f"{server!r} is not the address of a gateway")
        socket = _SCHEMES[url.scheme]
        rest = url.netloc + url.path.rstrip("/")
        scheme = "https" if socket == "wss" else "http"
        return cls(f"{scheme}://{rest}", f"{socket}://{rest}{SOCKET_PATH}", _local(url.hostname))


def _local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
