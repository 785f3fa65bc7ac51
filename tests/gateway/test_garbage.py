"""How a long-lived process lets go of garbage."""

import subprocess
import sys


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
