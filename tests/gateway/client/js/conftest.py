"""Node.js and a websocket class for it. Without them these tests are skipped, but never in CI."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.absent import missing
from tests.support.gateway import Gateway
from tests.support.served import Served

HERE = Path(__file__).parent
WS = "ws@8.18.3"


@dataclass(frozen=True, slots=True)
class Node:
    """Node.js; ``ws`` is the module that has a WebSocket, empty for the one that is built in."""

    program: str
    ws: str

    def run(self, script: str, seconds: float = 90, **words: object) -> list[Any]:
        """What a program of this folder prints, a JSON value in each line.

        It is told ``words``, and which module has a WebSocket.
        """
        return self.said(self.command(HERE / script, **words), seconds)

    def command(self, script: Path, **words: object) -> list[str]:
        """The command that runs a program, which is told words."""
        return [self.program, str(script), json.dumps({"ws": self.ws, **words})]

    def said(self, command: Sequence[str], seconds: float) -> list[Any]:
        """What a program that must end well prints, a JSON value in each line."""
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
        assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return [json.loads(line) for line in done.stdout.split("\n") if line]

    def follow(
        self, served: Served, task: str, seconds: float = 90, **words: object
    ) -> list[dict[str, Any]]:
        """Everything that a following of a task is told."""
        known = {"url": served.url, "token": served.token, "task": task}
        return self.run("follow.mjs", seconds, **{**known, **words})


@pytest.fixture
def served(gateway: Gateway) -> Served:
    """The gateway that all tests share which do not hurt it."""
    return gateway.served


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    """Node.js 20 or newer, with a websocket class from the npm registry if it has none."""
    program = shutil.which("node")
    if program is None:
        missing("node is not installed")
    reported = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    major = int(reported.stdout.strip().removeprefix("v").partition(".")[0])
    if major < 20:
        missing(f"node {major} is older than 20")
    if major >= 22:
        return Node(program, "")
    folder = tmp_path_factory.mktemp("npm")
    npm = shutil.which("npm")
    if npm is None:
        missing("node has no WebSocket and there is no npm to install one")
    (folder / "package.json").write_text("{}")
    words = ["install", "--no-audit", "--no-fund", "--ignore-scripts", WS]
    try:
        done = subprocess.run(
            [npm, *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False
        )
    except subprocess.TimeoutExpired:
        missing("the npm registry does not answer")
    if done.returncode:
        missing(f"ws cannot be installed: {done.stderr.strip()[-300:]}")
    return Node(program, str(folder / "node_modules" / "ws" / "wrapper.mjs"))
