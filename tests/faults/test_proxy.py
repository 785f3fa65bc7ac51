"""The fault proxy does what it is told, and nothing to the bytes that it passes."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.proxy import PASS, Proxy, Rule, proxied

DATA = bytes(range(256)) * 1000


def echo(listener: socket.socket) -> None:
    """Gives every byte back, one connection after another, until the listener is closed."""
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=give_back, args=(peer,), daemon=True).start()


def give_back(peer: socket.socket) -> None:
    """Gives one connection's bytes back until it ends."""
    with peer:
        try:
            while data := peer.recv(65536):
                peer.sendall(data)
        except OSError:
            return


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A proxy in front of an echo server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=echo, args=(listener,), daemon=True).start()
        with proxied(listener.getsockname()[:2]) as made:
            yield made
        listener.shutdown(socket.SHUT_RDWR)


def reach(proxy: Proxy) -> socket.socket:
    """A connection through the proxy, with a deadline on everything."""
    peer = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
    peer.settimeout(5)
    return peer


def take(peer: socket.socket, size: int) -> bytes:
    """Exactly ``size`` bytes, or what came before the end."""
    found = b""
    while len(found) < size:
        data = peer.recv(size - len(found))
        if not data:
            break
        found += data
    return found


def listen(proxy: Proxy) -> bytes:
    """The first byte of a new connection on which nothing is said."""
    with reach(proxy) as peer:
        return peer.recv(1)


def test_it_passes_every_byte(proxy: Proxy) -> None:
    """Without a rule it is not there, and an orderly end passes as one."""
    with reach(proxy) as peer:
        sender = threading.Thread(target=peer.sendall, args=(DATA,))
        sender.start()
        assert take(peer, len(DATA)) == DATA
        sender.join()
        peer.shutdown(socket.SHUT_WR)
        assert peer.recv(1) == b""


def test_it_delays(proxy: Proxy) -> None:
    """A delay holds a chunk back for that long."""
    proxy.up = Rule(delay_seconds=0.2)
    with reach(proxy) as peer:
        began = time.monotonic()
        peer.sendall(b"x")
        assert take(peer, 1) == b"x"
        assert time.monotonic() - began >= 0.2


def test_it_limits_the_rate(proxy: Proxy) -> None:
    """At 10 kB a second, 3 kB take about a third of a second and arrive whole."""
    proxy.down = Rule(bytes_per_second=10_000)
    with reach(proxy) as peer:
        began = time.monotonic()
        peer.sendall(DATA[:3000])
        assert take(peer, 3000) == DATA[:3000]
        assert time.monotonic() - began >= 0.2


def test_it_holds_and_lets_go(proxy: Proxy) -> None:
    """What is held is not lost: it passes when the rule is lifted."""
    proxy.down = Rule(hold=True)
    with reach(proxy) as peer:
        peer.sendall(b"late")
        peer.settimeout(0.2)
        with pytest.raises(TimeoutError):
            peer.recv(1)
        proxy.down = PASS
        peer.settimeout(5)
        assert take(peer, 4) == b"late"


def test_it_drops(proxy: Proxy) -> None:
    """What is dropped never arrives; what comes afterwards does."""
    proxy.up = Rule(drop=True)
    with reach(proxy) as peer:
        peer.sendall(b"gone")
        peer.settimeout(0.2)
        with pytest.raises(TimeoutError):
            peer.recv(1)
        proxy.up = PASS
        peer.settimeout(5)
        peer.sendall(b"here")
        assert take(peer, 4) == b"here"


@pytest.mark.parametrize("count", [0, 1, 1000, 200_000])
def test_it_cuts_after_so_many_bytes(proxy: Proxy, count: int) -> None:
    """Never more bytes than allowed pass before the reset."""
    proxy.up = Rule(cut_after=count)
    with reach(proxy) as peer:
        found = b""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            while True:
                peer.sendall(DATA)
                found += take(peer, 1)
        assert proxy.cuts == 1
        assert len(found) <= count


def test_it_resets(proxy: Proxy) -> None:
    """A reset is an error for the client and not an end of file."""
    with reach(proxy) as peer:
        peer.sendall(b"x")
        assert take(peer, 1) == b"x"
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            peer.recv(1)


def test_it_closes_one_side(proxy: Proxy) -> None:
    """After a half-close the client reads the end and can still speak."""
    with reach(proxy) as peer:
        peer.sendall(b"x")
        assert take(peer, 1) == b"x"
        proxy.half_close()
        assert peer.recv(1) == b""
        peer.sendall(b"y")


def test_it_refuses(proxy: Proxy) -> None:
    """A refusing proxy resets a new connection."""
    proxy.refuse = True
    with pytest.raises(ConnectionResetError):
        listen(proxy)


def test_it_stands_before_a_unix_socket(tmp_path: Path) -> None:
    """Both sides may be unix sockets."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "far"))
        listener.listen()
        threading.Thread(target=echo, args=(listener,), daemon=True).start()
        with (
            proxied(str(tmp_path / "far"), str(tmp_path / "near")),
            socket.socket(socket.AF_UNIX) as peer,
        ):
            peer.settimeout(5)
            peer.connect(str(tmp_path / "near"))
            peer.sendall(b"x")
            assert take(peer, 1) == b"x"
        listener.shutdown(socket.SHUT_RDWR)
