"""What can go wrong for a client: a refusal by the gateway, no answer from it, a task that fails.

::

    ClientError
    |- Invalid            something of the request cannot be meant; ``field`` names it
    |  `- TooLarge        it is larger than it may be
    |- Unauthenticated    the token or the password is missing, wrong or expired
    |- Forbidden          the user may not do this
    |- NotFound           there is no such thing, or it is another user's
    |  `- Gone            there was, and it is no longer kept
    |- Conflict           it does not go together with how things are
    |- Unsupported        this gateway, engine or address cannot do that
    |- Unavailable        not now
    |  |- Exhausted       too many at once: of requests, tasks or bytes
    |  `- ConnectionFailed   no connection to the gateway, or it broke
    |- InternalError      a fault of the gateway
    |- TaskFailed         a task that was to succeed did not
    `- TimedOut           what was waited for did not come in time; a TimeoutError too
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "ClientError",
    "Conflict",
    "ConnectionFailed",
    "Exhausted",
    "Forbidden",
    "Gone",
    "InternalError",
    "Invalid",
    "NotFound",
    "TaskFailed",
    "TimedOut",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "Unsupported",
    "refused",
]


class ClientError(Exception):
    """The gateway refused what was asked, or answered what nobody can understand.

    Args:
        message: one sentence for a person.
        status: the envelope's number as in the Linkis contract (-1, 1, 2, 3, 4); 0 for none.
        code: the HTTP status code; 0 if the answer came by websocket or not at all.
        retry_after: seconds after which a repetition may succeed; 0 if the gateway named none.
        number: the number of the error (``errCode``); 0 for none.
        field: the field of the request that is at fault; empty if none is.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        code: int = 0,
        retry_after: float = 0.0,
        number: int = 0,
        field: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.number = number
        self.field = field

    @property
    def passing(self) -> bool:
        """Whether the same question may be answered a little later."""
        return self.code in _PASSING


class Invalid(ClientError):  # noqa: N818 - what happened, not what to do about it
    """Something of the request cannot be meant; ``field`` names it."""


class TooLarge(Invalid):
    """Something of the request is larger than it may be."""


class Unauthenticated(ClientError):  # noqa: N818
    """The token or the password is missing, wrong or expired."""


class Forbidden(ClientError):  # noqa: N818
    """The user may not do this."""


class NotFound(ClientError):  # noqa: N818
    """There is no such thing, or it is another user's."""


class Gone(NotFound):
    """There was such a thing, and it is no longer kept."""


class Conflict(ClientError):  # noqa: N818
    """What is asked does not go together with how things are."""


class Unsupported(ClientError):  # noqa: N818
    """This gateway, this engine or this address cannot do what is asked."""


class Unavailable(ClientError):  # noqa: N818
    """Not now: the gateway has too much to do, or one of its parts is missing."""


class Exhausted(Unavailable):
    """Too many at once: of requests, of tasks, of bytes that are kept."""


class ConnectionFailed(Unavailable):
    """The gateway could not be reached, or the connection to it broke.

    Args:
        message: one sentence for a person.
        absent: nothing at that address takes connections as the gateway does: refused, unknown
            host, or another protocol.
    """

    def __init__(self, message: str, *, absent: bool = False) -> None:
        super().__init__(message)
        self.absent = absent

    @property
    def passing(self) -> bool:
        """A gateway that restarts is back in a moment."""
        return True


class InternalError(ClientError):
    """A fault of the gateway; its log says more, under the id of the request."""


class TaskFailed(ClientError):  # noqa: N818
    """A task that was to succeed did not.

    Args:
        message: why, in one sentence.
        exec_id: which task.
        word: its last status: ``Failed``, ``Cancelled`` or ``Timeout``.
        exit_code: how its program left; None if it did not.
    """

    def __init__(self, message: str, *, exec_id: str, word: str, exit_code: int | None) -> None:
        super().__init__(message)
        self.exec_id = exec_id
        self.word = word
        self.exit_code = exit_code


class TimedOut(ClientError, TimeoutError):  # noqa: N818
    """What was waited for did not come in time. The task goes on."""


def refused(
    message: str,
    *,
    status: int = 0,
    code: int = 0,
    retry_after: float = 0.0,
    number: int = 0,
    field: str = "",
) -> ClientError:
    """The error of the class that the number of a refusal names, or else its HTTP code.

    Proxies answer with a code alone; the gateway says most refusals of the Linkis dialect by 400.
    """
    kind = _NUMBERS.get(number) or _KINDS.get(code) or _STATUSES.get(status, ClientError)
    return kind(
        message, status=status, code=code, retry_after=retry_after, number=number, field=field
    )


_PASSING = frozenset({429, 502, 503, 504})

_NUMBERS: Mapping[int, type[ClientError]] = {
    91001: Invalid,
    91002: Unauthenticated,
    91003: Forbidden,
    91004: NotFound,
    91005: Conflict,
    91006: Gone,
    91007: Unsupported,
    91008: TooLarge,
    91009: Exhausted,
    91010: Unavailable,
    91011: InternalError,
}

_KINDS: Mapping[int, type[ClientError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    405: Unsupported,
    409: Conflict,
    410: Gone,
    412: Invalid,
    413: TooLarge,
    429: Exhausted,
    500: InternalError,
    **dict.fromkeys((502, 503, 504), Unavailable),
}

_STATUSES: Mapping[int, type[ClientError]] = {-1: Unauthenticated, 2: Invalid, 3: Forbidden}
