"""The scripted engine: a real process that does what a small script says, for demos and tests.

One command a line; blank lines and lines that start with ``#`` mean nothing:

    print TEXT              prints the text and a line feed
    error TEXT              the same on stderr
    lines N [RATE [out|err|both]]
                            prints ``line 1`` to ``line N``, RATE a second (0, the default: as fast
                            as possible); ``both`` prints the even ones on stderr
    partial TEXT            prints the text without a line feed
    bytes HEX               prints these bytes as they are
    fill N                  prints one line of N letters x
    sleep SECONDS           waits
    ignore SIGNAL           ignores a signal, such as TERM, from here on
    fork SECONDS            leaves a child behind in a session of its own that holds the pipes
    kill SIGNAL             sends a signal to itself
    exit CODE               ends at once with this code

At the end of the script it ends with code 0. Must never do what is not in this list.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from engines.contract import Capabilities, EngineError, Health, Launch, RunSpec, known

__all__ = ["ScriptedEngine", "act"]

_FILE = "script.json"
_ROOT = str(Path(__file__).resolve().parent.parent)
_CODE = (
    "import sys; sys.path.append(sys.argv[1]); from engines.scripted import act; act(sys.argv[2])"
)
_BATCH = 4096
_MAX_CODE = 255

Step = tuple[str, ...]


class ScriptedEngine:
    """Runs the language of this module's description.

    Args:
        settings: it has none.

    Raises:
        ValueError: there is one.
    """

    name = "scripted"

    def __init__(self, settings: Mapping[str, object] | None = None) -> None:
        known(self.name, settings, frozenset())

    @property
    def capabilities(self) -> Capabilities:
        """Takes ``scripted``."""
        return Capabilities(frozenset({"scripted"}))

    def probe(self) -> Health:
        """Always available: it needs nothing but this interpreter."""
        return Health(available=True, detail=sys.executable)

    def prepare(self, spec: RunSpec) -> Launch:
        """Checks the script and writes its steps into the run directory.

        Raises:
            EngineError: a line is not a command; the message names it.
        """
        if spec.language not in self.capabilities.languages:
            raise EngineError(f"the scripted engine does not take {spec.language!r}")
        path = spec.directory / _FILE
        path.write_text(json.dumps(_parse(spec.code)))
        argv = (sys.executable, "-I", "-S", "-X", "utf8", "-c", _CODE, _ROOT, str(path))
        return Launch(argv, spec.environment, spec.work, spec.limits)


def act(path: str) -> None:
    """Does the steps in a file, one after another; the life of the process that is started."""
    for name, *arguments in json.loads(Path(path).read_text()):
        _COMMANDS[name][1](*arguments)
    sys.stdout.flush()


def _parse(code: str) -> list[Step]:
    steps: list[Step] = []
    for number, line in enumerate(code.split("\n"), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, _, rest = text.partition(" ")
        if name not in _COMMANDS:
            raise EngineError(f"line {number}: there is no command {name!r}")
        check = _COMMANDS[name][0]
        try:
            steps.append((name, *check(rest)))
        except (ValueError, KeyError) as error:
            raise EngineError(f"line {number}: {name} does not take {rest!r}") from error
    return steps


def _text(rest: str) -> Sequence[str]:
    return (rest,)


def _number(rest: str) -> Sequence[str]:
    if not 0 <= float(rest) < float("inf"):
        raise ValueError(rest)
    return (rest,)


def _count(rest: str) -> Sequence[str]:
    return (str(_natural(rest)),)


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)


def _code(rest: str) -> Sequence[str]:
    if _natural(rest) > _MAX_CODE:
        raise ValueError(rest)
    return (rest,)


def _hex(rest: str) -> Sequence[str]:
    return (bytes.fromhex(rest).hex(),)


def _signal(rest: str) -> Sequence[str]:
    return (signal.Signals[f"SIG{rest}"].name,)


def _series(rest: str) -> Sequence[str]:
    words = rest.split()
    count, rate, stream = [*words, *("", "0", "out")[len(words) :]]
    if stream not in ("out", "err", "both"):
        raise ValueError(stream)
    return (*_count(count), *_number(rate), stream)


def _say(data: bytes, fd: int = 1) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _print_lines(count: str, rate: str, stream: str) -> None:
    fds = {"out": (1, 1), "err": (2, 2), "both": (1, 2)}[stream]
    total, pace = int(count), float(rate)
    if not pace and stream != "both":
        for first in range(1, total + 1, _BATCH):
            last = min(first + _BATCH, total + 1)
            _say("".join(f"line {number}\n" for number in range(first, last)).encode(), fds[0])
        return
    begun = time.monotonic()
    for number in range(1, total + 1):
        _say(b"line %d\n" % number, fds[1 - number % 2])
        if pace:
            time.sleep(max(0.0, begun + number / pace - time.monotonic()))


def _ignore(name: str) -> None:
    signal.signal(signal.Signals[name], signal.SIG_IGN)


def _leave_child(seconds: str) -> None:
    if not os.fork():
        os.setsid()
        time.sleep(float(seconds))
        os._exit(0)


def _end(code: str) -> None:
    os._exit(int(code))


_COMMANDS: Mapping[str, tuple[Callable[[str], Sequence[str]], Callable[..., None]]] = {
    "print": (_text, lambda text: _say(f"{text}\n".encode())),
    "error": (_text, lambda text: _say(f"{text}\n".encode(), 2)),
    "lines": (_series, _print_lines),
    "partial": (_text, lambda text: _say(text.encode())),
    "bytes": (_hex, lambda text: _say(bytes.fromhex(text))),
    "fill": (_count, lambda size: _say(b"x" * int(size) + b"\n")),
    "sleep": (_number, lambda seconds: time.sleep(float(seconds))),
    "ignore": (_signal, _ignore),
    "fork": (_number, _leave_child),
    "kill": (_signal, lambda name: os.kill(os.getpid(), signal.Signals[name])),
    "exit": (_code, _end),
}
