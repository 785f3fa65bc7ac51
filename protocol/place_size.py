"""What a task asks of the pool, as a cluster with a scheduler of its own can be asked for it.

Pure. Such a cluster has nodes and processors and no leaves of ours. So the level of the node counts
nodes, what is below it counts processors of each, and conditions on leaves mean nothing there. Of
several alternatives the first one is asked for.
"""

from __future__ import annotations

from typing import NamedTuple

from protocol.expressions import ALWAYS
from protocol.resources import ALL, NODE, Pick, Wants

__all__ = ["PlaceSize", "beyond_place", "size_of"]


class PlaceSize(NamedTuple):
    """So many nodes, with so many processors of each, or each of them whole."""

    nodes: int
    processors: int
    alone: bool = False


def size_of(wants: Wants) -> PlaceSize:
    """What the first alternative comes to; words such as BEST count as one."""
    parts = [_part(pick) for pick in wants.shapes[0].groups]
    if any(part.nodes for part in parts):
        parts = [part._replace(nodes=max(part.nodes, 1)) for part in parts]
        most = max(part.processors for part in parts)
        return PlaceSize(sum(part.nodes for part in parts), most, any(one.alone for one in parts))
    return PlaceSize(1, sum(part.processors for part in parts))


def beyond_place(wants: Wants) -> str:
    """What of the wants no such cluster can be asked for, for a sentence; empty if nothing."""
    groups = wants.shapes[0].groups
    if any(pick.filter != ALWAYS for pick in groups):
        return "a task with a condition on resources"
    if any(count == ALL for pick in groups for _, count in pick.levels):
        return "a task that asks for all of something"
    sizes = {part.processors for part in map(_part, groups)}
    if len(sizes) > 1 and any(name == NODE for pick in groups for name, _ in pick.levels):
        return "a task that asks for nodes of different sizes"
    return ""


def _part(pick: Pick) -> PlaceSize:
    """What one group comes to; no nodes if it names none."""
    nodes, processors = 0, 1
    for name, count in pick.levels:
        if name == NODE:
            nodes = max(count, 1)
        else:
            processors *= max(count, 1)
    return PlaceSize(nodes, processors, alone=pick.levels[-1][0] == NODE)
