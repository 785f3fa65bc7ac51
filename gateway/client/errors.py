"""What can go wrong for a client: a refusal by the gateway, or no answer from it."""

from __future__ import annotations

__all__ = ["ClientError", "ConnectionFailed"]


class ClientError(Exception):
    """The gateway refused what was asked, or answered what nobody can understand.

    Args:
        message: one sentence for a person.
        status: the envelope's number as in the Linkis contract (-1, 1, 2, 3, 4); 0 for none.
        code: the HTTP status code; 0 if the answer came by websocket or not at all.
        retry_after: seconds after which a repetition may succeed; 0 if the gateway named none.
    """

    def __init__(
        self, message: str, *, status: int = 0, code: int = 0, retry_after: float = 0.0
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.retry_after = retry_after

    @property
    def passing(self) -> bool:
        """Whether the same question may be answered a little later."""
        return self.code in _PASSING


class ConnectionFailed(ClientError):  # noqa: N818 - what happened, not what to do about it
    """The gateway could not be reached, or the connection to it broke."""

    @property
    def passing(self) -> bool:
        """A gateway that restarts is back in a moment."""
        return True


_PASSING = frozenset({429, 502, 503, 504})
