"""How a long-lived process gives memory back."""

import errno
import subprocess
import sys

from gateway.memory import MemoryKeeper, resident_bytes

MIB = 1 << 20


class Process:
    """So many MiB that are needed and so many that are only kept; counts how often it was asked."""

    def __init__(self) -> None:
        self.needed = 100
        self.kept = 0
        self.trimmed = 0

    def resident(self) -> int:
        """All that it has, in bytes."""
        return (self.needed + self.kept) * MIB

    def trim(self) -> None:
        """Keeps nothing."""
        self.trimmed += 1
        self.kept = 0


async def test_what_is_only_kept_is_given_back() -> None:
    """Once it is worth it, and no more often than it helps."""
    process = Process()
    keeper = MemoryKeeper(process.resident, process.trim)
    await keeper.look()
    process.kept = 20
    await keeper.look()
    assert process.trimmed == 0
    process.kept = 30
    for _ in range(5):
        await keeper.look()
    assert (process.kept, process.trimmed) == (0, 2)


async def test_what_was_needed_at_that_time_is_given_back_later() -> None:
    """Work that goes on for long and then ends leaves nothing behind."""
    process = Process()
    keeper = MemoryKeeper(process.resident, process.trim)
    for _ in range(4):
        process.needed += 50
        await keeper.look()
    process.needed, process.kept = 100, 200
    for _ in range(4):
        await keeper.look()
    assert process.resident() == 100 * MIB
    asked = process.trimmed
    for _ in range(10):
        await keeper.look()
    assert process.trimmed == asked, "a process that is at rest is left alone"


async def test_a_process_that_cannot_look_goes_on() -> None:
    """Out of descriptors it knows nothing of its memory, and looks again later."""
    process = Process()
    broken = True

    def resident() -> int:
        if broken:
            raise OSError(errno.EMFILE, "too many open files")
        return process.resident()

    broken = False
    keeper = MemoryKeeper(resident, process.trim)
    broken, process.kept = True, 50
    await keeper.look()
    broken = False
    await keeper.look()
    assert process.trimmed == 1


def test_the_library_gives_back_what_threads_freed() -> None:
    """In a process set up like the gateway, whose threads have made and dropped much."""
    code = (
        "import asyncio, json\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from gateway.memory import MemoryKeeper, resident_bytes, use_few_arenas\n"
        "use_few_arenas()\n"
        "keeper = MemoryKeeper()\n"
        "before = resident_bytes()\n"
        "def work(_):\n"
        "    some = [b'x' * 90_000 for _ in range(300)]\n"
        "    return [b'y' * 300 for _ in range(20_000)][::2000]\n"
        "with ThreadPoolExecutor(6) as pool: held = list(pool.map(work, range(24)))\n"
        "async def settle():\n"
        "    for _ in range(5): await keeper.look()\n"
        "asyncio.run(settle())\n"
        "print((resident_bytes() - before) >> 20)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert int(done.stdout) < 24
    assert resident_bytes() > MIB


async def test_what_only_refers_to_itself_is_let_go_of_in_peace() -> None:
    """Not while the process grows, when there is much to look through, but once that is over."""
    process = Process()
    collected: list[int] = []
    keeper = MemoryKeeper(process.resident, process.trim, lambda: collected.append(process.needed))
    for _ in range(3):
        process.needed += 50
        await keeper.look()
    assert collected == []
    await keeper.look()
    assert collected == [250]


async def test_what_is_known_to_be_needed_is_not_looked_for() -> None:
    """Ten thousand websockets take much, and nothing of it is to be had while they are open."""
    process, open_mib = Process(), 0
    collected: list[int] = []
    keeper = MemoryKeeper(
        process.resident,
        process.trim,
        lambda: collected.append(process.needed),
        lambda: open_mib * MIB,
    )
    process.needed, open_mib = 400, 300
    for _ in range(3):
        await keeper.look()
    assert (process.trimmed, collected) == (0, [])
    process.needed, process.kept, open_mib = 100, 300, 0
    for _ in range(3):
        await keeper.look()
    assert (process.kept, collected) == (0, [100])
