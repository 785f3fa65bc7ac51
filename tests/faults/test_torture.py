"""A torrent read by a client whose way is cut again and again: every byte arrives, once, in order.

The client goes over the fault proxy, changes between websocket and HTTP at every cut and so lands
on either of two gateway processes, of which one is killed meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from pathlib import Path

import pytest

import tests.children
from tests.faults.chance import chance
from tests.faults.ledger import Expected, Ledger, Seen
from tests.faults.pace import pause
from tests.faults.proxy import PASS, Proxy, Rule, proxied
from tests.faults.retrying_client import BROKEN, RetryingClient
from tests.faults.storm import complaints
from tests.support.served import Served, serving

TORRENT = Path(tests.children.__file__).with_name("torrent.py")


async def read_on(
    client: RetryingClient, proxy: Proxy, seen: Seen, exec_id: str, cuts: int, stretch: int
) -> None:
    """Reads to the end through ``cuts`` cuts, at most ``stretch`` bytes apart, by changing ways."""
    dice = chance("cuts", cuts)
    while not seen.complete:
        most = dice.choice((300, 5_000, stretch))
        proxy.down = Rule(cut_after=dice.randrange(most)) if proxy.cuts < cuts else PASS
        proxy.reset()
        try:
            if dice.random() < 0.5:
                await client.listen(seen, exec_id)
            else:
                await page_on(client, proxy, seen, exec_id, dice.choice((1, 100, 5_000)))
        except BROKEN:
            await pause(0.01)


async def page_on(
    client: RetryingClient, proxy: Proxy, seen: Seen, exec_id: str, size: int
) -> None:
    """Reads pages until the way is cut."""
    cuts = proxy.cuts
    for _ in range(1_000):
        await client.page(seen, exec_id, size)
        if seen.complete or proxy.cuts != cuts:
            return


async def strike(gateway: Served, seen: Seen, strikes: int, every: int) -> None:
    """Kills one of the gateway processes each time so many further lines were read."""
    for strike in range(1, strikes + 1):
        while len(seen.lines) < strike * every:
            if seen.complete:
                return
            await pause(0.02)
        os.kill(gateway.parts("gateway.app")[0], signal.SIGKILL)


async def torture(folder: Path, lines: int, cuts: int, seconds: float, **environment: str) -> None:
    """Reads one torrent of so many lines and compares it with the child's own record."""
    ledger = Ledger(lines)
    records = folder / "records"
    records.mkdir()
    with serving(folder / "data", "--workers", "2", **environment) as gateway:
        host, _, port = gateway.url.removeprefix("http://").partition(":")
        with proxied((host, int(port))) as proxy:
            base = f"http://127.0.0.1:{proxy.port}"
            async with (
                RetryingClient(gateway, ledger, seconds=seconds) as direct,
                RetryingClient(gateway, ledger, base, seconds=seconds) as client,
                asyncio.timeout(seconds),
            ):
                words = [sys.executable, "-I", "-S", str(TORRENT), str(records), str(lines), "7"]
                expected = Expected("torrent", (), 0, folder / "none", effects=0)
                exec_id = await direct.submit(expected, f"exec {shlex.join(words)}")
                seen = ledger.subscription("torrent")
                async with asyncio.TaskGroup() as group:
                    group.create_task(strike(gateway, seen, 2, lines // 3))
                    await read_on(client, proxy, seen, exec_id, cuts, 60 * lines // cuts)
                assert proxy.cuts >= cuts
                await direct.poll("torrent", exec_id)
                again = await direct.pages("torrent", exec_id, 5_000)
        assert not complaints(gateway)
    numbers = [number for number, _ in seen.lines]
    assert numbers == list(range(1, len(numbers) + 1))
    assert again.lines == seen.lines
    for stream in ("out", "err"):
        record = await asyncio.to_thread((records / stream).read_bytes)
        said = seen.said(stream).encode("utf-8", "surrogateescape")
        # A line feed at the very end ends a line and begins none.
        assert said == record.removesuffix(b"\n"), stream


@pytest.mark.timeout(120)
async def test_a_torrent_through_cuts(tmp_path: Path) -> None:
    """Twenty thousand hard lines arrive exactly through twenty cuts and two killed workers."""
    await torture(tmp_path, 20_000, 20, 90)


@pytest.mark.storm
@pytest.mark.timeout(900)
async def test_a_million_lines_through_cuts(tmp_path: Path) -> None:
    """A million hard lines arrive exactly through two hundred cuts and two killed workers."""
    await torture(tmp_path, 1_000_000, 200, 800)
