"""What the extension's modules decide without a gateway and without an editor."""

from __future__ import annotations

from typing import Any

from tests.gateway.editors.vscode.conftest import Extension

NONSENSE: tuple[Any, ...] = (None, 7, [], {"engine": "a", "path": "x"})


def line(number: int, text: str = "x", *, part: int = 0, more: bool = False) -> dict[str, Any]:
    """A line as the client tells it."""
    return {"type": "line", "number": number, "text": text, "part": part, "more": more}


def test_addresses(extension: Extension) -> None:
    """An address has one form, whatever was written, and a bad one is refused in a sentence."""
    written = [" http://Gate.example:80/ ", "https://a.example/narthex//"]
    refused = ["", "gate", "ftp://a.example", "http://ann:secret@a.example"]
    said = extension.call(*(("address", "gatewayAddress", [text]) for text in written + refused))
    assert said[:2] == ["http://gate.example", "https://a.example/narthex"]
    assert all("address of the gateway" in each["error"] for each in said[2:])
    assert "secret" not in said[-1]["error"]


def test_collectors(extension: Extension) -> None:
    """Spans go to a URL of HTTP or nowhere; what is neither is refused in a sentence."""
    written = ["", "  ", " http://127.0.0.1:4318/v1/traces "]
    refused = ["127.0.0.1:4318", "file:///tmp/x", "grpc://a.example:4317", "no"]
    said = extension.call(*(("trace", "collectorAddress", [text]) for text in written + refused))
    assert said[:3] == [None, None, "http://127.0.0.1:4318/v1/traces"]
    assert all("narthex.traceCollector" in each["error"] for each in said[3:])


def test_engines(extension: Extension) -> None:
    """A language has its usual engine; what was kept and makes no sense is no choice."""
    shell, sql, other, all_of, *kept = extension.call(
        ("choices", "usual", ["shellscript"]),
        ("choices", "usual", ["sql"]),
        ("choices", "usual", ["cobol"]),
        ("choices", "choices", [["python", "spark"]]),
        ("choices", "readChoice", [{"engine": "a", "language": "b"}]),
        *(("choices", "readChoice", [value]) for value in NONSENSE),
    )
    assert shell == other == {"engine": "shell", "language": "shell"}
    assert sql == {"engine": "spark", "language": "sql"}
    assert [each["language"] for each in all_of] == ["python", "sql", "python", "scala"]
    assert kept == [{"engine": "a", "language": "b"}, None, None, None, None]


def test_what_a_channel_can_show(extension: Extension) -> None:
    """Colours, control characters and turned text are left out; bars are folded."""
    written = {
        "\x1b[31mred\x1b[0m": "red",
        "\x1b]8;;http://x\x07link\x1b]8;;\x07": "link",
        "10 %\r50 %\r100 %\r": "100 %",
        "a\x00\x08\x9b1mb\u2028c\u202ed\tE": "abcd\tE",
        "\x1b": "",
        "<b>&amp;": "<b>&amp;",
        "\U0001f600é": "\U0001f600é",
    }
    assert extension.call(*(("plain", "plain", [text]) for text in written)) == list(
        written.values()
    )


def test_a_place_lets_everything_pass_once(extension: Extension) -> None:
    """Lines, parts and gaps that were told are left out, and the place goes on after the rest."""
    news = [
        line(2),
        line(3, part=1, more=True),
        line(3, part=2, more=True),
        line(3, part=3),
        {"type": "gap", "first": 4, "last": 9},
        {"type": "state", "status": "Running"},
        line(10),
    ]
    (fresh, after), none, far, near = extension.call(
        ("place", "advanced", [{"line": 3, "part": 1}, news]),
        ("place", "advanced", [{"line": 11, "part": 0}, [*news[:5], news[6]]]),
        ("place", "startOf", [5000, 100]),
        ("place", "startOf", [100, 100]),
    )
    assert fresh == news[2:]
    assert after == {"line": 11, "part": 0}
    assert none == [[], {"line": 11, "part": 0}]
    assert (far, near) == ({"line": 4901, "part": 0}, {"line": 1, "part": 0})


def test_the_report_of_a_kill(extension: Extension) -> None:
    """Signals and deaths in their order, and the verdict last."""
    signals = [{"name": "SIGTERM", "firstTime": 1010, "pids": list(range(20))}]
    died = [{"pid": 7, "time": 1500, "signal": 9, "exitCode": None}]
    report = {
        "state": "killed",
        "verified": True,
        "proof": "cgroup",
        "wishedTime": 1000,
        "left": [],
    }
    report = {**report, "signals": signals, "died": died, "diedCount": 15}
    said, left, unknown = extension.call(
        ("kill-words", "killWords", [report]),
        ("kill-words", "verdict", [{**report, "left": [5, 6]}]),
        ("kill-words", "verdict", [{**report, "verified": False}]),
    )
    assert said == [
        "SIGTERM to 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 8 more after 10 ms",
        "process 7 ended by signal 9 after 500 ms",
        "15 processes died in all",
        "it is proved that nothing is left (its control group is empty)",
    ]
    assert left == "still there at the last look: 5, 6"
    assert unknown == "it is not proved that nothing is left"


def test_what_runs(extension: Extension) -> None:
    """The status bar says the place in the queue, how far one task is, or how many there are."""
    one = {"taskId": 7, "title": "a.sh", "progress": None, "ahead": None}
    stage = {"id": "map", "total": 8, "succeeded": 4, "failed": 1, "running": 2}
    half = {**one, "progress": {"fraction": 0.509, "stages": [stage]}}
    said = extension.call(
        *(
            ("activity", "activityWords", [each])
            for each in (
                [],
                [one],
                [{**one, "ahead": 3}],
                [{**one, "ahead": 0}],
                [half],
                [one, half],
            )
        ),
        ("activity", "stageWords", [half]),
    )
    assert said[:3] == ["", "7 runs", "7: 3 ahead"]
    assert said[3:6] == ["7: next in the queue", "7: 50 %", "2 tasks"]
    assert said[6] == "task 7 · a.sh\nmap: 4 of 8, 2 running, 1 failed"


def test_a_result_is_never_markup(extension: Extension) -> None:
    """HTML is text, what is no picture is refused, and the page's policy permits nothing else."""
    base = {
        "columns": [],
        "page": 1,
        "pages": 1,
        "totalRows": 1,
        "complete": False,
        "truncated": True,
    }
    html, picture, bad, table, page = extension.call(
        ("result-page", "shown", [{**base, "kind": "html", "rows": [["<script>x</script>"]]}]),
        ("result-page", "shown", [{**base, "kind": "picture", "rows": [["/9j/AA=="]]}]),
        ("result-page", "shown", [{**base, "kind": "picture", "rows": [['x" onerror=y']]}]),
        ("result-page", "shown", [{**base, "kind": "table", "rows": [["x" * 20_000, None]]}]),
        (
            "result-page",
            "skeleton",
            [{"source": "https://s", "script": 'a">b', "style": "s.css", "nonce": "abc"}],
        ),
    )
    assert (html["type"], html["text"]) == ("text", "<script>x</script>")
    assert picture == {"type": "picture", "source": "data:image/jpeg;base64,/9j/AA=="}
    assert bad["type"] == "error"
    assert [len(table["rows"][0][0]), table["rows"][0][1]] == [10_002, None]
    assert table["note"] == "1 rows · not complete · cut at its limit"
    assert (
        "default-src &#39;none&#39;; script-src &#39;nonce-abc&#39;; style-src https://s;" in page
    )
    assert "unsafe" not in page
    assert 'a">b' not in page


def test_messages_that_make_no_sense(extension: Extension) -> None:
    """What a page, or an older version, left behind is read with care."""
    read, *refused = extension.call(
        ("result-page", "readFromPage", [{"type": "page", "page": 2, "more": 1}]),
        *(
            ("result-page", "readFromPage", [message])
            for message in (
                None,
                "page",
                {"type": "page"},
                {"type": "page", "page": 0},
                {"page": 1},
            )
        ),
        *(("result-page", "readKept", [state]) for state in NONSENSE),
    )
    assert read == {"type": "page", "page": 2}
    assert refused == [None] * 9
