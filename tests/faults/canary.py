"""What attacks cost others: ``python -m tests.faults.canary``.

Starts a gateway, attacks it from processes of their own, one attack after another and four at
once, and asks meanwhile every 50 ms for another user. Prints what that user waited (p50, p99 and
the longest), how much memory the gateway took at most and kept, and the bounds; exit status 1 if
one of them is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from engines.inside.narthex import Table
from gateway.data_paths import DataPaths
from gateway.stores.directory import Directory
from tests.faults.attacks import API, ATTACKS, Target, reported
from tests.faults.pace import pause
from tests.support.served import Served, serving, token_for
from tests.support.waiting import wait_until_sync

__all__ = ["P99_SECONDS", "Measured", "measured", "prepared"]

P99_SECONDS = 0.2
KEPT_BYTES = 64 << 20
_ASK_SECONDS = 0.05
_TIMEOUT_SECONDS = 30.0
_CALM_SECONDS = 5.0
_PASSWORD = "correct horse battery"  # noqa: S105 - of users of a test
TOGETHER = (
    ("D2-scripts", "D3-logins", "D4-pongs", "D5-pages"),
    ("D5-code", "D5-messages", "D8-guesses", "D11-uploads"),
)


@dataclass(slots=True)
class Measured:
    """What the other user waited for each of their requests, and the gateway's memory in bytes."""

    names: str
    waited: list[float]
    failed: int
    before: int
    peak: int
    after: int

    def share(self, part: float) -> float:
        """The time within which that part of the requests was answered."""
        ordered = sorted(self.waited) or [_TIMEOUT_SECONDS]
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]

    @property
    def kept(self) -> int:
        """Bytes that are held more than before."""
        return max(0, self.after - self.before)

    @property
    def within(self) -> bool:
        """Whether all bounds hold."""
        return not self.failed and self.share(0.99) < P99_SECONDS and self.kept < KEPT_BYTES

    def line(self) -> str:
        """One line of the table."""
        return (
            f"{self.names:48} {len(self.waited):5} {self.failed:4}"
            f" {self.share(0.5) * 1000:7.1f} {self.share(0.99) * 1000:7.1f}"
            f" {self.share(1) * 1000:7.1f} {(self.peak - self.before) >> 20:6}"
            f" {self.kept >> 20:6}  {'ok' if self.within else 'BROKEN'}"
        )


async def prepared(gateway: Served, rows: int = 1000, columns: int = 15_000) -> Target:
    """Gives the gateway an attacker with large files and results, and another user."""
    directory = Directory.of(DataPaths.of(gateway.data))
    for name in ("mallory", "bob"):
        with contextlib.suppress(Exception):
            await directory.add(name, _PASSWORD, int(time.time() * 1000))
    token = token_for("mallory", gateway.data)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=gateway.url + API, headers=headers, timeout=60) as http:
        for name, content in (("s.sh", b"#@set a=b\n" * 380_000), ("c.csv", b"," * 4_000_000)):
            form = {"file": (name, content)}
            (
                await http.post("/filesystem/upload", params={"path": "/"}, files=form)
            ).raise_for_status()
        words = {"executeApplicationName": "shell", "runType": "shell", "executionCode": "true"}
        made = (await http.post("/entrance/execute", json=words)).json()["data"]
        while True:
            row = (await http.get(f"/jobhistory/{made['taskID']}/get")).json()["data"]["task"]
            if row["status"] not in {"Inited", "Scheduled", "Running"}:
                break
            await pause(0.05, asyncio.Event())
    location = row["resultLocation"]
    _write_table(gateway, rows, columns)
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    return Target(
        host,
        int(port),
        token,
        password=_PASSWORD,
        results=location,
        script="file:///mallory/s.sh",
        commas="file:///mallory/c.csv",
    )


def _write_table(gateway: Served, rows: int, columns: int) -> None:
    """Results of the one run there is, as if it had written them."""
    folder = _the_run(gateway) / "results"
    with Table([f"c{n}" for n in range(columns)], folder=folder, limit=0) as table:
        table.extend([0] * columns for _ in range(rows))


def _the_run(gateway: Served) -> Path:
    """The directory of a run that has ended, when it is put away."""
    put_away = gateway.data / "spool" / "done"
    wait_until_sync(lambda: any(put_away.glob("*/*")), "the run to be put away")
    return next(put_away.glob("*/*"))


async def measured(
    gateway: Served, target: Target, names: Sequence[str], seconds: float
) -> Measured:
    """Attacks for so long, and what it cost the other user."""
    pids = gateway.parts("gateway.app")
    before = _memory(pids)
    result = Measured("+".join(names), [], 0, before, before, before)
    token = token_for("bob", gateway.data)
    with _attacking(names, target):
        async with _asking(target, token, result):
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                result.peak = max(result.peak, _memory(pids))
                await pause(0.02, asyncio.Event())
    until = time.monotonic() + _CALM_SECONDS
    while time.monotonic() < until and (result.kept >= KEPT_BYTES or result.after == before):
        await pause(0.2, asyncio.Event())
        result.after = _memory(pids)
    return result


@contextlib.contextmanager
def _attacking(names: Iterable[str], target: Target) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for name in names:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.attacks", name],
                stdin=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            assert process.stdin is not None
            stack.callback(process.stdin.close)
            process.stdin.write(reported(target) + "\n")
            process.stdin.flush()
        yield


@contextlib.asynccontextmanager
async def _asking(target: Target, token: str, result: Measured) -> AsyncIterator[None]:
    """Asks every 50 ms for the length of the block, whether earlier answers are there or not."""
    field = f"Authorization: Bearer {token}"
    request = target.head("GET", f"{API}/user/userInfo", field, "Connection: close")

    async def once() -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                reader, writer = await asyncio.open_connection(target.host, target.port)
                writer.write(request)
                answer = await reader.read(1 << 16)
                writer.transport.abort()
                result.failed += b" 200 " not in answer[:20]
        except (OSError, TimeoutError):
            result.failed += 1
        result.waited.append(time.monotonic() - began)

    async def regularly() -> None:
        due = time.monotonic()
        while not over.is_set():
            group.create_task(once())
            due += _ASK_SECONDS
            await pause(max(0.0, due - time.monotonic()), over)

    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(regularly())
        yield
        over.set()


def _memory(pids: Iterable[int]) -> int:
    """Bytes of memory that processes have in use."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1]) << 10
    return total


async def _all(options: argparse.Namespace, gateway: Served) -> bool:
    target = await prepared(gateway)
    rounds: list[tuple[str, ...]] = [()]
    rounds += [(name,) for name in ATTACKS if not options.only or name.startswith(options.only)]
    rounds += [] if options.only else TOGETHER
    sys.stdout.write(
        f"{'attack':48} {'asked':>5} {'lost':>4} {'p50 ms':>7} {'p99 ms':>7} {'longest':>7}"
        f" {'peak':>6} {'kept':>6}  MiB more\n"
    )
    good = True
    for names in rounds:
        found = await measured(gateway, target, names, options.seconds)
        found.names = found.names or "(nobody attacks)"
        good = good and found.within
        sys.stdout.write(found.line() + "\n")
        sys.stdout.flush()
    sys.stdout.write(
        f"bounds: p99 below {P99_SECONDS * 1000:.0f} ms, nothing lost,"
        f" {KEPT_BYTES >> 20} MiB kept at most: {'held' if good else 'BROKEN'}\n"
    )
    return good


def main() -> int:
    """Runs the program; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.canary", description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each attack")
    parser.add_argument("--only", default="", help="attacks whose names begin so, such as D5")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        program = ("prlimit", "--nofile=1024", *_program())
        with serving(Path(folder) / "data", program=program) as gateway:
            return 0 if asyncio.run(_all(options, gateway)) else 1


def _program() -> tuple[str, ...]:
    return (sys.executable, "-m", "gateway.cli")


if __name__ == "__main__":
    sys.exit(main())
