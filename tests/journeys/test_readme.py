"""What the README and the pages tell people to type does what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.entrance import Caller, shell
from tests.support.served import Served

ROOT = Path(__file__).resolve().parents[2]


def blocks(language: str, page: str = "README.md") -> list[str]:
    """The code blocks of a page in one language, in order."""
    text = (ROOT / page).read_text("utf-8")
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


def test_the_calls_for_results(served: Served, caller: Caller) -> None:
    """The sets of a task are listed, read and exported by the calls that the page of them shows."""
    (script,) = (one for one in blocks("sh", "gateway/docs/results.md") if "curl" in one)
    exec_id = caller.execute(
        'python3 -c \'import narthex; narthex.table([("ann", 1)], ["who", "n"])\''
    )
    assert caller.finished(exec_id) == "Succeed"
    number = str(caller.call("GET", f"{exec_id}/status")["taskID"])
    url = f"{served.url}/api/rest_j/v1"
    auth = f"Authorization: Bearer {served.token}"
    printed = said("bash", "-ec", script, url=url, auth=auth, id=number)
    assert "_0.dolphin" in printed
    assert '["ann","1"]' in printed
    assert printed.endswith("who,n\nann,1\n")


def test_the_calls_of_the_job_manager(served: Served, tmp_path: Path) -> None:
    """A file goes up, a job counts its lines, and the answer is fetched, as its page shows."""
    (script,) = blocks("sh", "gateway/docs/job_manager.md")
    script = f"cd {tmp_path}\n{script}".replace("http://127.0.0.1:9001", served.url)
    auth = f"Authorization: Bearer {served.token}"
    assert said("bash", "-ec", script, auth=auth) == "10\n"


@pytest.mark.parametrize(
    ("words", "printed"),
    [("websockets.sync", "1 out hello\n"), ("narthex.Client", "1 out 1\n2 out 2\n3 out 3\n")],
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
