"""Progress that a run reports by itself: what counts of what it writes."""

import os
from pathlib import Path

import pytest

from engines.rundir.progress import ProgressReader, Report, StageReport

MAP = Report(None, (StageReport("map", 4, 0, 1, 0),))
HALF = Report(None, (StageReport("\\ud800", 1, 0, 0, 0),))
NOTHING = Report(None, (StageReport("1", 0, 0, 0, 0),))


@pytest.mark.parametrize(
    ("text", "report"),
    [
        ("0.5\n", Report(0.5)),
        ("0.5", Report()),
        ("0.5\n0.25\n", Report(0.5)),
        ("1e400\nNaN\ntrue\n\n\xff\n[1]\n{\n", Report()),
        ("7\n", Report(1.0)),
        ("-1\n", Report(0.0)),
        (f"1{'0' * 400}\n", Report(1.0)),
        (f"-1{'0' * 400}\n", Report(0.0)),
        ('{"stages": [{"id": "\\ud800", "total": 1}]}\n', HALF),
        ('{"fraction": null}\n', Report()),
        ('0.5\n{"fraction": null}\n', Report(0.5)),
        ('{"stages": [{"id": "map", "total": 4, "failed": 1}, 7]}\n', MAP),
        ('{"stages": [{"id": "map", "total": 4, "failed": 1}]}\n0.5\n', Report(0.5, MAP.stages)),
        ('{"stages": [{"id": 1, "total": -3, "running": "x"}]}\n', NOTHING),
        ('{"stages": [{"id": 1}]}\n{"stages": []}\n', Report()),
        ("[" * 10_000 + "\n0.1\n", Report(0.1)),
    ],
)  # fmt: skip
def test_what_a_line_means(tmp_path: Path, text: str, report: Report) -> None:
    """Numbers and objects count, whole lines only, and a fraction never goes back."""
    path = tmp_path / "progress"
    path.write_text(text, encoding="latin-1")
    reader = ProgressReader(str(path))
    assert reader.look() == (report != Report())
    assert reader.report == report
    assert not reader.look()


def test_lines_are_read_as_they_come(tmp_path: Path) -> None:
    """Only what was appended is read again, and a line that is torn is waited for."""
    path = tmp_path / "progress"
    reader = ProgressReader(str(path))
    assert not reader.look()
    with path.open("a") as file:
        for text, fraction in (("0.1\n0.", 0.1), ("2", 0.1), ("\n", 0.2)):
            file.write(text)
            file.flush()
            reader.look()
            assert reader.report.fraction == fraction


def test_a_flood_is_cut(tmp_path: Path) -> None:
    """Of very many lines the newest count, and the file does not grow for ever."""
    path = tmp_path / "progress"
    reader = ProgressReader(str(path))
    with path.open("a") as file:
        for number in range(200_000):
            file.write(f"{number / 1_000_000}\n")
        file.flush()
        assert reader.look()
        assert reader.report.fraction == 0.199999
        assert path.stat().st_size == 0
        file.write("0.7\n")
        file.flush()
        assert reader.look()
        assert reader.report.fraction == 0.7


def test_only_a_plain_file_is_read(tmp_path: Path) -> None:
    """A pipe or a link in its place says nothing and holds nobody up."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "secret").write_text("0.9\n")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    for name in ("pipe", "link", "."):
        reader = ProgressReader(str(tmp_path / name))
        assert not reader.look()


def test_what_is_known_is_a_floor(tmp_path: Path) -> None:
    """A reader that begins again does not fall behind what was shown before."""
    path = tmp_path / "progress"
    path.write_text("0.2\n")
    reader = ProgressReader(str(path), Report(0.6))
    assert not reader.look()
    assert reader.report.fraction == 0.6
