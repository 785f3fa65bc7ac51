"""What the tests of run directories have in common."""

from pathlib import Path

import pytest


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """A spool without runs."""
    for name in ("new", "live", "requests"):
        (tmp_path / name).mkdir()
    return tmp_path
