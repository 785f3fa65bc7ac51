"""What a kernel runs before the first statement: its messages, its environment, what it shows.

It is read as text and executed in the user's interpreter, in a namespace of its own, so it must not
import anything of ours but the module that every task may import. Whoever runs it adds the call of
``boot``. Any Python from 3.8 on runs this.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import warnings
from typing import Any

import narthex  # the one on the kernel's path, for code that runs in a task
import zmq
from IPython import get_ipython
from jupyter_client.jsonutil import json_default

_COLOURS = ("TERM", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR")
_FRAMES = (
    ("pandas.core.frame", "DataFrame"),
    ("pandas.core.series", "Series"),
    ("pandas", "DataFrame"),  # where they are at home from pandas 3 on
    ("pandas", "Series"),
    ("polars.dataframe.frame", "DataFrame"),
    ("polars.series.series", "Series"),
    ("pyarrow.lib", "Table"),
    ("pyarrow.lib", "RecordBatch"),
)
_MOST = 1 << 63


def boot(begun: int) -> None:
    """Prepares the kernel; a byte to the pipe ``begun`` says that code is about to be executed."""
    shell: Any = get_ipython()
    kernel = shell.kernel
    os.set_inheritable(begun, False)  # noqa: FBT003 - as Python calls it
    pack_any_text(kernel.session)
    kernel.iopub_thread.schedule(lambda: kernel.iopub_thread.socket.setsockopt(zmq.XPUB_NODROP, 1))
    with contextlib.suppress(AttributeError, RuntimeError, ValueError):
        # Only a loop with a handler of its own is woken by a signal; else an interrupt of code
        # that awaits is seen when what it awaits is over.
        kernel.io_loop.asyncio_loop.add_signal_handler(signal.SIGURG, lambda: None)
    with contextlib.suppress(OSError):
        restore_environment()
    sys.argv[:] = [""]
    leave_as_scripts_do(shell)
    see_variables(shell, begun)
    for home, name in _FRAMES:
        shell.display_formatter.mimebundle_formatter.for_type_by_name(home, name, show)


def pack_any_text(session: Any) -> None:
    """Lets messages hold half a character, which has no UTF-8: else they would not be sent."""
    pack = session.pack

    def packed(content: object) -> Any:
        try:
            return json.dumps(content, default=json_default).encode("ascii")
        except (TypeError, ValueError):
            return pack(content)

    session.pack = packed


def restore_environment() -> None:
    """Takes back that the kernel asks for colours in all that code starts: nobody else did."""
    with open("/proc/self/environ", "rb") as file:  # noqa: PTH123 - no more imports
        entries = (entry.partition(b"=") for entry in file.read().split(b"\0"))
        given = {name: value for name, _, value in entries}
    for name in _COLOURS:
        os.environ.pop(name, None)
        if name.encode() in given:
            os.environ[name] = os.fsdecode(given[name.encode()])


def leave_as_scripts_do(shell: Any) -> None:
    """Makes a status of SystemExit no error, and its text a line on stderr."""
    show_traceback = shell.showtraceback

    def leave(*arguments: object, **options: object) -> Any:
        error = sys.exc_info()[1]
        if not isinstance(error, SystemExit):
            return show_traceback(*arguments, **options)
        code = 0 if error.code is None else error.code
        if isinstance(code, int):
            status = code & 0xFF if -_MOST <= code < _MOST else 0xFF
            shell.payload_manager.write_payload({"source": "narthex_left", "code": status})
        else:
            sys.stderr.write(f"{code}\n")
        return None

    shell.showtraceback = leave
    warnings.filterwarnings("ignore", message="To exit: use")


def see_variables(shell: Any, begun: int) -> None:
    """Lets a statement see its variables, for as long as it runs."""
    kept: dict[str, str | None] = {}

    def before() -> None:
        with contextlib.suppress(OSError):
            os.write(begun, b"b")
        noted = shell.kernel.get_parent("shell").get("metadata", {}).get("narthex", {})
        for name, value in noted.get("environment", {}).items():
            kept[name] = os.environ.get(name)
            os.environ[name] = value

    def after() -> None:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        kept.clear()

    shell.events.register("pre_execute", before)
    shell.events.register("post_execute", after)


def show(frame: Any, include: object = None, exclude: object = None) -> Any:
    """Keeps a data frame as a table, in place of its HTML."""
    del include, exclude
    return {}, {"narthex": {"table": narthex.table(frame)}}  # type: ignore[attr-defined]
