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
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import zmq
from jupyter_client.connect import write_connection_file
from jupyter_client.jsonutil import json_default
from jupyter_client.session import DELIM, Session

from engines.inside import narthex
from engines.rundir.texts import MAX_RAW_CHARACTERS
from engines.session.adapter import Code, Ending, SessionOver, Sink
from engines.session.displays import Displays
from engines.session.session_process import SessionProcess
from engines.shim.sandbox import Sandbox

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
_MAX_NAME = 1000
_LEAVE_SECONDS = 3.0
"""Code that left its session has so long for what it does at exit."""
_INTERRUPTED = "KeyboardInterrupt"
_NO_REPLY: Mapping[str, object] = {}
"""Stands for the reply of a request that the kernel is done with and never answered."""
_LEFT = "narthex_left"
"""The payload by which the boot tells the code of SystemExit; the same word is in its file."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class _Message(NamedTuple):
    """What matters of a message. Jupyter's own reading makes dates of all that looks like one."""

    header: Mapping[str, object]
    parent: Mapping[str, object]
    content: Mapping[str, object]


class _Pending:
    """What is known of the request that is under way."""

    def __init__(self, request: str, sink: Sink, folder: str, most_bytes: int = 0) -> None:
        self.request = request
        self.sink = sink
        self.displays = Displays(folder, most_bytes)
        self.error = ""
        self.executing = False
        self.signalled = 0
        self.idle = False
        self.reply: Mapping[str, object] | None = None
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
        self._kernel = SessionProcess("kernel")
        self._begun_here, self._begun_there = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def confine(self, box: Sandbox) -> None:
        """Has the kernel started in a sandbox."""
        self._kernel.confine(box)

    def start(self) -> None:
        """Starts the kernel and waits until it answers on both channels."""
        key = secrets.token_hex(32).encode()
        file, facts = write_connection_file(
            f"{self._sockets}/kernel.json", ip=f"{self._sockets}/k", key=key, transport="ipc"
        )
        ports = dict(facts)
        self._launch(file)
        self._session = Session(key=key)
        self._session.pack = _packed
        self._shell = self._connect(zmq.DEALER, int(str(ports["shell_port"])))
        self._iopub = self._connect(zmq.SUB, int(str(ports["iopub_port"])))
        self._iopub.setsockopt(zmq.SUBSCRIBE, b"")
        self._await_answer()
        text = f"{_BOOT.read_text('utf-8')}\nboot({self._begun_there})\n"
        boot = self._execute(f"exec({text!r}, {{'__name__': 'narthex_boot'}})", {}, silent=True)
        self._follow(_Pending(boot, self._kernel.nowhere, ""))

    def run(self, code: Code, sink: Sink) -> Ending:
        """Runs one statement; ends when kernel and pipes have said all."""
        self._kernel.read(self._kernel.nowhere)
        with self._kernel.seeing(code):
            return self._run(code, sink)

    def _run(self, code: Code, sink: Sink) -> Ending:
        request = self._execute(code.text, code.environment, silent=False)
        seen = code.environment
        most = seen.get(narthex.BYTES_VARIABLE, "")
        folder = seen.get(narthex.FOLDER_VARIABLE, "")
        pending = _Pending(request, sink, folder, int(most) if most.isdigit() else 0)
        self._has_begun()
        try:
            self._follow(pending)
        except SessionOver as over:
            over.begun = pending.executing or self._has_begun()
            raise
        finally:
            pending.displays.flush()
            if pending.displays.lost:
                sink.err(b"narthex: %d results could not be kept\n" % pending.displays.lost)
        ending = _ending(pending)
        if _leaves(pending.reply):
            self._await_end(pending)
            ending = ending._replace(over=True)
        return ending

    def idle(self) -> bool:
        """Takes what the kernel or a thread of it says by itself; False if it has died."""
        self._kernel.read(self._kernel.nowhere)
        self._collect(_Pending("", self._kernel.nowhere, ""))
        return self._kernel.alive

    def alive(self) -> bool:
        """Whether the kernel has not ended."""
        return self._kernel.alive

    def hide(self, secrets: Iterable[str]) -> None:
        """What the kernel says between statements holds none of these from here on."""
        self._kernel.nowhere.hide(secrets)

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
        if self._kernel.confined:
            # There it is another number, and the kernel cannot outlive its parent anyway.
            del environment["JPY_PARENT_PID"]
        begun = self._begun_there
        # In the folder of the sockets is what it has to read, and makes its own.
        own = (self._sockets,)
        self._kernel.launch([self._interpreter, *words], environment, (begun,), own)
        os.close(begun)

    def _connect(self, kind: int, port: int) -> zmq.Socket[bytes]:
        channel: zmq.Socket[bytes] = self._context.socket(kind)
        channel.linger = 0
        channel.connect(f"ipc://{self._sockets}/k-{port}")
        return channel

    def _await_answer(self) -> None:
        """Asks until the kernel has answered on both channels: a subscription takes its time."""
        deadline = time.monotonic() + _START_SECONDS
        answered = published = False
        while not (answered and published):
            self._session.send(self._shell, "kernel_info_request", {})
            until = time.monotonic() + _ASK_SECONDS
            while time.monotonic() < until and not (answered and published):
                self._kernel.read(self._kernel.nowhere)
                if not self._kernel.alive:
                    self._kernel.read(self._kernel.nowhere)
                    raise self._kernel.over(self._kernel.nowhere.last_line)
                self._shell.poll(_ASK_MS)
                answered = answered or self._receive(self._shell) is not None
                published = published or self._receive(self._iopub) is not None
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
            self._collect(pending)
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
                pending.reply = _NO_REPLY
        self._kernel.read(pending.sink)

    def _has_begun(self) -> bool:
        """Whether the kernel said since the last look that it goes on to execute something."""
        try:
            return bool(os.read(self._begun_here, _MESSAGES))
        except BlockingIOError:
            return False

    def _await_end(self, pending: _Pending) -> None:
        """Takes what a kernel prints that is about to leave, but not for ever."""
        until = time.monotonic() + _LEAVE_SECONDS
        poller = self._poller()
        while self._kernel.alive and time.monotonic() < until:
            poller.poll(_ASK_MS)
            if not self._kernel.read_some(pending.sink):
                poller = self._poller()
            self._collect(pending)
        self._kernel.read(pending.sink)

    def _poller(self) -> zmq.Poller:
        """Waits for anything that the kernel may say."""
        poller = zmq.Poller()
        for source in (self._shell, self._iopub, *self._kernel.sources):
            poller.register(source, zmq.POLLIN)
        return poller

    def _collect(self, pending: _Pending) -> None:
        """Takes what messages there are, in portions so that the pipes get their turn."""
        for _ in range(_MESSAGES):
            message = self._receive(self._iopub)
            if message is None:
                break
            self._take(pending, message)
        while (message := self._receive(self._shell)) is not None:
            if message.parent.get("msg_id") == pending.request:
                pending.reply = message.content
                self._page(pending)

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
                trace = content.get("traceback")
                lines = map(str, trace) if isinstance(trace, list) else ()
                pending.sink.err(_uncoloured("\n".join(lines)))
                pending.error = _error(content)
            case "stream":
                pending.sink.out(str(content.get("text", "")).encode("utf-8", "backslashreplace"))
            case "display_data" | "execute_result" | "update_display_data":
                self._kernel.read(pending.sink)
                self._show(pending, content)

    def _show(self, pending: _Pending, content: Mapping[str, object]) -> None:
        """Keeps rich output as a result, and says its plain form in the log."""
        bundle = content.get("data")
        if not isinstance(bundle, dict):
            return
        text = str(bundle.get("text/plain", ""))
        if text:
            cut = "" if len(text) <= _SHOWN else " ..."
            pending.sink.out(f"{text[:_SHOWN]}{cut}\n".encode("utf-8", "backslashreplace"))
        passing, noted = content.get("transient"), content.get("metadata")
        name = str(passing.get("display_id") or "") if isinstance(passing, dict) else ""
        table = noted.get("narthex") if isinstance(noted, dict) else None
        if isinstance(table, dict):
            pending.displays.written(table.get("table"), name)
        else:
            pending.displays.show(_masked(bundle, pending.sink), name)

    def _page(self, pending: _Pending) -> None:
        """Says what the kernel would have a pager show, such as the help for ``len?``."""
        for page in _payloads(pending.reply or {}):
            data = page.get("data")
            if isinstance(data, dict) and page.get("source") == "page":
                self._kernel.read(pending.sink)
                pending.sink.out(_uncoloured(str(data.get("text/plain", ""))))

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
                    return _Message(*map(_object, (header, parent, content)))
            except (ValueError, TypeError, RecursionError):
                continue


def _ending(pending: _Pending) -> Ending:
    reply = pending.reply
    if reply is None or reply.get("status") == "ok":
        return Ending(0, "ended with exit code 0")
    if reply is _NO_REPLY:
        interrupted = pending.sink.interrupted > 0
        return Ending(1, _INTERRUPTED if interrupted else "the kernel did not say how it ended")
    for payload in _payloads(reply):
        code = payload.get("code")
        if payload.get("source") == _LEFT and isinstance(code, int):
            return Ending(code, f"ended with exit code {code}")
    # What fails while a value is shown is no error of the code to the kernel, and has no name.
    unnamed = reply.get("ename") == "NoneType" and pending.error
    return Ending(1, pending.error if unnamed else _error(reply))


def _error(content: Mapping[str, object]) -> str:
    """What names an error; whoever keeps it takes the first line."""
    value = _COLOUR.sub("", str(content.get("evalue", ""))[:MAX_RAW_CHARACTERS])
    name = str(content.get("ename", "error"))[:_MAX_NAME]
    return f"{name}: {value}" if value else name


def _leaves(reply: Mapping[str, object] | None) -> bool:
    """Whether the code asked the kernel to end."""
    payloads = _payloads(reply or {})
    return any(one.get("source") == "ask_exit" and not one.get("keepkernel") for one in payloads)


def _payloads(reply: Mapping[str, object]) -> list[dict[str, object]]:
    payloads = reply.get("payload")
    return [one for one in payloads if isinstance(one, dict)] if isinstance(payloads, list) else []


def _packed(content: object) -> bytes:
    """A part of a message to the kernel; half a character is no reason not to send it."""
    return json.dumps(content, default=json_default).encode("ascii")


def _object(data: bytes) -> dict[str, object]:
    """A part of a message; one of a kernel that is not ours may hold halves of characters."""
    value = json.loads(data.decode("utf-8", "surrogateescape"))
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def _masked(bundle: Mapping[str, object], sink: Sink) -> dict[str, object]:
    """What is displayed without secrets; pictures as they are."""
    return {
        media: content
        if media.startswith("image/") and media != "image/svg+xml"
        else sink.masked(content if isinstance(content, str) else json.dumps(content))
        for media, content in bundle.items()
    }


def _uncoloured(text: str) -> bytes:
    data = _COLOUR.sub("", text).encode("utf-8", "backslashreplace")
    return data.rstrip(b"\n") + b"\n"
