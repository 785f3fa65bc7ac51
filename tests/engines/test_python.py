"""What the Python engine makes of a spec, and what it says of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.contract import EngineError, RunSpec, SessionEngine
from engines.python import PythonEngine


def spec(folder: Path, language: str = "python", code: str = "1", **parameters: object) -> RunSpec:
    """Code that is to be run in a folder."""
    return RunSpec("id", language, code, folder, folder, parameters=parameters)


@pytest.fixture
def bare(tmp_path: Path) -> str:
    """A Python without ipykernel."""
    program = tmp_path / "bare-python"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o700)
    return str(program)


def test_sessions_are_told_apart_by_name(tmp_path: Path) -> None:
    """The same name means the same session in both spellings of the language; none means none."""
    engine = PythonEngine({"interpreter": ""})
    assert isinstance(engine, SessionEngine)
    nameless = engine.session(spec(tmp_path))
    assert nameless is not None
    assert engine.session(spec(tmp_path, "py")) == nameless
    blue = engine.session(spec(tmp_path, session="blue"))
    assert blue is not None
    assert blue.key != nameless.key
    assert engine.session(spec(tmp_path, session="none")) is None


@pytest.mark.parametrize("name", [1, "x" * 101])
def test_a_wrong_name_is_refused(tmp_path: Path, name: object) -> None:
    """A session's name is a short text."""
    with pytest.raises(EngineError, match="name of a session"):
        PythonEngine().session(spec(tmp_path, session=name))


def test_a_nul_is_refused(tmp_path: Path) -> None:
    """Code with a NUL character is refused before anything is made for it."""
    with pytest.raises(EngineError, match="NUL"):
        PythonEngine().session(spec(tmp_path, code="\0"))
    with pytest.raises(EngineError, match="NUL"):
        PythonEngine().prepare(spec(tmp_path, code="\0"))


def test_without_a_kernel_there_are_scripts(tmp_path: Path, bare: str) -> None:
    """Without ipykernel a statement is told what to install, and a script is prepared."""
    engine = PythonEngine({"interpreter": bare})
    health = engine.probe()
    assert health.available
    assert "no sessions: ipykernel is missing" in health.detail
    with pytest.raises(EngineError, match=r"install it for .*session set to none"):
        engine.session(spec(tmp_path))
    assert engine.session(spec(tmp_path, session="none")) is None
    assert engine.prepare(spec(tmp_path)).argv == (bare, "-u", str(tmp_path / "script.py"))


def test_without_an_interpreter_it_is_absent() -> None:
    """An interpreter that is not there makes the engine unavailable, by its name."""
    health = PythonEngine({"interpreter": "/no/such/python"}).probe()
    assert not health.available
    assert health.detail == "not found: /no/such/python"
