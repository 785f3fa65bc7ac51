"""Building the native shim: from all sources, never stale, and never in the way."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from engines.contract import EngineError
from engines.launcher import Zygote
from engines.shim.native import build
from tests.support.native import native_program


def test_what_is_built_is_found_and_knows_its_sources() -> None:
    """The program says of which sources it is, and its name does."""
    path = native_program()
    assert build.find() == path
    said = subprocess.run([path, "--build"], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == build.digest()
    assert path.name.endswith(build.digest())


def test_a_stale_or_broken_one_is_none(tmp_path: Path) -> None:
    """A program of other sources, or one that does not run here, is as good as not built."""
    path = build.program(tmp_path)
    assert build.find(tmp_path) is None
    for text in ("#!/bin/sh\necho other\n", "no program"):
        path.write_text(text)
        path.chmod(0o700)
        assert build.find(tmp_path) is None


def test_without_a_compiler_the_error_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left behind, and nothing but the known error comes."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert build.compiler() == []
    with pytest.raises(build.BuildError, match="no C compiler"):
        build.build(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_compile_is_an_error(tmp_path: Path) -> None:
    """What the compiler said is in the error; no half of a program is left."""
    native_program()
    wrong = tmp_path / "wrong.c"
    wrong.write_text("int main(void) { return nothing; }\n")
    with pytest.raises(build.BuildError, match="nothing"):
        build.build(tmp_path / "out", sources=[wrong])
    assert list((tmp_path / "out").iterdir()) == []


async def test_without_it_auto_is_python_and_native_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who leaves the choice gets what is there; who insists is told."""
    monkeypatch.setattr(build.find, "__defaults__", (tmp_path,))
    async with Zygote(shim="auto") as zygote:
        assert "python" in Path(f"/proc/{zygote.pid}/exe").readlink().name
    with pytest.raises(EngineError, match="was not built"):
        await Zygote(shim="native").start()


async def test_auto_is_the_native_one_where_there_is_one() -> None:
    """The process that starts runs is then the program that was built."""
    path = native_program()
    async with Zygote(shim="auto") as zygote:
        assert Path(f"/proc/{zygote.pid}/exe").readlink() == path
    async with Zygote(shim="python") as zygote:
        assert Path(f"/proc/{zygote.pid}/exe").readlink() != path
