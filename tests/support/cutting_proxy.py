"""A proxy that cuts TCP connections in mid-stream: plain sockets, a thread for each direction.

It never changes a byte, and what was cut is a reset for both sides.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

__all__ = ["CuttingProxy", "cutting"]

_CHUNK = 65_536
_RESET = struct.pack("ii", 1, 0)


class CuttingProxy:
    """One listening port in front of one target.

    ``cut_after`` is how many bytes of what the client is told pass on one connection before it is
    cut; None for all. ``connections`` and ``cuts`` count.
    """

    def __init__(self, host: str, port: int) -> None:
        self.cut_after: int | None = None
        self.connections = 0
        self.cuts = 0
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._start(self._accept)

    @property
    def address(self) -> str:
        """Where it listens, as ``host:port``."""
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    def cut(self) -> None:
        """Resets every open connection, on both sides."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            self.cuts += 1
            _reset(*pair)

    def close(self) -> None:
        """Takes no more connections, resets the open ones and ends."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.connections += 1
                try:
                    far = socket.create_connection(self._target)
                except OSError:
                    _reset(near)
                    continue
                pair = (near, far)
                with self._lock:
                    self._pairs.add(pair)
                self._start(self._pump, near, far, pair, None)
                self._start(self._pump, far, near, pair, self.cut_after)

    def _pump(
        self,
        source: socket.socket,
        sink: socket.socket,
        pair: tuple[socket.socket, socket.socket],
        left: int | None,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                if left is not None and len(data) >= left:
                    sink.sendall(data[:left])
                    self.cuts += 1
                    break
                left = None if left is None else left - len(data)
                sink.sendall(data)
        with self._lock:
            self._pairs.discard(pair)
        _reset(*pair)

    def _start(self, work: object, *arguments: object) -> None:
        assert callable(work)
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()


def _reset(*sockets: socket.socket) -> None:
    """Ends connections so that the other side sees a reset, and wakes who reads them here."""
    for each in sockets:
        with contextlib.suppress(OSError):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            each.shutdown(socket.SHUT_RD)
    for each in sockets:
        each.close()


@contextlib.contextmanager
def cutting(host: str, port: int) -> Iterator[CuttingProxy]:
    """A proxy for as long as the block lasts."""
    proxy = CuttingProxy(host, port)
    try:
        yield proxy
    finally:
        proxy.close()
