"""The programs and commands of the pages for people are run, and print what the pages show."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pictures import PICTURES, SESSIONS
from tests.support.served import Served

DOCS = Path(__file__).resolve().parents[2] / "gateway" / "docs"
_BOTH = re.MULTILINE | re.DOTALL
_SHOWN = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", _BOTH)


def programs(*pages: str) -> list[object]:
    """Each Python block of the pages, with the output that follows it, empty if none does."""
    return [
        pytest.param(*found, id=f"{page}-{number}")
        for page in pages
        for number, found in enumerate(_SHOWN.findall((DOCS / f"{page}.md").read_text("utf-8")), 1)
    ]


@pytest.fixture
def environment(served: Served) -> dict[str, str]:
    """That of a person who has set the two variables that say where the gateway is."""
    return {**os.environ, "NARTHEX_SERVER": served.url, "NARTHEX_TOKEN": served.token}


@pytest.mark.timeout(300)  # the first statement of Spark starts its driver
@pytest.mark.parametrize(("program", "shown"), programs("client", "examples", "tutorial"))
def test_the_programs(
    program: str, shown: str, environment: dict[str, str], tmp_path: Path
) -> None:
    """Each prints what stands below it."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        cwd=tmp_path,
        env=environment,
    )
    assert done.stdout == shown, done.stderr


def test_the_commands_of_the_tutorial(environment: dict[str, str], tmp_path: Path) -> None:
    """Typed one after the other they print what the page shows."""
    shown = re.findall(r"^```console\n(.*?)^```", (DOCS / "tutorial.md").read_text("utf-8"), _BOTH)
    assert len(shown) == 2
    path = f"{Path(sys.executable).parent}:{environment['PATH']}"
    for session in shown:
        lines = session.splitlines()
        typed = "\n".join(line.removeprefix("$ ") for line in lines if line.startswith("$ "))
        done = subprocess.run(
            ["bash", "-c", typed],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
            cwd=tmp_path,
            env={**environment, "PATH": path},
        )
        printed = [line for line in lines if not line.startswith("$ ")]
        assert done.stdout.splitlines() == printed, done.stderr


@pytest.mark.parametrize("name", SESSIONS)
def test_the_pictures_show_the_sessions(name: str) -> None:
    """Each is of the commands that are run for it, and loads nothing from elsewhere."""
    drawn = html.unescape((PICTURES / f"{name}.svg").read_text("utf-8")).replace("\xa0", " ")
    assert [command for command in SESSIONS[name] if command not in drawn] == []
    assert re.findall(r"https?://[^\s\"]+", drawn) == ["http://www.w3.org/2000/svg"]


def test_the_jobs_are_short() -> None:
    """Each of the five usual jobs takes at most four lines besides the import and the client."""
    text = (DOCS / "examples.md").read_text("utf-8").partition("## More")[0]
    jobs = [program for program, _ in _SHOWN.findall(text)]
    lines = [
        [
            line
            for line in job.splitlines()
            if line and line not in {"import narthex", "client = narthex.Client()"}
        ]
        for job in jobs
    ]
    assert len(jobs) == 5
    assert max(map(len, lines)) <= 4
