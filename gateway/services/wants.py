"""What may be asked of the pool: every bound of a task's wants, held before anything is created.

Pure. Whether the queue exists and the pool is large enough is looked at elsewhere.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from protocol.commands.tasks import Execute
from protocol.control import SIGNALS
from protocol.errors import GatewayError, Kind, Subject
from protocol.place_size import beyond_place
from protocol.placement import Pool
from protocol.resources import (
    ALL,
    BEST,
    BEST_HALF,
    LEAF_ID,
    Pick,
    Queue,
    QueueStatus,
    Shape,
    Wants,
)

__all__ = ["check_placed", "check_room", "check_start", "check_wants"]

MAX_ALTERNATIVES = 16
MAX_GROUPS = 16
MAX_LEVELS = 8
MAX_COUNT = 1_000_000
MAX_AFTER = 100
MAX_PORT_LABELS = 32
MAX_PORTS = 256
MAX_PRIORITY = 1_000_000
_MAX_MEMORY_MB = 1 << 40
_MAX_PORT = 65_535
_MAX_MS = 1 << 53
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9._~-]{1,64}", re.ASCII)


def check_wants(wants: Wants) -> None:
    """Refuses wants that no pool could understand.

    Raises:
        GatewayError: INVALID or TOO_LARGE, with the field.
    """
    if len(wants.alternatives) > MAX_ALTERNATIVES:
        raise GatewayError(
            Kind.TOO_LARGE, f"a task has at most {MAX_ALTERNATIVES} alternatives", field="wants"
        )
    for shape in wants.alternatives:
        _check_shape(shape)
    if not _NAME.fullmatch(wants.queue):
        raise GatewayError(Kind.INVALID, "the name of a queue is letters and digits", field="queue")
    if not 0 <= wants.memory_mb <= _MAX_MEMORY_MB:
        raise GatewayError(Kind.INVALID, "the memory must not be negative", field="memory_mb")
    if abs(wants.priority) > MAX_PRIORITY:
        raise GatewayError(
            Kind.INVALID, f"a priority lies within {MAX_PRIORITY} of 0", field="priority"
        )
    _check_ports(wants)


def check_room(wants: Wants, queues: Mapping[str, Queue], whole: Pool) -> None:
    """Refuses wants that cannot be met as things are, whatever ends. May take a moment.

    ``whole`` is the pool with all of its leaves that are not dead.

    Raises:
        GatewayError: INVALID or CONFLICT, with the field.
    """
    _check_queue(wants, queues)
    known = {LEAF_ID}.union(*(leaf.properties for leaf in whole.leaves.values()))
    for shape in wants.alternatives:
        for pick in shape.groups:
            asked = pick.filter.names | {name for name, _ in pick.levels}
            for name in sorted(asked - known):
                raise GatewayError(Kind.INVALID, f"no leaf has the property {name}", field="wants")
    if not any(whole.least((shape,)) for shape in wants.shapes):
        raise GatewayError(
            Kind.INVALID,
            "there are not enough resources for your request",
            field="wants",
            subject=Subject.RESOURCE,
        )


def check_placed(wants: Wants, queues: Mapping[str, Queue]) -> None:
    """Refuses wants of a queue whose tasks run in a place, if no place can be asked for them.

    Raises:
        GatewayError: INVALID or CONFLICT, with the field.
    """
    _check_queue(wants, queues)
    if why := beyond_place(wants):
        raise GatewayError(
            Kind.INVALID,
            f"{why} cannot go to queue {wants.queue}, whose tasks run on a cluster",
            field="wants",
            subject=Subject.RESOURCE,
        )


def check_start(command: Execute) -> None:
    """Refuses a start, an end or a place that cannot be meant.

    Raises:
        GatewayError: INVALID or TOO_LARGE, with the field.
    """
    if not 0 <= command.start_at_ms <= _MAX_MS:
        raise GatewayError(Kind.INVALID, "the start is a time in ms from 0 on", field="start_at_ms")
    if len(command.after) > MAX_AFTER:
        raise GatewayError(
            Kind.TOO_LARGE, f"a task waits for at most {MAX_AFTER} others", field="after"
        )
    warn = command.warn
    if warn is not None and not (
        warn.signal in SIGNALS.values() and math.isfinite(warn.seconds) and warn.seconds >= 0
    ):
        raise GatewayError(
            Kind.INVALID, f"a warning is a signal ({', '.join(SIGNALS)}) and a time", field="warn"
        )


def _check_queue(wants: Wants, queues: Mapping[str, Queue]) -> None:
    queue = queues.get(wants.queue)
    if queue is None:
        raise GatewayError(
            Kind.INVALID, f"there is no queue {wants.queue}", field="queue", subject=Subject.QUEUE
        )
    if queue.status is QueueStatus.STOPPED:
        raise GatewayError(
            Kind.CONFLICT,
            f"queue {wants.queue} is stopped and takes no tasks",
            field="queue",
            subject=Subject.QUEUE,
        )


def _check_shape(shape: Shape) -> None:
    if not 1 <= len(shape.groups) <= MAX_GROUPS:
        raise GatewayError(
            Kind.INVALID, f"an alternative has 1 to {MAX_GROUPS} groups", field="wants"
        )
    if not math.isfinite(shape.seconds) or shape.seconds < 0:
        raise GatewayError(
            Kind.INVALID, "the time limit must be a number of seconds from 0 on", field="wants"
        )
    for pick in shape.groups:
        _check_pick(pick)


def _check_pick(pick: Pick) -> None:
    if not 1 <= len(pick.levels) <= MAX_LEVELS:
        raise GatewayError(Kind.INVALID, f"a group has 1 to {MAX_LEVELS} levels", field="wants")
    for name, count in pick.levels:
        if not _NAME.fullmatch(name):
            raise GatewayError(Kind.INVALID, "a level is named like a property", field="wants")
        if count not in {ALL, BEST, BEST_HALF} and not 1 <= count <= MAX_COUNT:
            raise GatewayError(
                Kind.INVALID, f"the count of {name} lies between 1 and {MAX_COUNT}", field="wants"
            )
    if len({name for name, _ in pick.levels}) != len(pick.levels):
        raise GatewayError(Kind.INVALID, "a group names a level once", field="wants")


def _check_ports(wants: Wants) -> None:
    if len(wants.ports) > MAX_PORT_LABELS:
        raise GatewayError(
            Kind.TOO_LARGE, f"a task has at most {MAX_PORT_LABELS} labels of ports", field="ports"
        )
    for label, ports in wants.ports.items():
        if not _LABEL.fullmatch(label):
            raise GatewayError(
                Kind.INVALID, "the label of a port is letters and digits", field="ports"
            )
        last = ports.first + ports.count - 1
        if ports.count < 1 or ports.first < 0 or last > _MAX_PORT:
            raise GatewayError(Kind.INVALID, f"no such ports: {label}", field=f"ports.{label}")
    if sum(ports.count for ports in wants.ports.values()) > MAX_PORTS:
        raise GatewayError(Kind.TOO_LARGE, f"a task has at most {MAX_PORTS} ports", field="ports")
