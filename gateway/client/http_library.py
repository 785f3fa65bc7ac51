"""httpx without the command line that it brings along.

The package imports its own command line with rich and click if they are installed, which takes
longer than all the rest of this client. Nothing of it is used here.
"""

from __future__ import annotations

import sys

__all__ = ["httpx"]

_COMMAND_LINE = "httpx._main"


def _left_out() -> bool:
    """Whether the command line was left out, because nobody has imported httpx yet."""
    if "httpx" in sys.modules or _COMMAND_LINE in sys.modules:
        return False
    sys.modules[_COMMAND_LINE] = None  # type: ignore[assignment] # Python's way to say: not there
    return True


_left = _left_out()
try:
    import httpx
finally:
    if _left:
        del sys.modules[_COMMAND_LINE]
