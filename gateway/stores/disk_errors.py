"""What a client is told of a disk that does not do what it is asked."""

from __future__ import annotations

import errno

from protocol.errors import GatewayError, Kind

__all__ = ["disk_refused"]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def disk_refused(error: OSError) -> GatewayError:
    """UNAVAILABLE for a while, without a path or a word of the system's."""
    what = "is full" if error.errno in _FULL else "refuses"
    return GatewayError(
        Kind.UNAVAILABLE, f"the disk of the gateway {what} at the moment", retry_after=5.0
    )
