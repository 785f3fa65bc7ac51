"""What a waiting task needs besides a slot of the default queue, as it lies in its record."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from gateway.stores.spec import TaskSpec
from protocol.errors import GatewayError
from protocol.resources import Wants
from protocol.tasks import TaskId

__all__ = ["Demand", "decode_demand", "demand_of"]


@dataclass(frozen=True, slots=True)
class Demand:
    """The parts of a spec that decide about its start; the same for many tasks.

    ``gang`` names the group attempt whose members start together, empty if it is none.
    """

    wants: Wants | None = None
    seconds: float = 0.0
    start_at_ms: int = 0
    after: tuple[TaskId, ...] = ()
    gang: str = ""


def demand_of(spec: TaskSpec) -> bytes:
    """What a spec needs; empty if it is one slot of the default queue, at any time."""
    if spec.wants is None and not spec.start_at_ms and not spec.after and not spec.gang:
        return b""
    demand = Demand(spec.wants, spec.seconds, spec.start_at_ms, spec.after, spec.gang)
    return msgspec.msgpack.encode(demand)


def decode_demand(data: object) -> Demand | None:
    """The needs that were kept; None if there are none or nobody can read them."""
    if not isinstance(data, bytes):
        return None
    try:
        return msgspec.msgpack.decode(data, type=Demand)
    except (msgspec.MsgspecError, GatewayError, RecursionError):
        return None
