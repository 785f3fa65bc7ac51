"""Other Pythons than ours: where one is, and what it can import.

An engine's interpreter is a setting. It is asked in a process of its own and is never waited for
without an end.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

__all__ = ["can_import", "located"]

_PROBE_SECONDS = 10.0


def located(wanted: str) -> str:
    """The path that this process finds, so that a run's own PATH does not decide on it.

    An empty name is our own interpreter.
    """
    return shutil.which(wanted or sys.executable) or wanted or sys.executable


def can_import(program: str, modules: tuple[str, ...]) -> bool:
    """Whether an interpreter has these modules; one that does not answer has none."""
    code = f"from importlib.util import find_spec; assert all(map(find_spec, {modules!r}))"
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter is a setting
            [program, "-c", code],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
