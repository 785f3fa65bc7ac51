"""Other Pythons than ours."""

import sys
from pathlib import Path

from engines.interpreters import can_import, located


def test_an_empty_name_is_our_own_python() -> None:
    """What is not configured is the interpreter that runs the gateway."""
    assert located("") == sys.executable


def test_a_name_is_found_once_and_for_all() -> None:
    """A program on the PATH is named by its path; one that is not there stays as it is."""
    assert Path(located("sh")).is_absolute()
    assert located("no-such-python") == "no-such-python"


def test_only_what_an_interpreter_has_can_be_imported() -> None:
    """One missing module is enough for a no."""
    assert can_import(sys.executable, ("json", "asyncio"))
    assert not can_import(sys.executable, ("json", "no_such_module"))


def test_a_program_that_is_no_python_has_no_modules(tmp_path: Path) -> None:
    """What is not there, or fails, has none."""
    assert not can_import(str(tmp_path / "python"), ("json",))
    assert not can_import("false", ())
