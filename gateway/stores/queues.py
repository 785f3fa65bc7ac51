"""The queues of a node, in one private file: their parts of the pool and whether they are open.

``default`` is always there, also without a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gateway.stores.private_file import PrivateFile
from protocol.errors import GatewayError, Kind, Subject
from protocol.resources import DEFAULT_QUEUE, Queue, QueueStatus

__all__ = ["MAX_QUEUES", "QueueFile"]

MAX_QUEUES = 1_000


class QueueFile:
    """The queues in the file ``path``. Its methods may block for a look at the disk."""

    def __init__(self, path: Path) -> None:
        self._file = PrivateFile(path, dict[str, Queue], dict)

    def all(self) -> Mapping[str, Queue]:
        """All queues by name."""
        return {DEFAULT_QUEUE: Queue(DEFAULT_QUEUE), **self._file.read()}

    def put(self, queue: Queue) -> Queue:
        """Makes a queue, or makes it what is given.

        Raises:
            GatewayError: TOO_LARGE if there are too many, CONFLICT if the shares pass the whole.
        """

        def change(queues: dict[str, Queue]) -> dict[str, Queue]:
            others = sum(one.share for one in queues.values() if one.name != queue.name)
            if queue.share and others + queue.share > 100:  # noqa: PLR2004 - percent
                raise GatewayError(
                    Kind.CONFLICT,
                    f"queue {queue.name} asks for a share of {queue.share:g} percent, others have"
                    f" {others:g}",
                    field="share",
                )
            if queue.name not in queues and len(queues) >= MAX_QUEUES:
                raise GatewayError(Kind.TOO_LARGE, f"there are at most {MAX_QUEUES} queues")
            return {**queues, queue.name: queue}

        self._file.change(change)
        return queue

    def set_status(self, name: str, status: QueueStatus) -> Queue:
        """Opens or stops a queue. NOT_FOUND if there is none."""

        def change(queues: dict[str, Queue]) -> dict[str, Queue]:
            known = {DEFAULT_QUEUE: Queue(DEFAULT_QUEUE), **queues}
            if name not in known:
                raise unknown_queue(name)
            return {**queues, name: replace(known[name], status=status)}

        return self._file.change(change)[name]

    def drop(self, name: str) -> Queue:
        """Removes a queue. NOT_FOUND if there is none, CONFLICT for the default one."""
        found: list[Queue] = []

        def change(queues: dict[str, Queue]) -> dict[str, Queue]:
            if name == DEFAULT_QUEUE:
                raise GatewayError(
                    Kind.CONFLICT, f"the queue {name} cannot be removed", field="queue"
                )
            if name not in queues:
                raise unknown_queue(name)
            found.append(queues[name])
            return {key: queue for key, queue in queues.items() if key != name}

        self._file.change(change)
        return found[0]


def unknown_queue(name: str) -> GatewayError:
    """The refusal for a queue that is not there."""
    return GatewayError(
        Kind.NOT_FOUND, f"there is no queue {name}", field="queue", subject=Subject.QUEUE
    )
