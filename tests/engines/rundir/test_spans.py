"""What an engine notes of a run, and what a task may have written there instead."""

from __future__ import annotations

import json
import os
from pathlib import Path

from engines.rundir.spans import NotedSpan, note_spans, read_spans


def test_what_is_noted_is_read(tmp_path: Path) -> None:
    """In order, also if it is noted a second time."""
    path = str(tmp_path / "spans")
    first = NotedSpan("spark job 0", 1, 2, "", {"spark.job.name": "count"})
    second = NotedSpan("spark job 1", 2, 3, "it failed")
    note_spans(path, [first])
    note_spans(path, [second])
    found = read_spans(path)
    assert [one._replace(facts={**one.facts}) for one in found] == [
        first,
        second._replace(facts={}),
    ]


def test_what_makes_no_sense_is_left_out(tmp_path: Path) -> None:
    """Each line for itself, within bounds, with nothing in it that steers a terminal."""
    path = tmp_path / "spans"
    good = {"name": "a\x1b[31m", "start_ms": 1, "end_ms": 2}
    bad: list[object] = [
        7,
        {},
        {"name": 3, "start_ms": 1, "end_ms": 2},
        {"name": "x", "start_ms": -1, "end_ms": 2},
        {"name": "x", "start_ms": 1e300, "end_ms": 2},
        {"name": "x", "start_ms": 1, "end_ms": 2, "facts": {"a": 1}},
    ]
    path.write_text(
        "\n".join([*map(json.dumps, bad), "{", json.dumps(good), "[" * 100_000]), "utf-8"
    )
    [found] = read_spans(str(path))
    assert "\x1b" not in found.name
    path.write_text("\n".join([json.dumps(good)] * 5000), "utf-8")
    assert len(read_spans(str(path))) == 1000
    path.write_text("\n".join([json.dumps(good)] * 50_000), "utf-8")
    assert read_spans(str(path)) == []


def test_what_is_no_plain_file_is_empty(tmp_path: Path) -> None:
    """A pipe holds up nobody."""
    assert read_spans(str(tmp_path / "spans")) == []
    os.mkfifo(tmp_path / "pipe")
    assert read_spans(str(tmp_path / "pipe")) == []
