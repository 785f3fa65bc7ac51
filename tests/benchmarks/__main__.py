"""Runs the scenarios named on the command line, or all, and prints their table.

``python -m tests.benchmarks [--quick] [SCENARIO ...]`` starts a gateway of its own for each in a
temporary folder. Each scenario is measured at its full size and at a tenth of it; ``--quick``
leaves the full size out. The peer is measured in the same run, since a figure alone says more
about the machine than about us.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.figures import Figure, table
from tests.support.served import serving

SCENARIOS = (
    "start",
    "rate",
    "throughput",
    "latency",
    "slow_reader",
    "readers",
    "polling",
    "page",
    "sockets",
    "sessions",
    "reconnect",
    "queue",
    "crowd",
    "python",
    "spark",
    "recovery",
    "command_line",
    "isolation",
    "shims",
)
_TENTH = 0.1
_ROOMY = {
    "NARTHEX_LIMITS_MESSAGES_PER_SECOND": "100000",
    "NARTHEX_LIMITS_MESSAGE_BURST": "100000",
    "NARTHEX_LIMITS_WAITS_PER_USER": "1000",
}


def measure(name: str, share: float, folder: Path) -> list[Figure]:
    """The figures of a scenario at a share of its size, in a gateway of its own.

    What it leaves in the folder stays there: some file systems are slow in making files for minutes
    after many were removed, which would be told of the next scenario.
    """
    scenario = importlib.import_module(f"tests.benchmarks.{name}")
    more = {**_ROOMY, **getattr(scenario, "ENVIRONMENT", {})}
    data = Path(tempfile.mkdtemp(prefix="nx-", dir=folder)) / "data"
    with serving(data, **more) as gateway:
        found = scenario.measure(gateway, share)
    return list(found)


def both(name: str, folder: Path, *, quick: bool) -> list[Figure]:
    """The figures of a scenario, with those at a tenth of its size beside them."""
    small = measure(name, _TENTH, folder)
    if quick:
        return small
    large = measure(name, 1.0, folder)
    return [replace(one, tenth=other.value) for one, other in zip(large, small, strict=True)]


def main(words: Sequence[str]) -> int:
    """Measures and prints; 1 if a scenario could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--quick", action="store_true", help="a tenth of each size only")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    options = parser.parse_args(words)
    unknown = sorted(set(options.scenarios) - set(SCENARIOS))
    if unknown:
        parser.error(f"unknown scenario {unknown[0]}; there are: {', '.join(SCENARIOS)}")
    figures: list[Figure] = []
    failed = []
    with tempfile.TemporaryDirectory(prefix="nx-", ignore_cleanup_errors=True) as folder:
        for name in options.scenarios or SCENARIOS:
            try:
                found = both(name, Path(folder), quick=options.quick)
            except Exception as error:  # noqa: BLE001 - the others are still worth their time
                failed.append(f"{name}: {type(error).__name__}: {error}")
                continue
            figures += found
            sys.stderr.write("".join(f"{figure}\n" for figure in found))
    when = datetime.now(tz=UTC).date().isoformat()
    machine = f"{os.cpu_count()} processors, {platform.machine()}"
    sys.stdout.write(f"{when}, Python {platform.python_version()}, {machine}\n\n")
    sys.stdout.write(f"{table(figures)}\n")
    sys.stderr.write("".join(f"not measured: {line}\n" for line in failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
