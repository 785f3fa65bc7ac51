"""The storm: runs are submitted and watched while parts of the gateway are killed.

Everything random comes from the seed. A part is killed 20 to 250 ms after it was seen to serve,
and every fourth time 20 to 250 ms after it was seen at all, which hits starts and recoveries.
Only processes below the storm's own gateway are killed, by pid.
"""

from __future__ import annotations

import asyncio
import os
import random
import shlex
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from gateway.data_paths import DataPaths
from tests.faults.chance import chance
from tests.faults.leak_check import holdings
from tests.faults.ledger import Expected, Ledger
from tests.faults.pace import pause
from tests.faults.quiet import settle
from tests.faults.retrying_client import RetryingClient
from tests.faults.storm_watch import glance, searching
from tests.support.served import Served

__all__ = ["PARTS", "Plan", "complaints", "made", "storm"]

PARTS = ("gateway.app", "gateway.runner")
COMPLAINTS = ("Traceback", "never retrieved", "was never awaited", "was destroyed but")

VICTIMS = 11
"""One of so many runs is killed."""

_TICK = 0.02
_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Plan:
    """How hard a storm blows. ``kills`` is the least number of kills; runs go on until then.

    A storm that killed half as many again blows over, and the runs that are left end in peace.
    """

    seed: int
    runs: int
    kills: int
    abreast: int = 6
    seconds: float = 120


def made(dice: random.Random, name: str, folder: Path) -> tuple[Expected, str]:
    """A run of a few lines with one side effect and an exit code, and its script."""
    effect = folder / name
    count = dice.choice((0, 1, 7, 40, 300))
    code = dice.choice((0, 0, 0, 1, 7, 77))
    nap = dice.choice((0, 0, 0.05, 0.4))
    where = dice.randrange(count) if count else 0
    script = (
        f"printf x >> {shlex.quote(str(effect))}\n"
        f"for ((i = 0; i < {count}; i++)); do\n"
        f"  echo {name} line $i\n"
        f"  if ((i == {where} && {int(nap > 0)})); then sleep {nap}; fi\n"
        "done\n"
        f"((!{count})) || echo {name} hides $CANARY\n"
        f"exit {code}\n"
    )
    lines = tuple(f"{name} line {i}" for i in range(count))
    if count:
        lines += (f"{name} hides ******",)
    return Expected(name, lines, code, effect), script


async def storm(gateway: Served, plan: Plan, folder: Path) -> Ledger:
    """Blows once over a gateway; the ledger of it, complete and not yet judged."""
    ledger = Ledger(plan.seed)
    calm = asyncio.Event()
    base = holdings(gateway)
    async with (
        RetryingClient(gateway, ledger, seconds=plan.seconds) as retrying,
        asyncio.timeout(plan.seconds),
    ):
        async with asyncio.TaskGroup() as killers:
            for part in PARTS:
                dice = chance(plan.seed, part)
                killers.create_task(kill(gateway, part, ledger, dice, calm, plan.kills))
            killers.create_task(searching(gateway, ledger, calm))
            await blow(retrying, plan, folder)
            calm.set()
        await look_back(retrying)
    await settle(gateway, ledger, base)
    for line in complaints(gateway):
        ledger.violate("I11", "the gateway's own log", line)
    return ledger


def complaints(gateway: Served) -> list[str]:
    """What the gateway's own log must never hold: tracebacks and exceptions that nobody took."""
    log = gateway.data.with_suffix(".log").read_text(errors="replace").splitlines()
    found = {line[-_SHOWN:] for line in log if any(sign in line for sign in COMPLAINTS)}
    return sorted(found)


async def blow(retrying: RetryingClient, plan: Plan, folder: Path) -> None:
    """Submits and watches until all runs have ended and enough was killed."""
    dice = chance(plan.seed)
    turns = iter(range(plan.runs * 20))

    async def lane() -> None:
        for turn in turns:
            if turn >= plan.runs and len(retrying.ledger.kills) >= plan.kills:
                return
            name = f"s{plan.seed}-{turn}"
            if turn % VICTIMS == 5:
                await end(retrying, name, folder, dice.uniform(0, 0.5))
            else:
                expected, script = made(dice, name, folder)
                exec_id = await retrying.submit(expected, script)
                await watch(retrying, turn, name, exec_id)

    async with asyncio.TaskGroup() as lanes:
        for _ in range(plan.abreast):
            lanes.create_task(lane())


async def end(retrying: RetryingClient, name: str, folder: Path, wait: float) -> None:
    """Submits a run that would last, and kills it."""
    expected = Expected(name, (), 0, folder / name, killed=True)
    code = f"printf x >> {shlex.quote(str(expected.effect))}; trap '' TERM; sleep 60 & wait"
    exec_id = await retrying.submit(expected, code)
    await pause(wait)
    await retrying.kill(name, exec_id)


async def watch(retrying: RetryingClient, turn: int, name: str, exec_id: str) -> None:
    """Follows one run to its end, by one of the three ways in turn."""
    if turn % 3 == 0:
        await retrying.follow(name, exec_id)
    elif turn % 3 == 1:
        await retrying.pages(name, exec_id)
    else:
        await retrying.poll(name, exec_id)


async def look_back(retrying: RetryingClient) -> None:
    """After the storm every run is asked for its state and read once more, from the beginning."""
    names = iter(tuple(retrying.ledger.answers.items()))

    async def lane() -> None:
        for name, answers in names:
            await retrying.poll(name, answers[0])
            if not retrying.ledger.asked[name].killed:
                await retrying.follow(name, answers[0])

    async with asyncio.TaskGroup() as lanes:
        for _ in range(8):
            lanes.create_task(lane())


async def kill(
    gateway: Served,
    part: str,
    ledger: Ledger,
    dice: random.Random,
    calm: asyncio.Event,
    kills: int,
) -> None:
    """Kills one kind of part again and again until the storm is over."""
    while not calm.is_set() and len(ledger.kills) < kills * 3 // 2:
        early = dice.random() < 0.25
        while not (early or await serves(gateway, part)):
            if await pause(_TICK, calm):
                return
        if await pause(dice.uniform(0.02, 0.25), calm):
            return
        pids = gateway.parts(part)
        if pids:
            victim = dice.choice(pids)
            os.kill(victim, signal.SIGKILL)
            ledger.killed(f"{part} {victim}")
        await pause(_TICK, calm)


async def serves(gateway: Served, part: str) -> bool:
    """Whether a part does its work: a worker answers, the runner can be notified."""
    if not gateway.parts(part):
        return False
    if part == "gateway.runner":
        return is_listening(DataPaths.of(gateway.data).runner_socket)
    try:
        async with asyncio.timeout(0.5):
            return b" 200 " in await glance(gateway)
    except (OSError, TimeoutError):
        return False


def is_listening(path: Path) -> bool:
    """Whether somebody takes notifications at a path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.connect(str(path))
        except OSError:
            return False
    return True
