"""What is made below a directory is spread over the disk where the file system can."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from engines.rundir.spread import spread_below
from gateway.stores.spool import Spool


def on_ext4(path: Path) -> bool:
    """Whether a path lies on ext4."""
    words = ["stat", "-f", "-c", "%T", str(path)]
    return "ext" in subprocess.run(words, capture_output=True, text=True, check=True).stdout


def attributes(path: Path) -> str:
    """The attributes of a directory, as ``lsattr`` shows them."""
    words = ["lsattr", "-d", str(path)]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[0]


def test_a_directory_is_marked(tmp_path: Path) -> None:
    """Once or twice, and what else it says of itself stays."""
    if not on_ext4(tmp_path):
        pytest.skip("the temporary files are not on ext4")
    before = set(attributes(tmp_path)) - {"-"}
    assert spread_below(tmp_path)
    assert spread_below(tmp_path)
    assert set(attributes(tmp_path)) - {"-"} == before | {"T"}


def test_a_spool_has_its_runs_spread(tmp_path: Path) -> None:
    """They are made below ``new``."""
    if not on_ext4(tmp_path):
        pytest.skip("the temporary files are not on ext4")
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    spool.close()
    assert "T" in attributes(tmp_path / "spool" / "new")


@pytest.mark.parametrize("name", ["/proc/self", "/nonexistent/x", "/dev/null"])
def test_elsewhere_it_is_no_error(name: str) -> None:
    """The hint is refused by what is no ext4, is not there, or is no directory."""
    assert not spread_below(name)
