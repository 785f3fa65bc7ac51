"""The tests of the engines' machinery, on a whole native shim built with sanitizers.

What the parts are compared by never makes a process or a mount; this does: the zygote, the start,
the supervisor, the kill, the control groups and the sandbox. In long runs only.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engines.shim.native import build
from tests.support.absent import missing
from tests.support.sanitized import WANTED

ROOT = Path(__file__).parents[4]
MODULES = {
    "shim/test_main": "native",
    "shim/test_kill": "native",
    # One that hops from process to process is not always caught by a shim that is so slow.
    "shim/test_run_control": "native and not (suspended and hopper)",
    "shim/test_orphans": "native",
    "shim/test_limit_groups": "native",
    "shim/test_sandbox": "native",
    "shim/native/test_whole": "native",
    # The last one counts memory, of which sanitizers need their own.
    "test_launcher": "native and not its_own",
}
"""Which tests of which modules."""
SECONDS = 900


@pytest.mark.storm
@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_reported_of(module: str, tmp_path: Path) -> None:
    """All that is promised of runs holds, and no memory is misused on the way."""
    if not build.compiler():
        missing("there is no C compiler")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"),
            *(
                "-m",
                "storm or not storm",
                "-k",
                MODULES[module],
                f"--basetemp={tmp_path / 'inner'}",
            ),
            f"tests/engines/{module}.py",
        ],
        cwd=ROOT,
        env={**os.environ, WANTED: "1"},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=SECONDS,
        check=False,
    )
    print(module, *done.stdout.splitlines()[-1:])  # noqa: T201 - the figures of a long test
    assert done.returncode == 0, done.stdout[-8000:]
    assert " passed" in done.stdout.splitlines()[-1]
