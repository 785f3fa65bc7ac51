"""What the shell and the scripted engine take, refuse and start."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.contract import EngineError, Launch, RunSpec
from engines.scripted import ScriptedEngine
from engines.shell import ShellEngine
from engines.suite import read_lines
from tests.engines.conftest import Runs


def spec(directory: Path, language: str, code: str) -> RunSpec:
    """A run in a directory."""
    return RunSpec("id", language, code, directory, directory / "work", {"A": "b"})


def test_bash_scripts_run_from_a_file(tmp_path: Path) -> None:
    """The code is written as it is, outside of the working directory and for the owner only."""
    code = "echo 'h\u00e4'\r\n"
    launch = ShellEngine().prepare(spec(tmp_path, "shell", code))
    program, script = launch.argv
    assert program.endswith("/bash")
    assert Path(script).read_bytes() == code.encode()
    assert Path(script).parent == tmp_path
    assert (launch.directory, launch.environment) == (tmp_path / "work", {"A": "b"})


def test_code_is_not_in_the_list_of_processes(tmp_path: Path) -> None:
    """Row D12: sh reads its code from a file that only its owner may read, of any length."""
    code = "exit 1 # " + "x" * 200_000
    program, script = ShellEngine().prepare(spec(tmp_path, "sh", code)).argv
    assert program.endswith("/sh")
    assert Path(script).read_text() == code
    assert Path(script).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("language", "code", "message"),
    [
        ("bash", "a\0b", "NUL"),
        ("sh", "a\0b", "NUL"),
        ("python", "", "'python'"),
    ],
)
def test_the_shell_refuses_with_a_sentence(
    tmp_path: Path, language: str, code: str, message: str
) -> None:
    """What cannot be run says why."""
    with pytest.raises(EngineError, match=message):
        ShellEngine().prepare(spec(tmp_path, language, code))


def test_a_missing_shell_is_not_well() -> None:
    """The programs come from the settings, and a missing one is named."""
    health = ShellEngine({"bash": "no-such-bash"}).probe()
    assert not health.available
    assert "no-such-bash" in health.detail


@pytest.mark.parametrize(
    "line",
    [
        *("dance", "sleep", "sleep -1", "sleep inf", "exit 256", "exit x", "ignore FOO"),
        *("bytes xyz", "lines", "lines 1 2 3 4", "lines 5 0 nowhere", "fill -1", "fork long"),
    ],
)
def test_a_scripted_line_that_is_no_command_is_named(tmp_path: Path, line: str) -> None:
    """The error names the line."""
    with pytest.raises(EngineError, match="line 3: "):
        ScriptedEngine().prepare(spec(tmp_path, "scripted", f"# comment\n\n{line}\nprint x"))


async def scripted(runs: Runs, code: str) -> tuple[list[tuple[int, bytes]], int | None, int | None]:
    """The lines, exit code and signal of a script."""
    run = runs.new()
    launch = ScriptedEngine().prepare(
        RunSpec(run.run_id, "scripted", code, Path(run.path), runs.directory / "work")
    )
    assert isinstance(launch, Launch)
    await runs.zygote.launch(run, launch, "")
    ending = await runs.end(run)
    return read_lines(run), ending.exit_code, ending.signal


async def test_scripted_prints_what_it_is_told(runs: Runs) -> None:
    """Text, errors, parts of lines, bytes and long lines come as written."""
    code = "print a b\nerror  c\npartial d\nbytes ff0a\nfill 3\nexit 9"
    lines, exit_code, _ = await scripted(runs, code)
    assert [text for stream, text in lines if stream == 1] == [b"a b", b"d\xff", b"xxx"]
    assert [text for stream, text in lines if stream == 2] == [b" c"]
    assert exit_code == 9


async def test_scripted_counts_lines_at_a_rate(runs: Runs) -> None:
    """Series go to the stream that is named, as fast as they may."""
    lines, exit_code, _ = await scripted(runs, "lines 4 100 both\nlines 2 0 err\nlines 5000")
    out = [text for stream, text in lines if stream == 1]
    err = [text for stream, text in lines if stream == 2]
    assert err == [b"line 2", b"line 4", b"line 1", b"line 2"]
    assert out == [b"line 1", b"line 3", *(b"line %d" % n for n in range(1, 5001))]
    assert exit_code == 0


async def test_scripted_ends_by_a_signal(runs: Runs) -> None:
    """It can ignore one signal and end by another."""
    _, exit_code, number = await scripted(runs, "ignore TERM\nkill TERM\nsleep 0\nkill USR1")
    assert (exit_code, number) == (None, 10)
