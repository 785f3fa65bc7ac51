"""No pattern and no parser takes more than linear time, whatever it is given (S59).

Every pattern that stands in a module is tried with texts made of what it speaks of itself: its own
words, its neighbours and all kinds of marks, repeated. A text twice as long may take about twice as
long. So may one for each function that reads what clients send.
"""

import contextlib
import importlib
import inspect
import pkgutil
import re
import time
from collections.abc import Callable, Iterator

import pytest

import engines
import gateway
import protocol
from protocol.charsets import decoded
from protocol.csv_text import rows_of
from protocol.dialects.linkis.exec_id import ExecId
from protocol.dialects.linkis.variables import substituted
from protocol.errors import GatewayError
from protocol.expressions import Expr
from protocol.forms import read_form
from protocol.logs import classify
from protocol.media import decode_json, decode_msgpack, decode_pairs
from protocol.pool_description import leaves_of
from protocol.routing import Template, clean_path
from protocol.rules import read_rule
from protocol.yaml_document import decode_yaml

SIZES = (24, 2048)
"""What grows by powers is seen at the first, what grows by squares at the second."""
QUICK = 0.004
"""Seconds below which nothing is compared: what is not linear takes longer at the last size."""
LENIENT = 3.2
"""Twice as long a text takes up to so many times as long: quadratic would be four times."""
AGAIN = 9
"""So often is measured once more what seems slow: a neighbour's caches may have made it so."""
MARKS = tuple(" \t\n\\/'\"`$&{}()[]<>=:;,.-_%#@!?*+|~^0aZé\0")
PAIRS = (
    "a ",
    "0.",
    "a=",
    "a=1&",
    "\\a",
    "${",
    "--",
    "/*",
    "\r\n",
    "%41",
    "a,",
    "'',",
    '"a":',
    "[]",
)
ENDS = ("", "\n\0!")
UNSUITABLE = (
    *("engines.spark.", "engines.inside.", "engines.session.kernel_boot", "gateway.cli."),
    "gateway.wheel_parts",
)
"""Modules that need what is not installed everywhere, or read what their own user types."""
Pattern = re.Pattern[str] | re.Pattern[bytes]
Reader = Callable[[str], object]


def patterns() -> Iterator[tuple[str, Pattern, bool]]:
    """All patterns by module and name, and whether they are only ever held against a beginning."""
    for package in (protocol, gateway, engines):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name.startswith(UNSUITABLE) or found.name.endswith("__main__"):
                continue
            module = importlib.import_module(found.name)
            source = inspect.getsource(module)
            for name, value in vars(module).items():
                if isinstance(value, re.Pattern) and f"{name} = re.compile(" in source:
                    uses = re.findall(rf"\b{name}\b(\.\w+)?", source)[1:]
                    anchored = bool(uses) and {*uses} <= {".match", ".fullmatch"}
                    yield f"{found.name}.{name}", value, anchored


def seconds(work: Reader, text: str, tries: int = 1) -> float:
    """The time of this thread that the work takes: the best of some tries."""
    best = float("inf")
    for _ in range(tries):
        began = time.thread_time()
        work(text)
        best = min(best, time.thread_time() - began)
    return best


def slow(work: Reader, piece: str, sizes: tuple[int, ...] = SIZES, quick: float = QUICK) -> str:
    """In which way the work is more than linear in repetitions of a piece; empty if it is not."""
    for end in ENDS:
        for size in sizes:
            text, double = (
                piece * (size // len(piece)) + end,
                piece * (2 * size // len(piece)) + end,
            )
            # On a busy machine a time is only ever too long.
            if seconds(work, text) < quick or (once := seconds(work, text, 3)) < quick:
                continue
            twice = seconds(work, double, 3)
            for _ in range(AGAIN):
                if twice <= LENIENT * once:
                    break
                once = min(once, seconds(work, text))
                twice = min(twice, seconds(work, double))
            if twice > LENIENT * once:
                return f"{piece!r} x {size} + {end!r}: {once:.4f} s, of twice as many {twice:.4f} s"
    return ""


def search_of(pattern: Pattern, *, anchored: bool) -> Reader:
    """Holds a pattern against a text as it is used."""
    if isinstance(pattern.pattern, bytes):
        of_bytes = re.compile(pattern.pattern, pattern.flags)
        return lambda text: (of_bytes.match if anchored else of_bytes.search)(text.encode())
    of_texts = re.compile(pattern.pattern, pattern.flags)
    return of_texts.match if anchored else of_texts.search


def quiet(reader: Reader) -> Reader:
    """The reader, for which a refusal is an answer as well."""

    def read(text: str) -> None:
        with contextlib.suppress(GatewayError, ValueError):
            reader(text)

    return read


READERS: dict[str, Reader] = {
    "json": decode_json,
    "lenient json": lambda text: decode_json(text, lenient=True),
    "msgpack": lambda text: decode_msgpack(text.encode()),
    "yaml": decode_yaml,
    "pairs": decode_pairs,
    "form": lambda text: read_form(text.encode(), "application/x-www-form-urlencoded"),
    "parts": lambda text: read_form(text.encode(), "multipart/form-data; boundary=b"),
    "nested form": lambda text: (
        read_form(text.encode(), "application/x-www-form-urlencoded").values
    ),
    "csv": lambda text: rows_of(text, most_rows=5000, most_columns=100),
    "tabs": lambda text: rows_of(text, "\t", "'", most_rows=5000, most_columns=100),
    "charset": lambda text: decoded(text.encode()),
    "condition": Expr,
    "pool": leaves_of,
    "rule": read_rule,
    "path": clean_path,
    "template": Template.of,
    "level": classify,
    "execID": ExecId.parse,
    **{
        f"variables of {kind}": lambda text, kind=kind: substituted(  # type: ignore[misc]
            f"{text}\n${{user}}", kind, {}, user="ann", now_ms=0
        )
        for kind in ("sh", "python", "scala", "sql")
    },
}


def test_no_pattern_is_slow() -> None:
    """S59: twice the text, at most about twice the time, for every pattern there is."""
    found = list(patterns())
    assert len(found) > 100
    broken = {}
    for name, pattern, anchored in found:
        said = pattern.pattern
        text = said if isinstance(said, str) else said.decode("latin-1")
        words = {*re.findall(r"[A-Za-z]{2,}", text)}
        work = search_of(pattern, anchored=anchored)
        for piece in sorted({*MARKS, *PAIRS, *words}):
            if fault := slow(work, piece):
                broken[name] = fault
                break
    assert not broken, "\n".join(f"{name}: {fault}" for name, fault in broken.items())


@pytest.mark.parametrize("name", READERS)
def test_no_reader_is_slow(name: str) -> None:
    """S59: twice the text, at most about twice the time, for what reads the texts of clients."""
    work = quiet(READERS[name])
    faults = [
        slow(work, piece, (32, 16_384), 0.08) for piece in (*MARKS, *PAIRS, "user=", "--b\r\n")
    ]
    assert not any(faults), "\n".join(filter(None, faults))


def test_a_slow_pattern_is_found() -> None:
    """The measure can fail: a pattern that is known to be slow is seen."""
    assert slow(search_of(re.compile(r"\w+\s*:="), anchored=False), "a")
