"""The program itself: its help, its errors in one line, its exit codes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from engines.isolation import missing_for_sandbox
from gateway.version import __version__
from tests.faults.redis_server import own_redis
from tests.gateway.cli.command import NARTHEX, clean_environment, narthex
from tests.support.native import native_program

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


def test_without_words_there_is_help() -> None:
    """The bare program shows its help as help."""
    assert narthex().stdout == narthex("--help").stdout


def test_a_typo_is_answered_with_the_nearest_command() -> None:
    """A word that is no command names the one that is almost it."""
    said = narthex("sumbit", "x", code=2).stderr
    assert said.endswith("\nError: No such command 'sumbit'. Did you mean 'submit'?\n")
    assert "Did you mean" not in narthex("qqqqqq", code=2).stderr
    assert "Try 'narthex --help'" in said
    assert "Did you mean 'list'?" in narthex("queue", "lits", code=2).stderr
    assert "Did you mean '--timestamps'?" in narthex("logs", "1", "--timestamp", "1", code=2).stderr


def test_version() -> None:
    """The version is the package's."""
    assert __version__ in narthex("--version").stdout


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["run"],
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
    """A command line that makes no sense ends with 2, the usage and one line of what it is."""
    done = narthex(*words, code=2, more={"XDG_DATA_HOME": str(tmp_path)})
    *before, last = done.stderr.splitlines()
    assert last.startswith("Error: ")
    assert before[0].startswith("Usage: narthex ")
    assert before[1].startswith("Try 'narthex ")
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
        (["token", "--user", "nobody"], "there is no data folder"),
    ],
)
def test_failures(words: list[str], said: str, tmp_path: Path) -> None:
    """What cannot be done ends with 1 and one line that says why; with 69 if nobody serves."""
    done = narthex(*words, code=None, more={"XDG_DATA_HOME": str(tmp_path)})
    assert done.returncode in ((69,) if "no gateway" in said else (1, 2))
    *before, last = done.stderr.splitlines()
    assert said in last
    assert bool(before) is (done.returncode == 2)


@pytest.mark.parametrize("words", [["ps"], ["run", "x"], ["logs", "1"], ["results", "1"]])
def test_a_gateway_that_is_down(words: list[str]) -> None:
    """It is one line with the address and what to do, and no waiting."""
    done = narthex(*words, "--server", "http://127.0.0.1:1", "--token", "t", code=69)
    assert done.stderr == (
        "Error: no connection to http://127.0.0.1:1: connection refused; is the gateway running? "
        "Start one with 'narthex serve', or name one with --server\n"
    )


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


def test_check_config_says_what_it_checked(tmp_path: Path) -> None:
    """Settings from the environment count, and are named; variables that are none are not."""
    more = {"NARTHEX_SERVER_PORT": "9100", "NARTHEX_TOKEN": "x"}
    said = narthex("check-config", "--data-dir", tmp_path, more=more).stdout.splitlines()
    assert said[0] == "the shipped defaults, with NARTHEX_SERVER_PORT: valid"
    assert said[1].startswith(("shim of tasks: native: it is at ", "shim of tasks: python: "))
    found = json.loads(narthex("check-config", "--json", "--data-dir", tmp_path, more=more).stdout)
    assert found["environment"] == ["NARTHEX_SERVER_PORT"]
    assert f"shim of tasks: {found['shim']}" == said[1]
    wrong = narthex(
        "check-config", "--data-dir", tmp_path, code=1, more={"NARTHEX_SERVER_PORT": "x"}
    )
    assert "NARTHEX_SERVER_PORT" in wrong.stderr


def test_doctor_does_not_speak_of_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """It says where the folder can be made, or that it cannot, and makes none."""
    folder = tmp_path / "not" / "there"
    report = json.loads(narthex("doctor", "--json", "--data-dir", folder, code=None).stdout)
    findings = {finding["name"]: finding for finding in report["findings"]}
    assert findings["data folder"]["verdict"] == "ok"
    assert findings["data folder"]["detail"] == (
        f"{folder} is not there yet; it can be made in {tmp_path}, which is local"
    )
    assert findings["disk space"]["detail"].endswith(f"free in {tmp_path}")
    assert list(tmp_path.iterdir()) == []
    report = json.loads(narthex("doctor", "--json", "--data-dir", "/proc/x", code=1).stdout)
    findings = {finding["name"]: finding for finding in report["findings"]}
    assert findings["data folder"]["verdict"] == "missing"
    assert findings["data folder"]["detail"].startswith("/proc/x is not there and cannot be made")


def test_doctor_asks_the_server_that_is_named(tmp_path: Path) -> None:
    """A redis.url at which nothing answers is missing; one that answers is well."""
    url = f"unix://{tmp_path}/nothing"
    nothing = narthex(
        "doctor", "--data-dir", tmp_path / "d", code=1, more={"NARTHEX_REDIS_URL": url}
    )
    assert "the server named by redis.url does not answer" in nothing.stdout
    with own_redis(tmp_path / "redis") as server:
        more = {"NARTHEX_REDIS_URL": server.url}
        report = narthex("doctor", "--json", "--data-dir", tmp_path / "d", code=None, more=more)
        findings = {one["name"]: one for one in json.loads(report.stdout)["findings"]}
        assert findings["redis"]["verdict"] == "ok"
        assert "NARTHEX_REDIS_URL" in findings["config"]["detail"]


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


@pytest.mark.parametrize(("trusted", "verdict"), [("false", "missing"), ("true", "weak")])
def test_doctor_says_whether_a_sandbox_is_needed(
    tmp_path: Path, trusted: str, verdict: str
) -> None:
    """By the settings as a whole: others reach the gateway, and are trusted or not."""
    native_program()
    more = {
        "NARTHEX_SERVER_HOST": "0.0.0.0",  # noqa: S104 - nobody listens there
        "NARTHEX_SERVER_ACKNOWLEDGE_TRUSTED_USERS": trusted,
        "NARTHEX_RUNNER_SHIM": "auto",
        "NARTHEX_RUNNER_ISOLATION": "auto",
    }
    report = narthex("doctor", "--json", "--data-dir", tmp_path / "d", code=None, more=more).stdout
    findings = {finding["name"]: finding for finding in json.loads(report)["findings"]}
    possible = not missing_for_sandbox()
    assert findings["sandbox"]["verdict"] == ("ok" if possible else verdict)
    assert ("are kept apart" in findings["sandbox"]["detail"]) == (possible and trusted == "false")
    assert findings["shim"]["detail"].startswith("native:")
    if possible:
        assert "made by the native shim" in findings["sandbox"]["detail"]


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
    assert "redis.server: /nowhere/redis-server is no server program" in missing[0]
    # Verdict, name and detail are columns that never touch.
    assert all(re.match(r"(ok|weak|missing) +\S+( \S+)?  +\S", line) for line in lines)
