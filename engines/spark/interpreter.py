"""The driver process: one Spark session and the code that runs on it.

Runs under the interpreter of the settings, with the module ``narthex`` on its path. It takes
requests over a socket, or one file. Code runs in the main thread, so that an interrupt reaches it;
but never inside of a conversation with the JVM, which an interrupt would leave in the middle: there
the jobs are cancelled and the code is interrupted when it is back. It must never say anything of
its own on stdout.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import json
import linecache
import logging
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
import types
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from engines.inside import narthex
from engines.rundir.texts import MAX_RAW_CHARACTERS
from engines.spark.arrange import SETTINGS_VARIABLE
from engines.spark.environment import seen_by_java
from engines.spark.jobs import Jobs
from engines.spark.remote import Operations
from engines.spark.scala import Scala
from engines.spark.statements import split
from engines.spark.tables import keep
from engines.spark.trace import traced

__all__ = ["Driver", "main"]

_POLL_SECONDS = 0.5
_LEAVE_SECONDS = 5.0
_OURS = "NARTHEX_"
_FAILED = 1
_MOST = 1 << 63
_MAX_NAME = 1000
_SILENT = logging.CRITICAL + 1
"""Spark repeats every error of SQL as a line of JSON for machines."""
_CONVERSATIONS = (
    f"{os.sep}py4j{os.sep}",
    f"{os.sep}pyspark{os.sep}sql{os.sep}connect{os.sep}",
)
_HEAD = "== SQL ==\n"
_PLACE = re.compile(rf"{_HEAD}\n+")
"""What Spark quotes of a statement, and the blank lines that put it at its place."""
_LANGUAGES = {".sql": "sql", ".scala": "scala"}


class Driver:
    """A Spark session and the names that code leaves behind.

    With the variable ``SPARK_REMOTE`` the session is one of a Spark Connect server: there is no JVM
    here and no ``sc``.
    """

    def __init__(self) -> None:
        from py4j.protocol import Py4JError  # type: ignore[import-untyped,import-not-found,unused-ignore]  # noqa: PLC0415 - as above
        from pyspark.errors import PySparkException  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - as above
        from pyspark.sql import SparkSession  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - only the driver has it

        self._errors: tuple[type[Exception], ...] = (
            *(Py4JError, PySparkException, OSError),
            AttributeError,  # what is left of a context that the code stopped
        )
        logging.getLogger("SQLQueryContextLogger").setLevel(_SILENT)
        remote = os.environ.get("SPARK_REMOTE", "")
        self._spark: Any = _connected(remote) if remote else SparkSession.builder.getOrCreate()
        self._context: Any = None if remote else self._spark.sparkContext
        self._scala: Scala | None = None
        self._count = 0
        self._jobs: Jobs | Operations | None = None
        self._owed = self._interrupted = False
        self._main = threading.main_thread().ident or 0
        # Functions of this module are sent to the workers by value.
        module = types.ModuleType("__main__")
        self._names = module.__dict__
        self._names |= {"spark": self._spark, "show": show}
        if self._context is not None:
            self._names["sc"] = self._context
        sys.modules["__main__"] = module
        signal.signal(signal.SIGINT, self._interrupt)
        signal.signal(signal.SIGUSR1, self._remind)

    def run(self, language: str, text: str) -> tuple[int, str]:
        """Runs code to its end: the exit code and a sentence. Never raises."""
        self._count += 1
        self._owed = self._interrupted = False
        jobs: Jobs | Operations | None = None
        try:
            try:
                with self._traced(), self._watched() as jobs:
                    self._jobs = jobs
                    ending = self._judged(language, text, jobs)
                    self._jobs = None
            finally:
                self._jobs = None
        except KeyboardInterrupt:
            ending = _FAILED, "KeyboardInterrupt"
        if self._interrupted:
            ending = _FAILED, "KeyboardInterrupt"
            _complain(f"narthex: interrupted, {jobs.left() if jobs else 'before anything ran'}")
        for stream in (sys.stdout, sys.stderr):
            _flush(stream)
        return ending

    def trouble(self) -> str:
        """Why nothing can run here any more; empty if all is well."""
        if self._context is None:
            return "its session on the Spark server has ended" if self._spark.is_stopped else ""
        if getattr(self._context, "_gateway", None) is None:
            return "the code took the JVM of Spark away"
        status = self.left(0.0)
        if status is not None:
            return f"the JVM of Spark ended with status {status}"
        stopped = self._context._jsc is None
        return "the code stopped Spark" if stopped else ""

    def left(self, seconds: float = _LEAVE_SECONDS) -> int | None:
        """The status with which the JVM has ended, None while it lives.

        One that does not answer any more is given some seconds to end.
        """
        gateway = getattr(self._context, "_gateway", None)
        if gateway is None:
            return None
        status: int | None = gateway.proc.poll()
        if status is not None or not seconds:
            return status
        try:
            gateway.jvm.java.lang.System.nanoTime()
        except self._errors:
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = gateway.proc.wait(seconds)
        return status

    @contextlib.contextmanager
    def seeing(self, language: str, variables: Mapping[str, str]) -> Iterator[None]:
        """Lets a statement see its variables, also in the JVM, for as long as it runs."""
        with _seen(variables):
            if self._context is None:
                yield
                return
            if language != "scala":
                # A function of Java in SQL may want what the user gave; our own words it does not.
                variables = {
                    name: value for name, value in variables.items() if not name.startswith(_OURS)
                }
            with seen_by_java(self._context._jvm, variables, self._errors):
                yield

    def _traced(self) -> contextlib.AbstractContextManager[None]:
        return traced(self._spark, self._context, self._errors)

    def _watched(self) -> Jobs | Operations:
        name = f"narthex-{uuid.uuid4()}"
        if self._context is None:
            return Operations(self._spark, name, self._poke, self._errors)
        return Jobs(self._context, name, self._poke, self._errors)

    def _judged(self, language: str, text: str, jobs: Jobs | Operations) -> tuple[int, str]:
        try:
            if language == "sql":
                return self._run_sql(text, jobs)
            if language == "scala":
                return self._run_scala(text)
            return self._run_python(text)
        except KeyboardInterrupt:
            return _FAILED, "KeyboardInterrupt"
        except Exception as error:  # noqa: BLE001 - whatever Spark raises is the code's
            _complain(_worded(error))
            return _FAILED, _named(error)

    def _run_sql(self, text: str, jobs: Jobs | Operations) -> tuple[int, str]:
        """Statements in order, a result set each; stops at the first that fails."""
        statements = split(text)
        jobs.expect(len(statements))
        for place, statement in enumerate(statements, 1):
            try:
                keep(self._spark.sql(statement.placed))
                self._check()
            except KeyboardInterrupt:
                raise
            except Exception as error:  # noqa: BLE001 - whatever Spark raises is the code's
                where = f"statement {place} of {len(statements)} (line {statement.line})"
                _complain(f"{where} failed:\n{_PLACE.sub(_HEAD, _worded(error))}")
                return _FAILED, f"{where}: {_named(error)}"
            jobs.step()
        return 0, "ended with exit code 0"

    def _run_scala(self, text: str) -> tuple[int, str]:
        if self._scala is None:
            self._scala = Scala(self._spark)
        succeeded, said = self._scala.run(text)
        self._check()
        if succeeded:
            _say(said)
            return 0, "ended with exit code 0"
        _complain(said.removesuffix("\n"))
        return _FAILED, f"Scala: {_first_error(said)}"

    def _run_python(self, text: str) -> tuple[int, str]:
        """Runs Python and shows the value of a last expression."""
        name = f"<statement {self._count}>"
        # Lines as Python counts them: a form feed ends none.
        lines = list(io.StringIO(text, newline=None))
        linecache.cache[name] = (len(text), None, lines, name)
        try:
            tree = ast.parse(text, name)
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, name, "exec"), self._names)  # noqa: S102 - it is what we are for
            if isinstance(last, ast.Expr):
                whole = compile(ast.Expression(last.value), name, "eval")
                value = eval(whole, self._names)  # noqa: S307 - as above
                if value is not None:
                    show(value)
            self._check()
        except KeyboardInterrupt:
            _complain("KeyboardInterrupt")
            return _FAILED, "KeyboardInterrupt"
        except SystemExit as left:
            if left.code is None or isinstance(left.code, int):
                code = _status(left.code or 0)
                return code, f"ended with exit code {code}"
            _complain(_worded(left))
            return _FAILED, _named(left)
        except BaseException as error:  # noqa: BLE001 - whatever the code raises is the code's
            _complain(_trace(error, name).removesuffix("\n"))
            return _FAILED, _named(error)
        return 0, "ended with exit code 0"

    def _check(self) -> None:
        """An interrupt that came while the JVM was talking counts now."""
        if self._interrupted:
            raise KeyboardInterrupt

    def _interrupt(self, _: int, frame: types.FrameType | None) -> None:
        if self._jobs is not None:
            self._owed = self._interrupted = True
            self._jobs.cancel()
            self._raise(frame)

    def _remind(self, _: int, frame: types.FrameType | None) -> None:
        self._raise(frame)

    def _raise(self, frame: types.FrameType | None) -> None:
        """Interrupts the code, unless it waits for Spark."""
        if self._owed and self._jobs is not None and not _with_spark(frame):
            self._owed = False
            raise KeyboardInterrupt

    def _poke(self) -> None:
        if self._owed:
            signal.pthread_kill(self._main, signal.SIGUSR1)


def show(value: Any) -> None:
    """Shows a value: a data frame of any library as a result set; anything else as text."""
    kind = type(value)
    if kind.__name__ == "DataFrame" and kind.__module__.startswith("pyspark.sql"):
        _say(f"{value!r}\n")
        keep(value)
        return
    if narthex.read_frame(value) is not None:
        narthex.table(value)
    _say(f"{value!r}\n")


def serve(driver: Driver, link: socket.socket) -> int:
    """Takes requests until the other end is gone; the exit status."""
    said = b""
    while True:
        while b"\n" not in said:
            ready, _, _ = select.select((link,), (), (), _POLL_SECONDS)
            if not ready:
                if driver.trouble():
                    return _FAILED
                continue
            data = link.recv(1 << 16)
            if not data:
                return 0
            said += data
        line, _, said = said.partition(b"\n")
        request = json.loads(line)
        if trouble := driver.trouble():
            _tell(link, word="over", message=trouble)  # before it says that the code has begun
            return _FAILED
        _tell(link, word="begun")
        with driver.seeing(request["language"], request["sees"]):
            code, message = driver.run(request["language"], request["text"])
        status = driver.left() if code else None
        trouble = driver.trouble()
        if request["language"] == "scala" and status is not None and status >= 0:
            code, message = status, f"ended with exit code {status}"  # of sys.exit
        elif trouble and code:
            _tell(link, word="over", message=trouble)
            return _FAILED
        _tell(link, word="done", code=code, message=message, over=bool(trouble))


def main(arguments: Sequence[str]) -> int:
    """Serves a host, or runs one file; the exit status."""
    parser = argparse.ArgumentParser(prog="engines.spark.interpreter")
    parser.add_argument("--control", type=int)
    parser.add_argument("--file", type=Path)
    options = parser.parse_args(arguments)
    sys.argv[:] = [""]
    if options.file is not None:
        text = options.file.read_bytes().decode("utf-8", "replace")
        return Driver().run(_LANGUAGES.get(options.file.suffix, "python"), text)[0]
    os.set_inheritable(options.control, False)  # noqa: FBT003 - as Python calls it
    with socket.socket(fileno=options.control) as link:
        try:
            driver = Driver()
        except Exception as error:  # noqa: BLE001 - whatever Spark raises is why it is not there
            traceback.print_exc()
            _tell(link, word="over", message=_named(error))
            return _FAILED
        _tell(link, word="ready")
        return serve(driver, link)


def _tell(link: socket.socket, **answer: object) -> None:
    link.sendall(json.dumps(answer).encode() + b"\n")


@contextlib.contextmanager
def _seen(variables: Mapping[str, str]) -> Iterator[None]:
    """The variables of a statement, for as long as it runs."""
    kept = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _with_spark(frame: types.FrameType | None) -> bool:
    """Whether a conversation with Spark is under way, anywhere below a frame."""
    while frame is not None:
        if any(part in frame.f_code.co_filename for part in _CONVERSATIONS):
            return True
        frame = frame.f_back
    return False


def _connected(remote: str) -> Any:
    """A session of its own on a Spark Connect server."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - only the driver has it

    builder: Any = SparkSession.builder.remote(remote)
    for name, value in json.loads(os.environ.get(SETTINGS_VARIABLE, "{}")).items():
        builder = builder.config(name, value)
    return builder.create()


def _first_error(said: str) -> str:
    """The line that matters in what the interpreter of Scala said."""
    lines = said[:MAX_RAW_CHARACTERS].strip().splitlines()
    errors = [line for line in lines if "error" in line.lower() or "exception" in line.lower()]
    return next(iter(errors or lines), "failed")


def _named(error: BaseException) -> str:
    """What names an error; whoever keeps it takes the first line."""
    text = _worded(error).strip()[:MAX_RAW_CHARACTERS]
    name = type(error).__name__[:_MAX_NAME]
    return f"{name}: {text}" if text else name


def _worded(error: BaseException) -> str:
    """The text of an error, which is the code's own to make."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - whatever the code raises is the code's
        return "its text cannot be had"


def _status(code: int) -> int:
    """The exit status that the system makes of a number."""
    return code & 0xFF if -_MOST <= code < _MOST else 0xFF


def _say(text: str) -> None:
    """Writes to stdout; what its encoding does not have is escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _flush(stream: Any) -> None:
    try:
        stream.flush()
    except Exception:  # noqa: BLE001 - the code may have put anything there
        return


def _complain(text: str) -> None:
    """Writes to stderr, whatever the code has put in its place."""
    data = f"{text}\n".encode("utf-8", "backslashreplace")
    try:
        sys.stderr.write(data.decode())
        sys.stderr.flush()
    except Exception:  # noqa: BLE001 - as above
        with contextlib.suppress(OSError):
            os.write(2, data)


def _trace(error: BaseException, name: str) -> str:
    """A traceback that begins at the code."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != name:
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace))
