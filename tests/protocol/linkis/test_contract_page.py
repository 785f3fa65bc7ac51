"""The page that maps sections of the contract to tests names tests that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "gateway" / "docs" / "linkis_contract.md"
SHORT = {"p/": "tests/protocol/linkis/", "j/": "tests/journeys/", "t/": "tests/gateway/transport/"}
NAMED = re.compile(r"`((?:[pjt]|tests/[a-z/]+)/[a-z_]+\.py)(?:::(\w+))?`")


def test_every_test_that_is_named_is_there() -> None:
    """A test that is renamed or removed takes its line of the page along."""
    found = NAMED.findall(PAGE.read_text())
    assert len(found) > 100
    for name, test in found:
        file = ROOT / (SHORT[name[:2]] + name[2:] if name[:2] in SHORT else name)
        assert file.exists(), name
        assert not test or re.search(rf"def {test}\(", file.read_text()), f"{name}::{test}"


def test_every_section_is_there() -> None:
    """Each section of the contract that binds has a row."""
    rows = "\n".join(re.findall(r"^\| ([^|]+) \|", PAGE.read_text(), re.MULTILINE))
    for section in (1, 2, 3, 4, 5, 6, 7, 8):
        assert re.search(rf"^{section}[.a]", rows, re.MULTILINE), section
