"""A full restart under clients that come back every 200 ms: nobody is refused."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.supervisor.listener import inherited, listen
from tests.support.served import NARTHEX, READY, Served, serving
from tests.support.waiting import wait_until_sync

PAUSE = 0.2
LONGEST = 2.0
"""Seconds for which the web clients of Linkis try again."""


class Returning:
    """A client that opens a new connection every 200 ms and asks whether the gateway is alive."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self.host, self.port = place.hostname or "", place.port or 0
        self.refused: list[float] = []
        self.answers = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._over.wait(PAUSE):
            connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
            try:
                connection.request("GET", "/healthz")
                self.answers += connection.getresponse().status == 200
            except ConnectionRefusedError:
                self.refused.append(time.monotonic())
            except (OSError, http.client.HTTPException):
                pass  # taken by a worker that was ending: the client comes back
            finally:
                connection.close()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Comes back as long as the block lasts."""
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join()


def workers(gateway: Served) -> list[int]:
    """The gateway processes that there are now."""
    return gateway.parts("gateway.app")


@pytest.mark.timeout(180)
def test_a_restart_refuses_nobody(tmp_path: Path) -> None:
    """Linkis section 9, point 13: all processes are new, and no connection was refused."""
    with serving(tmp_path / "data") as gateway:
        client = Returning(gateway.url)
        before = workers(gateway)
        with client.running():
            wait_until_sync(lambda: client.answers > 2, "the client to be served")
            gateway.process.send_signal(signal.SIGUSR2)

            def renewed() -> bool:
                now = workers(gateway)
                return bool(now) and not set(now) & set(before)

            wait_until_sync(renewed, "the processes to be new", 60)
            served = client.answers
            wait_until_sync(lambda: client.answers > served + 2, "the client to be served", 60)
        assert client.refused == []
        assert gateway.process.poll() is None


@pytest.mark.timeout(180)
def test_a_configuration_at_fault_restarts_nothing(tmp_path: Path) -> None:
    """Linkis section 9, point 13: a restart that could not succeed does not begin."""
    (tmp_path / "data").mkdir(mode=0o700)
    config = tmp_path / "data" / "config.toml"
    config.write_text("[server]\nworkers = 1\n")
    with serving(tmp_path / "data") as gateway:
        before = workers(gateway)
        config.write_text("[server]\nworkerz = 1\n")
        gateway.process.send_signal(signal.SIGUSR2)
        log = (tmp_path / "data").with_suffix(".log")
        wait_until_sync(lambda: "no restart" in log.read_text(), "the reason to be told", 30)
        assert workers(gateway) == before


@pytest.mark.timeout(180)
def test_a_socket_of_systemd_is_served(tmp_path: Path) -> None:
    """Linkis section 9, point 13: with socket activation the socket outlives every process."""
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    script = (
        "import os, sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True);"
        "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()));"
        "os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
    )
    words = [*NARTHEX[1:], "serve", "--data-dir", str(tmp_path / "data")]
    with (tmp_path / "log").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(listener.fileno()), *words],
            pass_fds=[listener.fileno()],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert process.stdout is not None
        ready = READY.match(process.stdout.readline())
        assert ready, (tmp_path / "log").read_text()
        assert ready[1] == f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        socket.create_connection(("127.0.0.1", port), 5).close()
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        listener.close()


def test_what_was_handed_on_is_for_one_process() -> None:
    """What is said to another process, or says nothing, is taken away and means nothing."""
    for words in ({"LISTEN_PID": str(os.getppid())}, {"LISTEN_FDS": "0"}, {"LISTEN_FDS": "x"}):
        environ = {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid()), "A": "b", **words}
        assert inherited(environ) is None
        assert environ == {"A": "b"}
