"""The page that maps sections of OpenPAI's contract to tests tells the truth."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "gateway" / "docs" / "openpai_contract.md"
SHORT = {"p/": "tests/protocol/openpai/", "j/": "tests/journeys/"}
NAMED = re.compile(r"`((?:[pj]|tests/[a-z/]+)/[a-z0-9_]+\.py)(?:::(\w+))?`")


def rows() -> list[tuple[str, str]]:
    """Each section or route that has a line, and what the line names as its tests."""
    return re.findall(r"^\| ([0-9A-Ze][0-9.-]*) \|.*\| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE)


def listed() -> list[str]:
    """The sections and routes of the contract, as the page lists them."""
    found = re.findall(
        r"^(?:Sections|Routes): ([^\n]+(?:\n[^\n]+)*)", PAGE.read_text(), re.MULTILINE
    )
    assert len(found) == 2
    return " ".join(found).split()


def test_every_test_that_is_named_is_there() -> None:
    """A test that is renamed or removed takes its line of the page along."""
    found = NAMED.findall(PAGE.read_text())
    assert len(found) > 150
    for name, test in found:
        file = ROOT / (SHORT[name[:2]] + name[2:] if name[:2] in SHORT else name)
        assert file.exists(), name
        assert not test or re.search(rf"def {test}\(", file.read_text()), f"{name}::{test}"


def test_every_section_has_a_line_and_every_line_a_test() -> None:
    """Each section and route of the contract that binds is there, once, and nothing else."""
    lines = [section for section, _ in rows()]
    assert sorted(lines) == sorted(listed())
    assert len(lines) > 90
    for section, tests in rows():
        assert NAMED.search(tests), section
