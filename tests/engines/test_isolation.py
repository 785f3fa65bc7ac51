"""Whether there can be a sandbox here, and what has to be seen in it of a program."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import engines
from engines.isolation import missing_for_sandbox, own_paths, program_paths


@pytest.mark.parametrize("network", ["none", "loopback", "host"])
def test_a_sandbox_is_tried_out(walls: None, network: str) -> None:  # noqa: ARG001 - only asked
    """Where there can be one there can be one with any network."""
    assert missing_for_sandbox(network) == ""


def test_what_cannot_be_made_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence is the interpreter's or the system's own."""
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    assert "No such file" in missing_for_sandbox()


def test_our_own_is_seen() -> None:
    """The interpreter, and the package that tasks import from; not the gateway's source."""
    found = own_paths()
    assert sys.base_prefix in found
    assert str(Path(engines.__file__).parent) in found


def test_the_system_s_programs_need_nothing() -> None:
    """They are seen anyway, and a name without a folder is looked for inside."""
    assert program_paths("/usr/bin/env") == ()
    assert program_paths("bash") == ()


def test_a_virtual_environment_needs_what_it_was_made_from(tmp_path: Path) -> None:
    """Its interpreter is a link to that of an installation."""
    base, venv = tmp_path / "base", tmp_path / "venv"
    for folder in (base / "bin", base / "lib", venv / "bin"):
        folder.mkdir(parents=True)
    (base / "bin" / "python3").touch()
    (venv / "pyvenv.cfg").touch()
    (venv / "bin" / "python").symlink_to(base / "bin" / "python3")
    assert program_paths(str(venv / "bin" / "python")) == (str(venv), str(base))


def test_a_lone_program_needs_its_folder_only(tmp_path: Path) -> None:
    """Nothing above it is shown: that may be a home."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tool").touch()
    assert program_paths(str(tmp_path / "bin" / "tool")) == (str(tmp_path / "bin"),)
