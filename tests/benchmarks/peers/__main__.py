"""The same work done by Narthex and by others, each in an environment of its own, as one table.

``python -m tests.benchmarks.peers [--quick] [--environments FOLDER] [PEER ...]`` measures each peer
right after a Narthex of its own, one at a time. What a peer needs is installed below the folder,
once. What is missing, or cannot be installed, is said and left out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import rate, sessions, start, throughput
from tests.benchmarks.figures import Figure, less, median, more, table
from tests.benchmarks.peers import daemon, kernel_gateway
from tests.benchmarks.peers.environments import PACKAGES, python_of
from tests.benchmarks.turns import in_turns, statement
from tests.journeys.entrance import opened
from tests.support.served import Served, serving

PEERS = ("websocketd", "kernel_gateway", "dask", "ray")
_PROGRAM_SECONDS = 900
_SLOW_ROUNDS = 5
"""Each of Ray's jobs takes seconds."""
_WHAT = {
    "start": ("`echo hi`, asked to first line, p50", "ms"),
    "statement": ("warm `1+1`, p50", "ms"),
    "rate": ("`true`, many in flight", "/s"),
    "lines": ("lines of 100 bytes to one reader", "/s"),
}
Figures = dict[str, float]


async def _statements(gateway: Served, rounds: int) -> float:
    """The median of a warm statement of ours; what it stands beside here is nothing."""

    async def nothing() -> float:
        return 0.0

    async with opened(gateway) as socket:
        return (
            await in_turns(lambda: statement(socket, "python", "python", "1+1"), nothing, rounds, 3)
        )[0]


def narthex(rounds: int, count: int, lines: int) -> Figures:
    """What Narthex takes, with every promise on."""
    with (
        tempfile.TemporaryDirectory(prefix="nx-", ignore_cleanup_errors=True) as folder,
        serving(Path(folder) / "data") as gateway,
    ):
        found = {
            "start": median(asyncio.run(start.rounds(gateway, rounds))[0]),
            "rate": asyncio.run(rate.ours(gateway, count)),
            "lines": asyncio.run(throughput.subscribed(gateway, lines, "lines")),
        }
        if not sessions.absent():
            found["statement"] = asyncio.run(_statements(gateway, rounds))
        return found


def peer(name: str, sizes: tuple[int, int, int], folder: Path) -> Figures:
    """What a peer takes for as much of it as it can do."""
    rounds, count, lines = sizes
    if name == "websocketd":
        if not daemon.program():
            raise FileNotFoundError("websocketd is not installed (Debian: websocketd)")
        return asyncio.run(daemon.figures(rounds, count, lines))
    python = python_of(name, folder)
    if name == "kernel_gateway":
        return asyncio.run(kernel_gateway.figures(python, rounds))
    if name == "ray":
        rounds, count = _SLOW_ROUNDS, max(count // 25, 8)
    script = Path(__file__).with_name(f"{name}_program.py")
    done = subprocess.run(
        [str(python), str(script), str(rounds), str(count)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=_PROGRAM_SECONDS,
        check=True,
        cwd=folder,
    )
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def beside(mine: Figures, name: str, theirs: Figures) -> list[Figure]:
    """Ours beside a peer's, for what both do."""
    found = []
    for what, value in theirs.items():
        if what in mine:
            label, unit = _WHAT[what]
            made = less if unit == "ms" else more
            found.append(made(f"{what}: {label}", mine[what], unit, (name, value)))
    return found


def main(words: Sequence[str]) -> int:
    """Measures and prints; 1 if a peer could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.peers")
    parser.add_argument("--quick", action="store_true", help="a tenth of each size")
    parser.add_argument("--environments", type=Path, metavar="FOLDER", help="where peers are kept")
    parser.add_argument("peers", nargs="*", metavar="PEER", help=", ".join(PEERS))
    options = parser.parse_args(words)
    unknown = sorted(set(options.peers) - set(PEERS))
    if unknown:
        parser.error(f"unknown peer {unknown[0]}; there are: {', '.join(PEERS)}")
    sizes = (20, 100, 100_000) if options.quick else (100, 1000, 1_000_000)
    folder = options.environments or Path(tempfile.gettempdir()) / "narthex-peers"
    folder.mkdir(parents=True, exist_ok=True)
    figures: list[Figure] = []
    failed = []
    for name in options.peers or PEERS:
        try:
            if name in PACKAGES:
                python_of(name, folder)  # nothing is installed while anybody is measured
            found = beside(narthex(*sizes), name, peer(name, sizes, folder))
        except (OSError, subprocess.SubprocessError, TimeoutError) as error:
            failed.append(f"{name}: {error}")
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
