"""The page that maps sections of OAR's contract to tests tells the truth."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "gateway" / "docs" / "oar_contract.md"
SHORT = {
    "p/": "tests/protocol/oar/",
    "q/": "tests/protocol/",
    "j/": "tests/journeys/",
    "s/": "tests/gateway/stores/",
}
NAMED = re.compile(r"`((?:[pqjs]|tests/[a-z/]+)/[a-z_]+\.py)::(\w+)`")
ROW = re.compile(r"^\| ([0-9][0-9.]*) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
MUSTS = 15


def sections() -> set[str]:
    """The sections of the contract, as the page lists them."""
    listed = re.search(r"^Sections: ([^\n]+(?:\n[0-9][^\n]*)*)", PAGE.read_text(), re.MULTILINE)
    assert listed
    return set(listed[1].split())


def test_every_test_that_is_named_is_there() -> None:
    """A test that is renamed or removed takes its line of the page along."""
    found = NAMED.findall(PAGE.read_text())
    assert len(found) > 80
    for name, test in found:
        file = ROOT / (SHORT[name[:2]] + name[2:] if name[:2] in SHORT else name)
        assert file.exists(), name
        assert re.search(rf"def {test}\(", file.read_text()), f"{name}::{test}"


def test_every_section_has_a_row_and_every_row_a_test() -> None:
    """Each section that binds is there, with a test, and so is everything that must be."""
    rows = ROW.findall(PAGE.read_text())
    assert {section for section, _, _ in rows} == sections()
    assert sum("**MUST" in what for _, what, _ in rows) == MUSTS
    for section, what, tests in rows:
        assert NAMED.search(tests), f"{section} {what}"
