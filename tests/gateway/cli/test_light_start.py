"""What a command that asks one question does not load: loading is most of what it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateway.cli.command import clean_environment
from tests.support.served import serving

HEAVY = {
    "asyncio",
    "gateway.client.aio",
    "gateway.config",
    "gateway.stores.directory",
    "jwt",
    "msgspec",
    "redis",
    "rich",
    "sanic",
    "websockets",
}
PROGRAM = """
import sys
from gateway.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    print("loaded", *(name for name, one in sys.modules.items() if one), file=sys.stderr)
    sys.exit(ended.code)
"""


def loaded(*words: str | Path) -> set[str]:
    """The modules that are loaded when a command has ended."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=clean_environment(),
    )
    return set(done.stderr.splitlines()[-1].split()[1:])


def test_ps_loads_little(tmp_path: Path) -> None:
    """Neither what serves, nor what draws, nor the other half of the client."""
    with serving(tmp_path / "data") as served:
        found = loaded("ps", "--data-dir", served.data)
    assert "gateway.client.sync" in found
    assert found & HEAVY == set()


@pytest.mark.parametrize("words", [["--help"], ["completion", "bash"]])
def test_help_and_completion_load_no_client(words: list[str]) -> None:
    """They ask no gateway anything."""
    assert loaded(*words) & (HEAVY | {"gateway.client.sync", "httpx"}) == set()
