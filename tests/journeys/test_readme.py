"""What the README tells people to type does what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.entrance import Caller, shell
from tests.support.served import Served

ROOT = Path(__file__).resolve().parents[2]


def blocks(language: str) -> list[str]:
    """The code blocks of the README in one language, in order."""
    text = (ROOT / "README.md").read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def said(*script: str, **variables: str) -> str:
    """What a program prints that finds the modules where this test does."""
    return subprocess.run(
        script,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
    ).stdout


def test_the_calls_with_curl(served: Served, caller: Caller) -> None:
    """Every call of the curl block succeeds, and the last one kills the task."""
    script = next(block for block in blocks("sh") if "entrance/execute" in block)
    narthex = f"{sys.executable} -m gateway.cli"
    script = script.replace("http://127.0.0.1:9001", served.url)
    script = script.replace(".venv/bin/narthex", narthex).replace(
        "--user admin", f"--user admin --data-dir {served.data}"
    )
    number = int(caller.call("POST", "execute", json=shell("true"))["taskID"]) + 1
    printed = said("bash", "-c", script)
    assert printed.count('"status":0') == 5, printed
    assert '"text":"hello"' in printed
    assert caller.finished(str(number)) == "Cancelled"


@pytest.mark.parametrize(
    ("words", "printed"),
    [("websockets.sync", "1 out hello\n"), ("gateway.client", "1 out 1\n2 out 2\n3 out 3\n")],
)
def test_the_programs(served: Served, words: str, printed: str) -> None:
    """Each program, over a bare websocket and with our client, prints the lines of its run."""
    program = next(block for block in blocks("python") if words in block)
    program = program.replace("127.0.0.1:9001", served.url.removeprefix("http://"))
    assert said(sys.executable, "-c", program, NARTHEX_TOKEN=served.token) == printed


def test_the_commands() -> None:
    """Every command that the README names is one."""
    text = (ROOT / "README.md").read_text("utf-8")
    named = set(re.findall(r"(?:\.venv/bin/|`)narthex ([a-z-]+)", text))
    known = said(sys.executable, "-m", "gateway.cli", "--help")
    assert named
    assert {name for name in named if f"  {name} " not in known} == set()
