"""Bytes to a gateway and back, for what no well-behaved client would send."""

import socket
from contextlib import closing
from urllib.parse import urlsplit

__all__ = ["connected", "exchanged", "head", "status_of"]

_SECONDS = 15.0


def connected(url: str) -> socket.socket:
    """A connection to the gateway at a URL."""
    place = urlsplit(url)
    return socket.create_connection((place.hostname or "", place.port or 0), timeout=_SECONDS)


def head(method: str, path: str, *fields: str, host: str = "127.0.0.1") -> bytes:
    """The head of a request with one Host and further header lines."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def exchanged(url: str, data: bytes) -> bytes:
    """What comes back for some bytes: until the connection ends or a whole reply is there."""
    with closing(connected(url)) as connection:
        connection.sendall(data)
        answer = b""
        while not _whole(answer):
            more = connection.recv(65_536)
            if not more:
                break
            answer += more
        return answer


def status_of(answer: bytes) -> int:
    """The status of a reply; 0 if there is none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def _whole(answer: bytes) -> bool:
    start, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    for line in start.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.split(b":")[1])
    return True
