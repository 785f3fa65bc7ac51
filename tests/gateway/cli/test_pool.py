"""The commands for queues and the pool, on the files of a data folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli import main


def reported(capsys: pytest.CaptureFixture[str], data: Path, *words: str) -> tuple[int, str]:
    """The exit status of a command and what it printed."""
    with pytest.raises(SystemExit) as end:
        main([*words, "--data-dir", str(data)])
    captured = capsys.readouterr()
    return int(str(end.value.code)), captured.out + captured.err


def test_queues_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Made, changed one by one, stopped, started, dropped."""
    assert reported(capsys, tmp_path, "queue", "put", "vc1", "--share", "10")[0] == 0
    assert reported(capsys, tmp_path, "queue", "put", "vc1", "--ceiling", "20")[0] == 0
    assert "stopped" in reported(capsys, tmp_path, "queue", "stop", "vc1")[1]
    status, lines = reported(capsys, tmp_path, "queue", "list", "--json")
    records = {one["name"]: one for one in map(json.loads, lines.splitlines())}
    assert (status, set(records)) == (0, {"default", "vc1"})
    assert (records["vc1"]["share"], records["vc1"]["ceiling"]) == (10, 20)
    assert "running" in reported(capsys, tmp_path, "queue", "start", "vc1")[1]
    assert reported(capsys, tmp_path, "queue", "drop", "vc1")[0] == 0
    assert reported(capsys, tmp_path, "queue", "drop", "vc1")[0] == 1
    assert reported(capsys, tmp_path, "queue", "put", "a b")[0] == 1


def test_the_pool_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Listed, added to, changed, and dropped when dead."""
    status, lines = reported(capsys, tmp_path, "resources", "list", "--json")
    assert (status, len(lines.splitlines())) == (0, 64)
    assert "new1" in reported(capsys, tmp_path, "resources", "add", "/node=new{1}/core={2}")[1]
    assert reported(capsys, tmp_path, "resources", "drop", "65")[0] == 1
    assert "dead" in reported(capsys, tmp_path, "resources", "state", "65", "dead")[1]
    assert reported(capsys, tmp_path, "resources", "drop", "65")[0] == 0
    assert reported(capsys, tmp_path, "resources", "add", "/node={")[0] == 1
    assert reported(capsys, tmp_path, "resources", "state", "1", "odd")[0] == 2
