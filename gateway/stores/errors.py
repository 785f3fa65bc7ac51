"""What the stores refuse beyond the kinds of the language."""

from __future__ import annotations

from protocol.errors import GatewayError, Kind, Subject
from protocol.logs import Cursor
from protocol.tasks import TaskId

__all__ = ["ForeignNode", "LogGap", "StaleEpoch", "TaskGone"]


class StaleEpoch(GatewayError):  # noqa: N818  # says what happened
    """A newer runner has taken over: whoever meets this must write nothing more."""

    def __init__(self) -> None:
        super().__init__(Kind.CONFLICT, "another runner has taken over this node")


class ForeignNode(GatewayError):  # noqa: N818  # says what happened
    """Redis is not this node's: nothing may be read there, and nothing written.

    ``why`` is the sentence for a person; by default that another node works there alone.
    """

    def __init__(self, why: str = "") -> None:
        super().__init__(
            Kind.UNAVAILABLE,
            why
            or "another node works on the Redis of redis.url: give each node its own (a database "
            "of its own is enough), or make both nodes of one gateway (the settings [node]), or, if"
            " that node is gone for good, see 'narthex node'",
        )


class TaskGone(GatewayError):  # noqa: N818  # says what happened
    """There was such a task and it is no longer kept.

    Only its owner may be told so; to anybody else it must look like an unknown one.
    """

    def __init__(self, task_id: TaskId, number: int, owner: str) -> None:
        super().__init__(Kind.GONE, f"task {number} has expired", subject=Subject.TASK)
        self.task_id = task_id
        self.number = number
        self.owner = owner


class LogGap(GatewayError):  # noqa: N818  # says what happened
    """Lines are missing before a block: the writer goes on at ``next`` and reads the spool again.

    ``last`` is the last line of which anything is there.
    """

    def __init__(self, last: int, following: Cursor) -> None:
        super().__init__(Kind.CONFLICT, f"the log ends at line {last}")
        self.last = last
        self.next = following
