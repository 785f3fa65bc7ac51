"""Any code points of any size through the real engines: nothing hangs, every ending is true.

Two thousand by default, with those of Spark; ``pytest -m storm tests/properties/test_run_texts.py``
tries 100,000, or as many as NARTHEX_TEST_CASES says.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.contract import Limits, RunSpec
from engines.launcher import Zygote
from engines.python import PythonEngine
from engines.rundir.directory import Exit, RunDir, RunState
from engines.rundir.facts import ExitKind
from engines.rundir.records import MAX_RECORD
from engines.rundir.texts import MAX_MESSAGE_BYTES, MAX_RAW_CHARACTERS, plain, sentence
from engines.shell import ShellEngine
from engines.suite import Stage, read_lines
from gateway.runner.run.classify_exit import classify_exit
from gateway.stores.records import encode_outcome
from tests.engines.sessions import Seat, leave, seat_in

T = TypeVar("T")

CASES = int(os.environ.get("NARTHEX_TEST_CASES", "100000"))
SECONDS = 30.0
SECRET = "s3cret\u00e9-of-the-day"  # noqa: S105 - of a test
HALVES = ("\ud800", "\udc80", "\udfff", "\ud83d\ude00")
MARKS = ("\ufeff", "\0", "\x1b[31m", "\r", "\u2028", "\x85", "\u202e", "\uffff", "\n", "\t", " ")
OTHERS = ("\U0001f600", "漢", "e\u0301", "\\", "'", '"', "{", "%s")
ODD = st.sampled_from((*HALVES, *MARKS, *OTHERS, SECRET))
WORDS = st.lists(ODD | st.text(st.characters(), max_size=5), max_size=12).map("".join)
LIMITS = (MAX_MESSAGE_BYTES, MAX_RAW_CHARACTERS, MAX_RECORD)
SIZES = st.sampled_from([MAX_MESSAGE_BYTES + more for more in (-14, -13, -1, 0, 1)])


def sized(text: str, size: int) -> str:
    """The text, repeated up to a size."""
    return (text * (size // max(len(text), 1) + 1))[:size] if text and size else text


TEXTS = WORDS | st.builds(sized, WORDS, SIZES)
TOGETHER = 25
SEVERAL = st.lists(TEXTS, min_size=TOGETHER, max_size=TOGETHER)
"""Texts of one run: a run has one ending, but as many lines and values as it likes."""
SINGLE = {"errors": 150, "exits": 50, "code": 100}
SHARED = {"prints": 700, "values": 300, "scripts": 300}
"""How many texts go each way; 400 more go through Spark (tests/engines/test_spark_values.py)."""


class Engines:
    """A warm session and a place for scripts, on one loop."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._zygote = Zygote()
        (folder / "p").mkdir()
        (folder / "sh").mkdir()
        spec = PythonEngine().session(RunSpec("", "python", "", folder, folder))
        assert spec is not None
        self.wait(self._zygote.start())
        self.seat: Seat = self.wait(seat_in(folder / "p", spec, self._zygote))
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
        self._stage = Stage(ShellEngine(), self._zygote, folder / "sh", environment)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """What some work comes to."""
        return self._loop.run_until_complete(work)

    def close(self) -> None:
        """Ends everything."""
        self.wait(leave(self.seat))
        self.wait(self._zygote.close())
        self._loop.close()

    def python(self, code: str, seconds: float = SECONDS) -> tuple[Exit, list[bytes]]:
        """A statement of the session, which has a secret: how it ended and what it said."""

        async def said() -> tuple[RunDir, Exit]:
            run = await self.seat.say(code, environment={"TOK": SECRET}, hidden=(SECRET,))
            return run, await self.seat.end(run, seconds)

        return self._checked(*self.wait(said()))

    def shell(self, code: str) -> tuple[Exit, list[bytes]]:
        """A script: how it ended and what it said."""

        async def said() -> tuple[RunDir, Exit]:
            run = await self._stage.start("bash", code, Limits(grace_seconds=1.0))
            return run, await self._stage.end(run)

        return self._checked(*self.wait(said()))

    def _checked(self, run: RunDir, ending: Exit) -> tuple[Exit, list[bytes]]:
        """What holds for every ending: it can be kept, shown and encoded, and hides the secret."""
        lines = [line for _, line in read_lines(run)]
        assert run.state() is RunState.ENDED
        assert len(ending.message.encode()) <= MAX_MESSAGE_BYTES
        assert plain(ending.message) == ending.message
        assert encode_outcome(classify_exit(ending, requested=False).outcome)
        assert SECRET not in ending.message
        assert SECRET.encode() not in b"\n".join(lines)
        assert not ending.dropped
        return ending, lines


@pytest.fixture(scope="module")
def engines() -> Iterator[Engines]:
    """The engines for all examples of this file."""
    with tempfile.TemporaryDirectory(prefix="nx") as name:
        found = Engines(Path(name))
        yield found
        found.close()


def fails_truly(engines: Engines, text: str) -> None:
    """An error of any text is told as that error, and its traceback is in the log."""
    ending, lines = engines.python(f"raise ValueError({text!a})")
    assert (ending.kind, ending.exit_code) == (ExitKind.EXITED, 1)
    # Messages are JSON, in which two halves that belong together are one character.
    reported = json.loads(json.dumps(f"ValueError: {text}" if text else "ValueError"))
    if SECRET not in text and "\x1b" not in text:
        assert ending.message == sentence(reported[: MAX_RAW_CHARACTERS + 12])
    assert any(b"ValueError" in line for line in lines)


def leaves_truly(engines: Engines, text: str) -> None:
    """A text with which code leaves is a failure with that text."""
    ending, _ = engines.python(f"import sys; sys.exit({text!a})")
    assert (ending.kind, ending.exit_code) == (ExitKind.EXITED, 1)
    assert ending.message.startswith("SystemExit")


def is_code(engines: Engines, text: str) -> None:
    """Text that stands in the code itself ends somehow, in the words of Python or of the engine.

    A line that begins with an exclamation mark is a command of the system. One that begins with
    that, a per cent sign or a slash is IPython's, which reads the whole text anew for each.
    """
    allowed = SECONDS + len(text.splitlines()) / 4 + text.count("!")
    ending, _ = engines.python(f"x = 1  # {text}\n", allowed)
    assert ending.kind in {ExitKind.EXITED, ExitKind.START_FAILED}, ending


def prints_truly(engines: Engines, texts: list[str]) -> None:
    """What UTF-8 has is printed as it is, and of what it has not nothing is printed."""
    code = f"""for number, text in enumerate({texts!a}):
    try: print(f"{{text}}<{{number}}>")
    except UnicodeEncodeError: print(f"no UTF-8 <{{number}}>")"""
    ending, lines = engines.python(code)
    assert (ending.kind, ending.exit_code) == (ExitKind.EXITED, 0), ending
    said = [line.rstrip(b"\r") for line in b"\n".join(lines).split(b"\n")]
    expected: list[bytes] = []
    for number, text in enumerate(texts):
        try:
            data = text.encode("utf-8", "surrogateescape")  # as Python prints in this locale
        except UnicodeEncodeError:
            data = b"no UTF-8 "
        expected += b"%s<%d>".__mod__((data, number)).split(b"\n")
    hidden = [line.replace(SECRET.encode(), b"******").rstrip(b"\r") for line in expected]
    assert said == hidden


def shows_truly(engines: Engines, texts: list[str]) -> None:
    """A value of any repr is shown, with halves escaped, and is no failure."""
    code = f"""class Shown:
    def __init__(self, text): self.text = text
    def __repr__(self): return self.text
for text in {texts!a}: display(Shown(text + "<shown>"))"""
    ending, lines = engines.python(code)
    assert (ending.kind, ending.exit_code) == (ExitKind.EXITED, 0), ending
    assert b"\n".join(lines).count(b"<shown>") == len(texts)


def is_script(engines: Engines, texts: list[str]) -> None:
    """A script prints any bytes, and its status is its own. It was given no secret."""
    texts = [text.replace(SECRET, "\x80") for text in texts]
    said = [text.encode("utf-8", "surrogatepass").replace(b"\0", b"")[:500] for text in texts]
    octal = ["".join(f"\\{byte:03o}" for byte in data) for data in said]
    status = sum(map(len, said)) % 256
    script = "\n".join(f"printf '%b\\n' '{one}'" for one in octal)
    ending, lines = engines.shell(f"{script}\nexit {status}")
    assert (ending.kind, ending.exit_code) == (ExitKind.EXITED, status)
    expected = b"\n".join(said).split(b"\n")
    assert [line.rstrip(b"\r") for line in lines] == [line.rstrip(b"\r") for line in expected]


ALONE: dict[str, Callable[[Engines, str], None]] = {
    "errors": fails_truly,
    "exits": leaves_truly,
    "code": is_code,
}
SIDE_BY_SIDE: dict[str, Callable[[Engines, list[str]], None]] = {
    "prints": prints_truly,
    "values": shows_truly,
    "scripts": is_script,
}
QUIET = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large)


def tried(way: str, engines: Engines, cases: int) -> None:
    """Sends so many random texts one way."""
    quiet = settings(
        max_examples=cases if way in ALONE else cases // TOGETHER,
        report_multiple_bugs=False,
        suppress_health_check=QUIET,
    )

    @quiet
    @given(TEXTS)
    def one(text: str) -> None:
        ALONE[way](engines, text)

    @quiet
    @given(SEVERAL)
    def several(texts: list[str]) -> None:
        SIDE_BY_SIDE[way](engines, texts)

    if way in ALONE:
        one()
    else:
        several()


@pytest.mark.parametrize("way", [*SINGLE, *SHARED])
def test_any_text_ends_truly(engines: Engines, way: str) -> None:
    """Rows A1 to A4: errors, exits, code, prints, values and scripts of any code points."""
    tried(way, engines, (SINGLE | SHARED)[way])


@pytest.mark.parametrize("text", [SECRET, "\udc80"])
def test_an_error_of_a_secret_or_a_half(engines: Engines, text: str) -> None:
    """Rows A2, A4: as much of them as a message takes."""
    fails_truly(engines, sized(text, MAX_MESSAGE_BYTES))


@pytest.mark.parametrize("size", LIMITS)
@pytest.mark.parametrize("text", ["x", "\U0001f600", "\udc80", SECRET])
def test_sizes_around_every_limit(engines: Engines, text: str, size: int) -> None:
    """Row A1: one less, as many and one more than a limit, of narrow, wide and half characters."""
    for more in (-1, 0, 1) if size < MAX_RECORD else (1,):
        fails_truly(engines, sized(text, size // len(text.encode("utf-8", "surrogatepass")) + more))


@pytest.mark.storm
@pytest.mark.timeout(86_400)
@pytest.mark.parametrize("way", [*SINGLE, *SHARED])
def test_very_many_texts_end_truly(engines: Engines, way: str) -> None:
    """The same, very many times, in the same shares."""
    every = SINGLE | SHARED
    tried(way, engines, CASES * every[way] // sum(every.values()))
