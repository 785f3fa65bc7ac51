"""``narthex run`` on a gateway that serves: what reaches a pipe, a terminal and a program."""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.cli.command import NARTHEX, clean_environment, narthex
from tests.gateway.cli.terminal import on_terminal
from tests.support.served import Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway of this module."""
    with serving(tmp_path_factory.mktemp("served") / "data") as gateway:
        yield gateway


@pytest.fixture
def server(served: Served) -> dict[str, str]:
    """An environment that names it."""
    return {"NARTHEX_SERVER": served.url, "NARTHEX_TOKEN": served.token}


def test_a_signal(server: dict[str, str], tmp_path: Path) -> None:
    """A run that a signal ended exits as a shell says it; the code may come from a file."""
    script = tmp_path / "script.sh"
    script.write_text("echo before; kill -9 $$\n")
    assert narthex("run", "--file", script, code=137, more=server).stdout == "before\n"


def test_json(server: dict[str, str]) -> None:
    """For programs everything is one JSON object a line, the end last."""
    done = narthex("run", "--json", "echo one; echo two", more=server)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert records[0].keys() == {"type", "exec_id", "number"}
    lines = [(r["line"], r["text"]) for r in records if r["type"] == "line"]
    assert lines == [(1, "one"), (2, "two")]
    end = {"type": "end", "state": "succeeded", "exit_code": 0, "signal": None, "last_line": 2}
    assert records[-1] == end


def test_exact_bytes(server: dict[str, str]) -> None:
    """A pipe gets the bytes as they are, but for colours unless they are asked for."""
    for words, expected in (
        ([], b"\xff\r\n"),
        (["--color", "always"], b"\x1b[31m\xff\r\n"),
        (["--raw"], b"\x1b[31m\xff\r\n"),
    ):
        done = subprocess.run(
            [*NARTHEX, "run", *words, r"printf '\033[31m\377\r\n'"],
            capture_output=True,
            check=True,
            timeout=60,
            env=clean_environment(**server),
        )
        assert done.stdout == expected


def test_a_refused_engine(server: dict[str, str]) -> None:
    """An engine that is not there is one line and exit code 1."""
    done = narthex("run", "--engine", "nonsense", "x", code=1, more=server)
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1


def test_the_terminal_is_not_commanded(server: dict[str, str]) -> None:
    """What a task prints does not reach the terminal as a command; --raw lets it."""
    code = r"printf '\033]0;owned\007text\n'"
    with on_terminal("run", code, **server) as seat:
        assert seat.leave() == 0
    assert b"^[]0;owned^Gtext" in seat.shown
    assert b"\x1b]0;owned" not in seat.shown
    assert b"succeeded" in seat.shown
    with on_terminal("run", "--raw", code, **server) as seat:
        assert seat.leave() == 0
    assert b"\x1b]0;owned\x07text" in seat.shown


def test_no_colour(server: dict[str, str]) -> None:
    """NO_COLOR is respected."""
    with on_terminal("run", "echo x", NO_COLOR="1", **server) as seat:
        assert seat.leave() == 0
    assert b"\x1b[3" not in seat.shown


def test_a_reader_that_leaves(server: dict[str, str]) -> None:
    """When nobody reads the output any more the run is killed, quietly."""
    mark = f"6{os.getpid()}.7"
    code = f"while echo line; do sleep 0.01; done; : {mark}"
    with subprocess.Popen(
        [*NARTHEX, "run", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(**server),
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(40) == 141


def test_an_output_that_takes_nothing(server: dict[str, str]) -> None:
    """A full disk behind the output is said in one line; a closed one is nobody's concern."""
    with Path("/dev/full").open("wb") as full:
        for words in (["run", "echo x"], ["ps"]):
            done = subprocess.run(
                [*NARTHEX, *words],
                stdout=full,
                stderr=subprocess.PIPE,
                timeout=60,
                check=False,
                env=clean_environment(**server),
            )
            assert done.returncode == 1
            assert done.stderr.startswith(b"Error: ")
            assert done.stderr.count(b"\n") == 1
    for words in (["run", "echo x; exit 3"], ["ps"]):
        command = shlex.join([*NARTHEX, *words])
        done = subprocess.run(
            ["sh", "-c", f"exec {command} >&- 2>&- <&-"],
            timeout=60,
            check=False,
            env=clean_environment(**server),
        )
        assert done.returncode == (3 if words[0] == "run" else 0)
