"""How a long-lived process lets go of garbage."""

import asyncio
import gc
import subprocess
import sys
import weakref

from gateway.garbage import GarbageCollector, forget_frames


def test_what_exists_at_the_start_is_not_looked_through_again() -> None:
    """All that was there is frozen, and new cycles are collected all the same."""
    code = (
        "import gc, weakref\n"
        "from gateway.garbage import freeze_gc\n"
        "class Node: pass\n"
        "freeze_gc()\n"
        "node = Node(); node.own = node; seen = weakref.ref(node); del node\n"
        "gc.collect()\n"
        "print(gc.get_freeze_count() > 1000, seen() is None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["True", "True"]


def test_a_look_through_everything_takes_a_small_part_of_the_time() -> None:
    """The longer one took, the longer only what is new is looked through."""
    now, looks = 0.0, list[int]()

    def collect(generation: int) -> None:
        nonlocal now
        looks.append(generation)
        now += 0.5 if generation == 2 else 0.0

    collector = GarbageCollector(collect, lambda: now)
    collector()
    now += 999.0
    collector()
    now += 2.0
    collector()
    assert looks == [2, 1, 2]


async def test_what_an_error_of_a_group_came_through_is_let_go_of() -> None:
    """Without a collection, also what the functions held that it passed."""

    class Held:
        """Something that a function holds."""

    seen = list[weakref.ref[Held]]()

    async def fail() -> None:
        held = Held()
        seen.append(weakref.ref(held))
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.Event().wait())
            raise ValueError("no")

    gc.disable()
    try:
        try:
            await fail()
        except* ValueError as error:
            assert seen[0]() is not None
            forget_frames(error)
        assert seen[0]() is None
    finally:
        gc.enable()
