"""A real IPython kernel as the warm thing behind a Python session.

What code prints never passes the kernel's message channel, which drops and reorders: stdout and
stderr are plain pipes that this file reads, so that a slow reader makes the code wait and child
processes print in order. Only rich output, tracebacks and states come as messages, and the kernel
is told to wait rather than to drop (XPUB_NODROP). Colour codes of tracebacks are taken out; what
the code itself prints stays as it is. It must never let anybody but this user reach the kernel:
its sockets are files in a private folder. Needs pyzmq and jupyter_client here, ipykernel there.
"""

from __future__ import annotations

import hmac
import json
import os
import re
import secrets
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import zmq
from jupyter_client.connect import write_connection_file
from jupyter_client.session import DELIM, Session

from engines.adapter import Code, Ending, SessionOver, Sink
from engines.driven import Driven
from engines.inside import narthex

__all__ = ["KernelAdapter"]

_INSIDE = Path(narthex.__file__).parent
_BOOT = Path(__file__).with_name("kernel_boot.py")
_LOOK_MS = 200
_REPLY_SECONDS = 1.0
_UNSAID_SECONDS = 0.5
_START_SECONDS = 60.0
_ASK_SECONDS = 0.3
_ASK_MS = 10
_MESSAGES = 64
_SHOWN = 65_536
_INTERRUPTED = "KeyboardInterrupt"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_COLUMNS = (("media", "string"), ("encoding", "string"), ("content", "string"))


class _Message(NamedTuple):
    """What matters of a message. Jupyter's own reading makes dates of all that looks like one."""

    header: Mapping[str, object]
    parent: Mapping[str, object]
    content: Mapping[str, object]


class _Pending:
    """What is known of the request that is under way."""

    def __init__(self, request: str, sink: Sink, folder: str) -> None:
        self.request = request
        self.sink = sink
        self.folder = folder
        self.executing = False
        self.signalled = 0
        self.idle = False
        self.reply: Mapping[str, object] | None = None
        self.lost = 0
        self._begun = time.monotonic()

    def reached(self) -> bool:
        """Whether an interrupt finds the code: a kernel without work ignores it.

        Code in C that keeps the interpreter to itself keeps the kernel from saying that it runs.
        """
        return self.executing or time.monotonic() - self._begun >= _UNSAID_SECONDS


class KernelAdapter:
    """One kernel.

    Args:
        settings: ``interpreter``, the Python with ipykernel; empty for the host's own.
        sockets: a private folder with a short name.
    """

    def __init__(self, settings: Mapping[str, object], sockets: str) -> None:
        self._interpreter = str(settings.get("interpreter") or sys.executable)
        self._sockets = sockets
        self._context = zmq.Context()
        self._kernel = Driven("kernel")

    def start(self) -> None:
        """Starts the kernel and waits until it answers on both channels."""
        key = secrets.token_hex(32).encode()
        file, facts = write_connection_file(
            f"{self._sockets}/kernel.json", ip=f"{self._sockets}/k", key=key, transport="ipc"
        )
        self._launch(file)
        self._session = Session(key=key)
        self._shell = self._connect(zmq.DEALER, int(str(facts["shell_port"])))
        self._iopub = self._connect(zmq.SUB, int(str(facts["iopub_port"])))
        self._iopub.setsockopt(zmq.SUBSCRIBE, b"")
        self._await_answer()
        boot = self._execute(_BOOT.read_text("utf-8"), {}, silent=True)
        self._follow(_Pending(boot, self._kernel.nowhere, ""))

    def run(self, code: Code, sink: Sink) -> Ending:
        """Runs one statement; ends when kernel and pipes have said all."""
        self._kernel.read(self._kernel.nowhere)
        request = self._execute(code.text, code.environment, silent=False)
        pending = _Pending(request, sink, code.environment.get(narthex.FOLDER_VARIABLE, ""))
        self._follow(pending)
        if pending.lost:
            sink.err(b"narthex: %d results could not be kept\n" % pending.lost)
        return _ending(pending.reply)

    def idle(self) -> bool:
        """Takes what the kernel or a thread of it says by itself; False if it has died."""
        self._kernel.read(self._kernel.nowhere)
        self._hear(_Pending("", self._kernel.nowhere, ""))
        return self._kernel.alive

    def interrupt(self) -> None:
        """KeyboardInterrupt in the kernel, as soon as it is at the code."""
        self._kernel.wake()

    def stop(self) -> None:
        """Kills the kernel and what it started in its process group."""
        self._kernel.stop()

    def _launch(self, file: str) -> None:
        words = (
            *("-u", "-m", "ipykernel_launcher", "-f", file, "--log-level=50"),
            "--IPKernelApp.outstream_class=None",
            "--HistoryManager.enabled=False",
        )
        path = os.pathsep.join(filter(None, (str(_INSIDE), os.environ.get("PYTHONPATH", ""))))
        environment = {
            **os.environ,
            "PYTHONPATH": path,
            "IPYTHONDIR": f"{self._sockets}/ipython",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            "JPY_PARENT_PID": str(os.getpid()),
        }
        self._kernel.launch([self._interpreter, *words], environment)

    def _connect(self, kind: int, port: int) -> zmq.Socket[bytes]:
        channel: zmq.Socket[bytes] = self._context.socket(kind)
        channel.linger = 0
        channel.connect(f"ipc://{self._sockets}/k-{port}")
        return channel

    def _await_answer(self) -> None:
        """Asks until the kernel has answered on both channels: a subscription takes its time."""
        deadline = time.monotonic() + _START_SECONDS
        answered = heard = False
        while not (answered and heard):
            self._session.send(self._shell, "kernel_info_request", {})
            until = time.monotonic() + _ASK_SECONDS
            while time.monotonic() < until and not (answered and heard):
                self._kernel.read(self._kernel.nowhere)
                if not self._kernel.alive:
                    self._kernel.read(self._kernel.nowhere)
                    raise self._kernel.over(self._kernel.nowhere.last_line)
                self._shell.poll(_ASK_MS)
                answered = answered or self._receive(self._shell) is not None
                heard = heard or self._receive(self._iopub) is not None
            if time.monotonic() > deadline:
                self.stop()
                raise SessionOver("the kernel did not answer")

    def _execute(self, text: str, environment: Mapping[str, str], *, silent: bool) -> str:
        content = {
            "code": text,
            "silent": silent,
            "store_history": not silent,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        noted = {"narthex": {"environment": dict(environment)}}
        message = self._session.msg("execute_request", content, metadata=noted)
        self._session.send(self._shell, message)
        return str(message["header"]["msg_id"])

    def _follow(self, pending: _Pending) -> None:
        """Reads everything until the request is answered and all that was printed is here."""
        until = float("inf")
        poller = self._poller()
        while pending.reply is None or not pending.idle:
            ready = dict(poller.poll(_LOOK_MS))
            if self._kernel.waking in ready:
                self._kernel.rest()
            if not self._kernel.read_some(pending.sink):
                poller = self._poller()
            self._hear(pending)
            if pending.signalled < pending.sink.interrupted and pending.reached():
                pending.signalled = pending.sink.interrupted
                self._kernel.signal(group=True)
            if not self._kernel.alive:
                self._kernel.read(pending.sink)
                raise self._kernel.over()
            # An interrupt outside of the code itself leaves a request without a reply.
            if pending.idle:
                until = min(until, time.monotonic() + _REPLY_SECONDS)
            if time.monotonic() > until:
                pending.reply = {"status": "error", "ename": _INTERRUPTED, "evalue": ""}
        self._kernel.read(pending.sink)

    def _poller(self) -> zmq.Poller:
        """Waits for anything that the kernel may say."""
        poller = zmq.Poller()
        for source in (self._shell, self._iopub, *self._kernel.sources):
            poller.register(source, zmq.POLLIN)
        return poller

    def _hear(self, pending: _Pending) -> None:
        """Takes what messages there are, in portions so that the pipes get their turn."""
        for _ in range(_MESSAGES):
            message = self._receive(self._iopub)
            if message is None:
                break
            self._take(pending, message)
        while (message := self._receive(self._shell)) is not None:
            if message.parent.get("msg_id") == pending.request:
                pending.reply = message.content

    def _take(self, pending: _Pending, message: _Message) -> None:
        content = message.content
        if message.parent.get("msg_id") != pending.request:
            return
        match message.header.get("msg_type"):
            case "execute_input":
                pending.executing = True
            case "status":
                pending.idle = content.get("execution_state") == "idle"
            case "error":
                self._kernel.read(pending.sink)
                trace = content["traceback"]
                pending.sink.err(_plain("\n".join(trace if isinstance(trace, list) else ())))
            case "stream":
                pending.sink.out(str(content["text"]).encode("utf-8", "replace"))
            case "display_data" | "execute_result" | "update_display_data":
                self._kernel.read(pending.sink)
                self._show(pending, content)

    def _show(self, pending: _Pending, content: Mapping[str, object]) -> None:
        """Keeps rich output as a result, and says its plain form in the log."""
        bundle = content["data"]
        if not isinstance(bundle, dict):
            return
        text = str(bundle.get("text/plain", ""))
        if text:
            cut = "" if len(text) <= _SHOWN else " ..."
            pending.sink.out(f"{text[:_SHOWN]}{cut}\n".encode("utf-8", "replace"))
        noted = content.get("metadata")
        if not pending.folder or (isinstance(noted, dict) and noted.get("narthex")):
            return
        try:
            with narthex.Table(_COLUMNS, 0, pending.folder, "rich") as writer:
                writer.extend(_forms(bundle))
        except OSError:
            pending.lost += 1

    def _receive(self, channel: zmq.Socket[bytes]) -> _Message | None:
        """The next message of a channel; None if there is none, or none that can be trusted."""
        while True:
            try:
                parts = channel.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return None
            try:
                begin = parts.index(DELIM) + 1
                signature, header, parent, noted, content = parts[begin : begin + 5]
                signed = self._session.sign([header, parent, noted, content])
                if hmac.compare_digest(signature, signed):
                    facts = map(json.loads, (header, parent, content))
                    return _Message(*facts)
            except (ValueError, TypeError):
                continue


def _ending(reply: Mapping[str, object] | None) -> Ending:
    if reply is None or reply.get("status") == "ok":
        return Ending(0, "ended with exit code 0")
    value = _COLOUR.sub("", str(reply.get("evalue", ""))).partition("\n")[0]
    name = str(reply.get("ename", "error"))
    return Ending(1, f"{name}: {value}" if value else name)


def _forms(bundle: Mapping[str, object]) -> list[tuple[str, str, str]]:
    """The contents of a bundle by media type; what is binary comes as base64 from the kernel."""
    forms = []
    for media, content in bundle.items():
        if isinstance(content, str):
            binary = media.startswith("image/") and media != "image/svg+xml"
            forms.append((media, "base64" if binary else "", content))
        else:
            forms.append((media, "", json.dumps(content)))
    return forms


def _plain(text: str) -> bytes:
    return _COLOUR.sub("", text).encode("utf-8", "replace").rstrip(b"\n") + b"\n"
