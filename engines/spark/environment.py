"""The variables of a statement as code in the driver's JVM sees them.

Java reads its environment once, when it starts. The map that it keeps is changed for the length of
a statement, which the module options that Spark itself starts its JVM with allow.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

__all__ = ["seen_by_java"]


@contextlib.contextmanager
def seen_by_java(
    jvm: Any, variables: Mapping[str, str], errors: tuple[type[Exception], ...]
) -> Iterator[None]:
    """Lets the JVM see variables. A JVM that does not allow it, or is gone, sees none.

    ``errors`` are what it raises then.
    """
    restore: list[Callable[[], object]] = []
    with contextlib.suppress(*errors):
        kept = _environment(jvm) if variables else None
        if kept is not None:
            for name, value in variables.items():
                earlier = kept.get(name)
                restore.append(
                    partial(kept.remove, name)
                    if earlier is None
                    else partial(kept.put, name, earlier)
                )
                kept.put(name, value)
    try:
        yield
    finally:
        with contextlib.suppress(*errors):
            for change in restore:
                change()


def _environment(jvm: Any) -> Any:
    """The map behind ``System.getenv``."""
    find = jvm.java.lang.Class.forName
    shown = find("java.lang.ProcessEnvironment").getDeclaredField("theUnmodifiableEnvironment")
    shown.setAccessible(True)
    inner = find("java.util.Collections$UnmodifiableMap").getDeclaredField("m")
    inner.setAccessible(True)
    return inner.get(shown.get(None))
