"""Each module has its test file: the one of its name, or one that pairs.txt names."""

from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("gateway", "engines", "protocol")
TABLE = ROOT / "tests" / "pairs.txt"


class Elsewhere(NamedTuple):
    """Modules of a folder, named or all (``*``), the tests that cover them, and why there."""

    folder: str
    modules: str
    tests: str
    reason: str


ELSEWHERE = [
    Elsewhere(*(cell.strip() for cell in line.split("|")))
    for line in TABLE.read_text("utf-8").splitlines()
    if not line.startswith("#")
]


def modules() -> list[Path]:
    """The modules that can have a test of their own: no packages, no ways in."""
    paths = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return sorted(path.relative_to(ROOT) for path in paths if not path.stem.startswith("__"))


def lonely() -> dict[str, set[str]]:
    """By folder: the modules that no test file mirrors. Dialects' tests stand one folder higher."""
    found: dict[str, set[str]] = {}
    for module in modules():
        folder = module.parent.as_posix()
        places = (folder, folder.replace("dialects/", ""))
        tests = (ROOT / "tests" / place / f"test_{module.name}" for place in places)
        if not any(test.exists() for test in tests):
            found.setdefault(folder, set()).add(module.stem)
    return found


def test_each_module_has_its_test() -> None:
    """A new module comes with a test file of its name, or with a row that says where."""
    without = lonely()
    for row in ELSEWHERE:
        left = without.get(row.folder, set())
        left -= left if row.modules == "*" else set(row.modules.split())
    assert {folder: names for folder, names in without.items() if names} == {}


@pytest.mark.parametrize("row", ELSEWHERE, ids=lambda row: f"{row.folder}: {row.modules[:20]}")
def test_no_exception_is_left_over(row: Elsewhere) -> None:
    """A row names modules that lack a test of their own, and tests that are there."""
    without = lonely().get(row.folder, set())
    assert without
    assert row.modules == "*" or set(row.modules.split()) - without == set()
    tests = ROOT / "tests" / row.tests
    assert tests.is_file() or list(tests.glob("test_*.py")), row.tests
    assert row.reason
