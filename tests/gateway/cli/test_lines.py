"""How lines are printed, and which exit code an end means."""

import json

import pytest

from gateway.cli.lines import LinePrinter
from gateway.cli.live import exit_code
from gateway.client import End
from protocol.logs import Gap, Line, Stream

OUT, ERR = Stream.OUT, Stream.ERR
ITEMS: list[Line | Gap] = [
    Line(1, 5, OUT, b"a"),
    Line(2, 5, OUT, b"b\xff"),
    Line(3, 5, ERR, b"c"),
    Gap(4, 6),
    Line(7, 5, OUT, b"long ", 1, more=True),
    Line(7, 5, OUT, b"line", 2),
]


def test_each_stream_for_itself(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Lines go to their streams as they are; parts of a long line join; a gap is a warning."""
    LinePrinter(as_json=False, raw=False).print(ITEMS)
    printed = capsysbinary.readouterr()
    assert printed.out == b"a\nb\xff\nlong line\n"
    assert printed.err == b"c\nnarthex: lines 4 to 6 are no longer kept\n"


def test_json_on_stdout(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """For programs both streams are records on stdout, gaps included."""
    LinePrinter(as_json=True, raw=False).print(ITEMS)
    printed = capsysbinary.readouterr()
    records = [json.loads(line) for line in printed.out.splitlines()]
    time = "1970-01-01T00:00:00.005+00:00"
    line = {"type": "line", "time": time}
    assert records[2] == {**line, "line": 3, "stream": "err", "text": "c"}
    assert records[3] == {"type": "gap", "first": 4, "last": 6}
    parts = {"line": 7, "stream": "out", "text": "long ", "part": 1, "more": True}
    assert records[4] == {**line, **parts}
    assert printed.err == b""


def test_nothing_to_print(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """A batch without lines prints nothing."""
    LinePrinter(as_json=False, raw=False).print([])
    assert capsysbinary.readouterr() == (b"", b"")


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (End(1, "Succeed", 0), 0),
        (End(1, "Failed", 7), 7),
        (End(1, "Failed", None, 11), 139),
        (End(1, "Cancelled", None, 9), 137),
        (End(0, "Cancelled"), 143),
        (End(1, "Cancelled", 0), 143),
        (End(1, "Cancelled", 3), 3),
        (End(1, "Timeout", 0), 124),
        (End(1, "Failed", 0), 1),
        (End(1, "Timeout"), 124),
        (End(1, "Failed"), 1),
    ],
)
def test_exit_codes(end: End, code: int) -> None:
    """The exit code is the run's own, else what a shell would say."""
    assert exit_code(end) == code
