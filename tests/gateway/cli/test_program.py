"""The program itself: its help, its errors in one line, its exit codes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.version import __version__
from tests.gateway.cli.command import NARTHEX, clean_environment, narthex

NAMES = ["run", "submit", "logs", "status", "ps", "kill", "serve", "check-config", "doctor"]


def test_help_names_every_command() -> None:
    """The help lists all commands."""
    listed = narthex("--help").stdout
    assert all(f"  {name} " in listed for name in [*NAMES, "user", "token"])


@pytest.mark.parametrize("name", [*NAMES, "user", "token"])
def test_every_command_can_be_loaded(name: str) -> None:
    """Each name in the table leads to a command with a help of its own."""
    assert narthex(name, "--help").stdout.startswith(f"Usage: narthex {name}")


def test_help_loads_no_heavy_package() -> None:
    """Help and completion stay fast: nothing is imported that they do not need."""
    script = (
        "import sys\nfrom gateway.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'httpx','websockets','rich','sanic','redis','asyncio'} & set(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    assert said.splitlines()[-1] == "[]"


def test_version() -> None:
    """The version is the package's."""
    assert __version__ in narthex("--version").stdout


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["run"],
        ["run", "echo", "--file", "/etc/hostname"],
        ["run", " "],
        ["submit", "--file", "/dev/null"],
        ["logs"],
        ["logs", "1", "--from-line", "0"],
        ["kill"],
        ["serve", "--port", "70000"],
        ["status", "1", "--server", "http://192.0.2.1:1"],
        ["status", "\udcff"],
        ["kill", "1", "\udcff"],
        ["submit", "echo \udcff"],
        ["run", "--engine", "\udcff", "x"],
        ["submit", "--session", "\udcff", "x"],
        ["ps", "--server", "http://\udcff"],
        ["ps", "--token", "\udcff"],
    ],
)
def test_misuse(words: list[str], tmp_path: Path) -> None:
    """A command line that makes no sense ends with 2 and one line."""
    done = narthex(*words, code=2, more={"XDG_DATA_HOME": str(tmp_path)})
    assert done.stderr.startswith("narthex: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["status", "1"], "no gateway is running over"),
        (["status", "1", "--server", "nowhere:x", "--token", "t"], "not the address of a gateway"),
        (["run", "x", "--server", "ftp://x", "--token", "t"], "not the address of a gateway"),
        (["run", "--file", "/nowhere/at/all"], "/nowhere/at/all"),
        (["check-config", "/nowhere/config.toml"], "cannot read /nowhere/config.toml"),
        (["ps", "--server", "http://[::1", "--token", "t"], "not the address of a gateway"),
        (["token", "--user", "nobody"], "there is no user nobody"),
    ],
)
def test_failures(words: list[str], said: str, tmp_path: Path) -> None:
    """What cannot be done ends with 1 and one line that says why."""
    done = narthex(*words, code=None, more={"XDG_DATA_HOME": str(tmp_path)})
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_reader_that_leaves(tmp_path: Path) -> None:
    """A pipe that nobody reads ends the command without a complaint."""
    with subprocess.Popen(
        [*NARTHEX, "doctor", "--data-dir", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(),
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 141


def test_check_config(tmp_path: Path) -> None:
    """A misspelt key is refused by name, in words and in JSON; the defaults are valid."""
    assert "valid" in narthex("check-config", "--data-dir", tmp_path).stdout
    file = tmp_path / "config.toml"
    file.write_text("[server]\nprot = 9001\n")
    done = narthex("check-config", file, code=1)
    assert "server.prot" in done.stderr
    found = json.loads(narthex("check-config", "--json", "--data-dir", tmp_path, code=1).stdout)
    assert found["ok"] is False
    assert "server.prot" in found["error"]


def test_doctor(tmp_path: Path) -> None:
    """The findings name what the gateway stands on, and leave nothing behind."""
    done = narthex("doctor", "--json", "--data-dir", tmp_path / "data", code=None)
    report = json.loads(done.stdout)
    findings = {finding["name"]: finding for finding in report["findings"]}
    assert {"config", "redis", "data folder", "runtime", "cgroups"} <= findings.keys()
    assert findings["redis"]["verdict"] == "ok"
    assert findings["data folder"]["verdict"] == "ok"
    assert done.returncode == (0 if report["ok"] else 1)
    assert list(tmp_path.iterdir()) == []


def test_doctor_names_what_is_missing(tmp_path: Path) -> None:
    """Something essential that is missing is named, and the exit code is 1."""
    (tmp_path / "config.toml").write_text("[engines.nonsense]\nenabled = true\n")
    done = narthex("doctor", "--data-dir", tmp_path, code=1)
    assert any(line.startswith("missing") for line in done.stdout.splitlines())


def test_doctor_without_redis(tmp_path: Path) -> None:
    """A server that the configuration names and that is none is missing, whatever else there is."""
    (tmp_path / "config.toml").write_text("[redis]\nserver = '/nowhere/redis-server'\n")
    done = narthex("doctor", "--data-dir", tmp_path, code=1)
    lines = done.stdout.splitlines()
    missing = [line for line in lines if line.startswith("missing")]
    assert len(missing) == 1
    assert "redis.server: /nowhere/redis-server is no redis-server" in missing[0]
    # Verdict, name and detail are columns that never touch.
    assert all(re.match(r"(ok|weak|missing) +\S+( \S+)?  +\S", line) for line in lines)
