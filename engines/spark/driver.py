"""A Spark driver as the warm thing behind a session.

The driver is a Python process of its own with a JVM below it. What either of them prints comes over
plain pipes that this file reads; requests and answers go over a socket that only the two hold, one
JSON object a line. Spark's own log is a file. It must never let the driver's death go unnoticed,
and needs nothing of Spark here: standard library only.
"""

from __future__ import annotations

import json
import os
import select
import socket
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from engines.session.adapter import Code, Ending, SessionOver, Sink
from engines.session.session_process import SessionProcess
from engines.shim.sandbox import Sandbox
from engines.spark.arrange import LOG, arrange, driver, setup_of

__all__ = ["SparkAdapter"]

_READ_BYTES = 1 << 16
_POLL_SECONDS = 0.2
_START_SECONDS = 120.0
_SAID_MAX = 1 << 20


class SparkAdapter:
    """One driver.

    Args:
        settings: what ``engines.spark.arrange.setup_of`` reads.
        sockets: nothing to it, since its only socket has no name.
    """

    def __init__(self, settings: Mapping[str, object], sockets: str) -> None:  # noqa: ARG002 - the seam's signature
        self._setup = setup_of(settings)
        self._driver = SessionProcess("driver")
        self._link, self._theirs = socket.socketpair()
        self._said = b""
        self._begun = False

    def confine(self, box: Sandbox) -> None:
        """Has the driver and its JVM started in a sandbox."""
        java = (self._setup.java.home,) if self._setup.java.home else ()
        self._driver.confine(box._replace(read_only=(*box.read_only, *java)))

    def start(self) -> None:
        """Starts the driver and waits until its session is there."""
        # The host works in a folder of the session's directory; Spark's files lie beside it.
        folder = Path.cwd().parent / "spark"
        variables = arrange(self._setup, folder, os.environ.get("PYTHONPATH", ""))
        self._launch(variables, folder)
        deadline = time.monotonic() + _START_SECONDS
        while True:
            answer = self._turn(self._driver.nowhere)
            if answer is not None and answer.get("word") == "ready":
                return
            if answer is not None:
                raise SessionOver(f"Spark cannot start: {answer.get('message', '')}")
            if time.monotonic() > deadline:
                self.stop()
                raise SessionOver(f"Spark did not start in time, see {folder / LOG}")

    def run(self, code: Code, sink: Sink) -> Ending:
        """Runs one statement; ends when the driver has answered and the pipes have said all."""
        self._driver.read(self._driver.nowhere)
        with self._driver.seeing(code):
            return self._run(code, sink)

    def _run(self, code: Code, sink: Sink) -> Ending:
        request = {"language": code.language, "text": code.text, "sees": dict(code.environment)}
        self._begun = False
        try:
            self._send(request)
            return self._follow(sink)
        except SessionOver as over:
            over.begun = self._begun
            raise

    def _follow(self, sink: Sink) -> Ending:
        """Takes what is printed and answered until the statement has ended."""
        signalled = 0
        while True:
            answer = self._turn(sink)
            word = answer.get("word") if answer is not None else ""
            self._begun = self._begun or word == "begun"
            if answer is not None and word == "done":
                self._driver.read(sink)
                over = bool(answer.get("over"))
                if over:
                    self.stop()
                return Ending(int(str(answer["code"])), str(answer["message"]), over)
            if answer is not None and word == "over":
                self._driver.read(sink)
                self.stop()
                raise SessionOver(f"the session died: {answer['message']}", 1)
            if self._begun and signalled < sink.interrupted:
                signalled = sink.interrupted
                self._driver.signal(group=False)

    def idle(self) -> bool:
        """Takes what the driver says by itself; False if it has died."""
        self._driver.read(self._driver.nowhere)
        return self._driver.alive

    def alive(self) -> bool:
        """Whether the driver has not ended."""
        return self._driver.alive

    def hide(self, secrets: Iterable[str]) -> None:
        """What the driver says between statements holds none of these from here on."""
        self._driver.nowhere.hide(secrets)

    def interrupt(self) -> None:
        """The driver's jobs are cancelled and its code is interrupted, once it is at the code."""
        self._driver.wake()

    def stop(self) -> None:
        """Kills the driver and its JVM, which are one process group."""
        self._driver.stop()

    def _launch(self, variables: Mapping[str, str], folder: Path) -> None:
        control = self._theirs.fileno()
        words = driver(self._setup.python, "--control", str(control))
        self._driver.launch(words, {**os.environ, **variables}, (control,), [str(folder)])
        self._theirs.close()

    def _send(self, request: Mapping[str, object]) -> None:
        try:
            self._link.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise self._driver.over(self._driver.nowhere.last_line) from error

    def _turn(self, sink: Sink) -> dict[str, object] | None:
        """Waits for anything, takes what was printed; what the driver answered, if it did."""
        if b"\n" not in self._said:
            sources = (self._link.fileno(), *self._driver.sources)
            ready, _, _ = select.select(sources, (), (), _POLL_SECONDS)
            if self._driver.waking in ready:
                self._driver.rest()
            if self._link.fileno() in ready:
                self._receive(sink)
            self._driver.read_some(sink)
        line, end, rest = self._said.partition(b"\n")
        if not end:
            return None
        self._said = rest
        answer = json.loads(line)
        return answer if isinstance(answer, dict) else {}

    def _receive(self, sink: Sink) -> None:
        try:
            data = self._link.recv(_READ_BYTES)
        except OSError:
            data = b""
        self._said += data
        if not data or len(self._said) > _SAID_MAX:
            self._driver.linger(_POLL_SECONDS)
            self._driver.read(sink)
            raise self._driver.over(self._driver.nowhere.last_line)
