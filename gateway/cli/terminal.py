"""Whether a stream of ours is a terminal that may be given colours."""

from __future__ import annotations

import os
from typing import TextIO

__all__ = ["colourful"]


def colourful(stream: TextIO) -> bool:
    """A terminal that is not a dumb one, whose user did not set NO_COLOR."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()
