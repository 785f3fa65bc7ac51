"""What commands of the command line take, beside a Python that does nothing."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time

from tests.benchmarks.figures import Figure, less, median
from tests.support.served import NARTHEX as PROGRAM
from tests.support.served import Served

ROUNDS = 20


def taken(*words: str) -> tuple[float, float]:
    """The milliseconds of processor time and of the clock that a command takes to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    kept = {name: one for name, one in os.environ.items() if not name.startswith("NARTHEX_")}
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True, timeout=120, env=kept)
    clock = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used * 1000, clock * 1000


def measure(gateway: Served, share: float) -> list[Figure]:
    """``ps``, ``run`` on the gateway that is served, and help, in turns with the bare Python."""
    folder = ("--data-dir", str(gateway.data))
    commands = {
        "bare": (sys.executable, "-c", "pass"),
        "help": (*PROGRAM, "--help"),
        "ps": (*PROGRAM, "ps", *folder),
        "run": (*PROGRAM, "run", "echo hi", *folder),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(max(3, int(ROUNDS * share))):
        for name, words in commands.items():
            found[name].append(taken(*words))
    used = {name: median([one[0] for one in each]) for name, each in found.items()}
    clock = {name: median([one[1] for one in each]) for name, each in found.items()}
    return [
        less("command_line: help, processor", used["help"], "ms", ("a bare Python", used["bare"])),
        less("command_line: ps, processor", used["ps"], "ms", ("the goal", 350), 1),
        less("command_line: ps, processor", used["ps"], "ms", ("a bare Python", used["bare"])),
        less("command_line: run 'echo hi', in all", clock["run"], "ms", ("the goal", 500), 1),
    ]
