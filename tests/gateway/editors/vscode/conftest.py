"""The extension as its modules are compiled, used in Node.js without an editor."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.client.js.conftest import Node, node
from tests.support.vscode_extension import compiled

__all__ = ["Extension", "extension", "node"]

HERE = Path(__file__).parent
_PIPE = subprocess.PIPE


@dataclass(frozen=True, slots=True)
class Extension:
    """The compiled modules, and the Node.js that runs them."""

    node: Node
    out: Path

    def command(self, script: str, **words: object) -> list[str]:
        """The command that runs a program of this folder."""
        return self.node.command(HERE / script, out=str(self.out), **words)

    def run(self, script: str, seconds: float = 60, **words: object) -> list[Any]:
        """What a program says, a JSON value in each line."""
        return self.node.said(self.command(script, **words), seconds)

    @contextmanager
    def running(self, script: str, **words: object) -> Iterator[subprocess.Popen[str]]:
        """A program that goes on; it is killed at the end of the block if it still does."""
        with subprocess.Popen(
            self.command(script, **words), stdin=_PIPE, stdout=_PIPE, stderr=_PIPE, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def call(self, *calls: tuple[str, str, list[Any]]) -> list[Any]:
        """What functions return: each a module, a name and arguments; refusals as ``error``."""
        (said,) = self.run("call.mjs", calls=calls)
        assert isinstance(said, list)
        return said


@pytest.fixture(scope="session")
def extension(
    node: Node, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Extension:
    """The modules of the extension, compiled once; the compiler's strict rules hold."""
    out = tmp_path_factory.mktemp("extension")
    return Extension(node, compiled(node.program, pytestconfig, out))
