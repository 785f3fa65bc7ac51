"""Where a gateway is: one URL from a person, two from there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from gateway.client.errors import ClientError
from gateway.client.messages import SOCKET_PATH

__all__ = ["DEFAULT_SERVER", "Address"]

DEFAULT_SERVER = "http://127.0.0.1:9001"
"""Where a gateway listens if nothing else is configured."""

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


@dataclass(frozen=True, slots=True)
class Address:
    """``http`` is the prefix of every request, ``socket`` the websocket's whole URL.

    ``local`` says that the gateway is on this machine, so that no proxy may stand in between.
    """

    http: str
    socket: str
    local: bool

    @property
    def one_port(self) -> bool:
        """Whether both are asked of the same port, so that who refuses one refuses the other."""
        return urlsplit(self.http).netloc == urlsplit(self.socket).netloc

    @property
    def secure(self) -> bool:
        """Whether it is asked over TLS."""
        return self.http.startswith("https:")

    @classmethod
    def of(cls, server: str | None) -> Address:
        """Reads what is given, else what NARTHEX_SERVER says, else the address by default."""
        if server is None:
            server = os.environ.get("NARTHEX_SERVER") or DEFAULT_SERVER
        return cls.parse(server)

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
