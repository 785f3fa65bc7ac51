"""Runs the scenarios named on the command line, or all, and prints their table.

``python -m tests.benchmarks [SCENARIO ...]`` starts a gateway of its own in a temporary folder.
"""

from __future__ import annotations

import importlib
import platform
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.figures import Figure, table
from tests.support.served import serving

SCENARIOS = ("start", "lines", "crowd", "python")


def main(names: Sequence[str]) -> int:
    """Measures each scenario in its own gateway and prints what came of it."""
    unknown = sorted(set(names) - set(SCENARIOS))
    if unknown:
        sys.stderr.write(f"unknown scenario {unknown[0]}; there are: {', '.join(SCENARIOS)}\n")
        return 2
    figures: list[Figure] = []
    for name in names or SCENARIOS:
        scenario = importlib.import_module(f"tests.benchmarks.{name}")
        with tempfile.TemporaryDirectory(prefix="nx-") as folder:
            with serving(Path(folder) / "data") as gateway:
                found = scenario.measure(gateway)
            figures += found
            sys.stderr.write(f"{name}: {len(found)} figures\n")
    when = datetime.now(tz=UTC).date().isoformat()
    sys.stdout.write(f"{when}, Python {platform.python_version()}, {platform.machine()}\n\n")
    sys.stdout.write(f"{table(figures)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
