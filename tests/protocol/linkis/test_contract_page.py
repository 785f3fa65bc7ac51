"""The page that maps sections of the contract to tests tells the truth."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "gateway" / "docs" / "linkis_contract.md"
SHORT = {"p/": "tests/protocol/linkis/", "j/": "tests/journeys/", "t/": "tests/gateway/transport/"}
NAMED = re.compile(r"`((?:[pjt]|tests/[a-z/]+)/[a-z_]+\.py)(?:::(\w+))?`")
RULES = 20


def rows() -> list[tuple[str, str]]:
    """Each section that has a row, and what the row names as its tests."""
    mapping = PAGE.read_text().partition("## Where Narthex differs")[0]
    found = re.findall(r"^\| ([0-9][0-9a-f.']*) \|.*\| ([^|]+) \|$", mapping, re.MULTILINE)
    return [(section, tests) for section, tests in found]


def sections() -> set[str]:
    """The sections of the contract, as the page lists them."""
    listed = re.search(r"^Sections: ([^\n]+(?:\n[^\n]+)*)", PAGE.read_text(), re.MULTILINE)
    assert listed
    words = set(listed[1].split()) - {f"0.1-0.{RULES}"}
    return words | {f"0.{rule}" for rule in range(1, RULES + 1)}


def test_every_test_that_is_named_is_there() -> None:
    """A test that is renamed or removed takes its line of the page along."""
    found = NAMED.findall(PAGE.read_text())
    assert len(found) > 100
    for name, test in found:
        file = ROOT / (SHORT[name[:2]] + name[2:] if name[:2] in SHORT else name)
        assert file.exists(), name
        assert not test or re.search(rf"def {test}\(", file.read_text()), f"{name}::{test}"


def test_every_section_has_a_row_and_every_row_a_test() -> None:
    """Each section of the contract that binds is there, and nothing that is not one."""
    assert {section for section, _ in rows()} == sections()
    assert len(sections()) > 60
    for section, tests in rows():
        assert NAMED.search(tests), section


def test_every_test_of_a_section_is_known_to_pytest() -> None:
    """What a row names is a test, or a module of the journeys that asserts in every call."""
    for name, test in NAMED.findall(PAGE.read_text()):
        assert (test or "test_").startswith("test_"), f"{name}::{test}"
