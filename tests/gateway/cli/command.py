"""The command line as a user has it: a child process."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["NARTHEX", "clean_environment", "narthex"]

NARTHEX = (sys.executable, "-m", "gateway.cli")


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without what would name another gateway."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("NARTHEX_")}
    return kept | more


def narthex(
    *words: str | Path,
    stdin: str = "",
    code: int | None = 0,
    more: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end, with ``more`` environment, and insists on its exit code."""
    done = subprocess.run(
        [*NARTHEX, *map(str, words)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=clean_environment(**(more or {})),
    )
    assert code is None or done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done
