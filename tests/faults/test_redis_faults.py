"""Whatever happens to Redis, runs go on, nothing acknowledged is lost and nothing is told wrongly.

Each fault lasts while runs are submitted, read and killed; afterwards all of them are read again.
One gateway goes through all faults in turn, as it would in its life.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from tests.faults.chance import chance
from tests.faults.ledger import Expected, Ledger
from tests.faults.mounts import fill, small_disk
from tests.faults.pace import hold_off, pause
from tests.faults.proxy import PASS, Proxy, Rule, proxied
from tests.faults.redis_server import OwnRedis, own_redis
from tests.faults.retrying_client import RetryingClient, calling
from tests.faults.storm import complaints, made
from tests.faults.storm_watch import asking
from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync

LONG_LINES = 40


@dataclass(frozen=True, slots=True)
class Stage:
    """A gateway, its Redis, and the proxy between them."""

    gateway: Served
    server: OwnRedis
    proxy: Proxy


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One gateway for all faults."""
    folder = tmp_path_factory.mktemp("redis")
    with (
        own_redis(folder / "r") as server,
        proxied(server.socket, str(server.short / "proxy.sock")) as proxy,
        serving(folder / "data", NARTHEX_REDIS_URL=f"unix://{proxy.address}") as gateway,
    ):
        yield Stage(gateway, server, proxy)


def killed(stage: Stage, seconds: float) -> None:
    """SIGKILL, away for a while, back with what its file holds."""
    stage.server.kill()
    hold_off(seconds)
    stage.server.start()


def frozen(stage: Stage, seconds: float) -> None:
    """SIGSTOP: it accepts and never answers."""
    stage.server.freeze()
    hold_off(seconds)
    stage.server.thaw()


def emptied(stage: Stage, seconds: float) -> None:
    """It comes back without anything."""
    stage.server.kill()
    stage.server.empty()
    hold_off(seconds / 2)
    stage.server.start()


def robbed(stage: Stage, seconds: float) -> None:
    """It comes back without what was written last."""
    stage.server.kill()
    stage.server.cut(3000)
    hold_off(seconds / 2)
    stage.server.start()


def flushed(stage: Stage, seconds: float) -> None:
    """An operator flushes everything, the scripts too."""
    stage.server.client.flushall()
    stage.server.client.script_flush()
    hold_off(seconds)


def full(stage: Stage, seconds: float) -> None:
    """The memory is full: every write that needs more is refused."""
    stage.server.client.config_set("maxmemory", 1)
    hold_off(seconds)
    stage.server.client.config_set("maxmemory", 0)


def demoted(stage: Stage, seconds: float) -> None:
    """It becomes a replica of nobody: READONLY."""
    stage.server.client.replicaof("127.0.0.1", 1)
    hold_off(seconds)
    stage.server.client.replicaof("NO", "ONE")


def busy(stage: Stage, seconds: float) -> None:
    """Somebody's endless script holds it: BUSY."""

    def block() -> None:
        with contextlib.suppress(redis.RedisError):
            redis.Redis(unix_socket_path=stage.server.socket, socket_timeout=20).eval(
                "while true do end", 0
            )

    blocker = threading.Thread(target=block)
    blocker.start()
    hold_off(seconds)
    with contextlib.suppress(redis.RedisError):
        stage.server.client.script_kill()
    blocker.join(20)


def held(stage: Stage, seconds: float) -> None:
    """The network takes everything and passes nothing, then passes it all."""
    stage.proxy.up = stage.proxy.down = Rule(hold=True)
    hold_off(seconds)
    stage.proxy.up = stage.proxy.down = PASS


def swallowed(stage: Stage, seconds: float) -> None:
    """Answers get lost; what was asked was done."""
    stage.proxy.down = Rule(drop=True)
    hold_off(seconds)
    stage.proxy.down = PASS
    stage.proxy.reset()


def cut_off(stage: Stage, seconds: float) -> None:
    """Connections are cut in the middle of an answer or a question, after any count of bytes."""
    dice = chance("cut")
    for _ in range(int(seconds / 0.05)):
        stage.proxy.down = Rule(cut_after=dice.randrange(400))
        stage.proxy.up = Rule(cut_after=dice.randrange(3000))
        stage.proxy.reset()
        hold_off(0.05)
    stage.proxy.up = stage.proxy.down = PASS
    stage.proxy.reset()


def slow(stage: Stage, seconds: float) -> None:
    """Every message takes 100 ms each way."""
    stage.proxy.up = stage.proxy.down = Rule(delay_seconds=0.1)
    hold_off(seconds)
    stage.proxy.up = stage.proxy.down = PASS


def deaf(stage: Stage, seconds: float) -> None:
    """Subscriptions are killed again and again: notifications are lost."""
    for _ in range(int(seconds / 0.1)):
        stage.server.client.client_kill_filter(_type="pubsub")
        hold_off(0.1)


def thinned(stage: Stage, seconds: float) -> None:
    """Every other key disappears."""
    dice = chance("thin")
    for key in sorted(stage.server.client.scan_iter()):
        if dice.random() < 0.5:
            stage.server.client.delete(key)
    hold_off(seconds)


FAULTS = (
    killed,
    frozen,
    emptied,
    robbed,
    flushed,
    full,
    demoted,
    busy,
    held,
    swallowed,
    cut_off,
    slow,
    deaf,
    thinned,
)
BY_NAME = {fault.__name__: fault for fault in FAULTS}
HOSTILE = "thinned"
"""What no Redis does by itself: an operator deletes single keys. Its end depends on which ones."""


def slow_lines(name: str, folder: Path, nap: float) -> tuple[Expected, str]:
    """A run that prints a line now and then, all through the fault."""
    effect = folder / name
    script = (
        f"printf x >> {shlex.quote(str(effect))}\n"
        f"for i in $(seq {LONG_LINES}); do echo {name} line $i; sleep {nap}; done\n"
    )
    lines = tuple(f"{name} line {i}" for i in range(1, LONG_LINES + 1))
    return Expected(name, lines, 0, effect), script


async def weather(
    stage: Stage,
    ledger: Ledger,
    name: str,
    folder: Path,
    seconds: float,
    happens: Callable[[Stage, float], None] | None = None,
) -> None:
    """Submits, reads and kills while a fault comes and goes; then reads everything again."""
    dice = chance(name)
    forgetful = name == "thinned"
    async with RetryingClient(
        stage.gateway, ledger, seconds=seconds + 40, forgetful=forgetful
    ) as client:
        long = slow_lines(f"{name}-slow", folder, seconds / LONG_LINES)
        victim = Expected(f"{name}-victim", (), 0, folder / "victim", killed=True)
        long_id = await client.submit(*long)
        victim_id = await client.submit(victim, "printf x >> victim; sleep 60")
        calm = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            canary = group.create_task(asking(stage.gateway, ledger, calm))
            group.create_task(client.follow(long[0].name, long_id))
            group.create_task(client.pages(long[0].name, long_id))
            group.create_task(client.poll(long[0].name, long_id))
            fault = group.create_task(asyncio.to_thread(happens or BY_NAME[name], stage, seconds))
            await pause(seconds / 4)
            group.create_task(client.kill(victim.name, victim_id))
            for turn in range(6):
                order = made(dice, f"{name}-{turn}", folder)
                group.create_task(client.carry(*order))
                await pause(seconds / 8)
            await fault
            calm.set()
            await canary
        for each, answers in tuple(ledger.answers.items()):
            await client.poll(each, answers[0])
            if not ledger.asked[each].killed:
                await client.follow(each, answers[0])


@pytest.mark.parametrize("name", [name for name in BY_NAME if name != HOSTILE])
async def test_the_ledger_holds(name: str, stage: Stage, tmp_path: Path) -> None:
    """During and after the fault every acknowledged run is told truly, and none runs twice."""
    wait_until_sync(stage.server.answers, "Redis to be well")
    ledger = Ledger(0)
    await weather(stage, ledger, name, tmp_path, 2.0)
    for line in complaints(stage.gateway):
        ledger.violate("I11", "the gateway's own log", line)
    ledger.check()


def test_it_is_down_at_the_start(tmp_path: Path) -> None:
    """A gateway whose Redis comes later is ready later, and has not complained or given up."""
    with own_redis(tmp_path / "r") as server:
        server.kill()
        late = threading.Timer(3.0, server.start)
        late.start()
        try:
            begun = time.monotonic()
            with (
                serving(tmp_path / "data", NARTHEX_REDIS_URL=server.url) as gateway,
                calling(gateway) as caller,
            ):
                assert time.monotonic() - begun > 2.5
                assert caller.finished(caller.execute("echo late")) == "Succeed"
                assert not complaints(gateway)
        finally:
            late.join()


async def test_its_disk_is_full(tmp_path: Path) -> None:
    """Redis cannot write its file (MISCONF): as with every other fault, and all comes right."""
    folder = tmp_path / "r"
    with (
        small_disk(folder / "data", "24m") as disk,
        own_redis(folder) as server,
        proxied(server.socket, str(server.short / "proxy.sock")) as proxy,
        serving(tmp_path / "data", NARTHEX_REDIS_URL=f"unix://{proxy.address}") as gateway,
    ):
        crammed = Stage(gateway, server, proxy)

        def cram(_: Stage, seconds: float) -> None:
            ballast = fill(disk)
            with contextlib.suppress(redis.RedisError):
                server.client.set("foreign", bytes(1 << 16), ex=60)
            wait_until_sync(lambda: misconfigured(server), "Redis to refuse writes")
            hold_off(seconds)
            ballast.unlink()

        ledger = Ledger(0)
        await weather(crammed, ledger, "crammed", tmp_path, 2.0, cram)
        for line in complaints(gateway):
            ledger.violate("I11", "the gateway's own log", line)
        ledger.check()


def misconfigured(server: OwnRedis) -> bool:
    """Whether it refuses to write because it cannot keep what is written."""
    try:
        server.client.set("foreign", b"", ex=60)
    except redis.ResponseError as error:
        return "MISCONF" in str(error)
    return False


@pytest.mark.storm
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", BY_NAME)
async def test_the_ledger_holds_for_long(name: str, stage: Stage, tmp_path: Path) -> None:
    """As above, with thirty seconds of the fault."""
    wait_until_sync(stage.server.answers, "Redis to be well")
    ledger = Ledger(0)
    await weather(stage, ledger, name, tmp_path, 30.0)
    ledger.check()
