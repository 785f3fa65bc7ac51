"""Imports as if a package were not installed, of what would only be slower with it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

__all__ = ["absent"]


@contextlib.contextmanager
def absent(*packages: str) -> Iterator[None]:
    """Whatever is imported for the first time within the block finds none of these packages.

    For libraries that take a package if it is there, and are used here for nothing that it is for.
    What is loaded already stays. Must only be used while modules are imported.
    """
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is what stops it
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
