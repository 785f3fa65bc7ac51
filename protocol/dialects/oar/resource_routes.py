"""Resources: listed, looked at, described, made, put into a state, removed, and who has them.

OAR document, *GET /resources* and those that follow it. Everybody may look; administrators change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from protocol.command import Command, Each, Given, Then
from protocol.commands.board import PublicTask
from protocol.commands.resources import (
    DropResource,
    ListResources,
    PoolReport,
    PutResources,
    SetResourceState,
)
from protocol.commands.tasks import ReadTask
from protocol.dialects.oar.asking import as_admin
from protocol.dialects.oar.collection import link, paged, paging, unpaged
from protocol.dialects.oar.faults import OarError, bad_query, missing, not_found
from protocol.dialects.oar.formats import Answer, address, data_of, hash_of, now_of, query_of
from protocol.dialects.oar.job import state_of
from protocol.dialects.oar.leaf import full_leaf, node_of, short_leaf
from protocol.dialects.oar.new_resources import generated, properties_of
from protocol.dialects.oar.structures import keyed, structure_of
from protocol.dialects.oar.words import NAME
from protocol.errors import GatewayError, Kind, Subject
from protocol.http import Request
from protocol.media import JsonObject, JsonValue
from protocol.resources import LEAF_ID, NODE, Leaf, LeafState
from protocol.tasks import ById, Task, TaskId

__all__ = [
    "Held",
    "ResourceRoutes",
    "parse_delete",
    "parse_generate",
    "parse_holders",
    "parse_list",
    "parse_node",
    "parse_node_holders",
    "parse_one",
    "parse_state",
    "render_deleted",
    "render_details",
    "render_generated",
    "render_holders",
    "render_list",
    "render_made",
    "render_node",
    "render_one",
    "render_state",
]

R = TypeVar("R")

_STATES = {"Alive": LeafState.ALIVE, "Absent": LeafState.ABSENT, "Dead": LeafState.DEAD}
_MOST_JOBS = 400


@dataclass(frozen=True, slots=True)
class Held:
    """Jobs that have resources: tasks by the ids of the leaves. ``of`` is a property or empty."""

    leaves: tuple[Leaf, ...]
    tasks: Mapping[int, Task]
    of: str = ""


class ResourceRoutes:
    """Making resources, which needs the properties that the settings declare."""

    def __init__(self, declared: Sequence[str]) -> None:
        self._declared = frozenset(declared)

    def parse_create(self, request: Request) -> Command[tuple[Leaf, ...]]:
        """Asks for new resources."""
        data = data_of(request, "resource")

        def further(report: PoolReport) -> Command[tuple[Leaf, ...]]:
            known = self._declared.union(*(one.leaf.properties for one in report.leaves))
            return PutResources(properties_of(data, known))

        return as_admin(lambda: Then(ListResources(), further))


def parse_list(request: Request) -> Command[PoolReport]:
    """Asks for all resources."""
    structure_of(request)
    paging(request)
    return ListResources()


def parse_one(request: Request) -> Command[Leaf]:
    """Asks for one resource."""
    leaf_id = _leaf_id(request.params["id"])
    return _on_leaves(lambda leaf: leaf.id == leaf_id, lambda found: Given(found[0]))


def parse_node(request: Request) -> Command[tuple[Leaf, ...]]:
    """Asks for the resources of a node."""
    name = request.params["name"]
    return _on_leaves(lambda leaf: node_of(leaf) == name, Given)


def parse_holders(request: Request) -> Command[Held]:
    """Asks for the jobs of a resource, or for those of each value of a property."""
    name = request.params["id"]
    if name.isdigit():
        leaf_id = _leaf_id(name)
        return _held(lambda leaf: leaf.id == leaf_id)
    core = {"network_address": NODE, "resource_id": LEAF_ID}.get(name, name)
    return _held(lambda leaf: core in leaf.values(), core)


def parse_node_holders(request: Request) -> Command[Held]:
    """Asks for the jobs of a node."""
    name = request.params["name"]
    return _held(lambda leaf: node_of(leaf) == name)


def parse_generate(request: Request) -> Command[tuple[JsonObject, ...]]:
    """Asks for the properties of resources that a description stands for; none is made."""
    data = hash_of(request, "resources generation")
    if not data.get("resources"):
        raise missing("The resources to generate are missing")
    return as_admin(lambda: Then(ListResources(), lambda report: Given(generated(data, report))))


def parse_state(request: Request) -> Command[Leaf]:
    """Asks for another state of a resource."""
    leaf_id = _leaf_id(request.params["id"])
    name = hash_of(request, "state").get("state")
    if name is None:
        raise missing("The state is missing")
    state = _STATES.get(name) if isinstance(name, str) else None
    if state is None:
        raise OarError(Kind.INVALID, "Bad state", f"The state is one of {', '.join(_STATES)}")
    return as_admin(
        lambda: _on_leaves(
            lambda leaf: leaf.id == leaf_id, lambda _found: SetResourceState(leaf_id, state)
        )
    )


def parse_delete(request: Request) -> Command[Leaf]:
    """Asks for a dead resource to be removed, named by its id or by node and cpuset."""
    if "cpuset" in request.params:
        node, cpuset = request.params["id"], request.params["cpuset"]
        return as_admin(
            lambda: _on_leaves(
                lambda leaf: (
                    node_of(leaf) == node and str(leaf.properties.get("cpuset", "")) == cpuset
                ),
                _dropped,
            )
        )
    leaf_id = _leaf_id(request.params["id"])
    return as_admin(lambda: _on_leaves(lambda leaf: leaf.id == leaf_id, _dropped))


def render_list(report: PoolReport, request: Request) -> Answer:
    """A page of short items."""
    return _page(report, request, short_leaf)


def render_details(report: PoolReport, request: Request) -> Answer:
    """A page of full items."""
    return _page(report, request, full_leaf)


def render_one(leaf: Leaf, request: Request) -> Answer:
    """One resource."""
    return Answer(full_leaf(leaf, request))


def render_node(leaves: tuple[Leaf, ...], request: Request) -> Answer:
    """The resources of a node."""
    return Answer(unpaged([short_leaf(leaf, request) for leaf in leaves], request))


def render_holders(held: Held, request: Request) -> Answer:
    """The jobs that have resources."""
    if held.of:
        return _by_value(held, request)
    states = query_of(request).get("state")
    wanted = set(states.split(",")) if states else None
    jobs = {
        task.number
        for task in held.tasks.values()
        if wanted is None or state_of(PublicTask.of(task)) in wanted
    }
    items: list[JsonValue] = [
        {
            "id": number,
            "links": [link("self", address(request, f"/jobs/{number}"))],
            "api_timestamp": now_of(request),
        }
        for number in sorted(jobs)
    ]
    return Answer(unpaged(items, request))


def render_generated(leaves: tuple[JsonObject, ...], request: Request) -> Answer:
    """The properties of what would be made."""
    return Answer(unpaged(leaves, request))


def render_made(leaves: tuple[Leaf, ...], request: Request) -> Answer:
    """The ids of what was made."""
    items: list[JsonValue] = [
        {"id": leaf.id, "links": [link("self", address(request, f"/resources/{leaf.id}"))]}
        for leaf in leaves
    ]
    made = unpaged(items, request)
    if len(leaves) == 1:  # as OAR's document prints it
        uri = address(request, f"/resources/{leaves[0].id}")
        made |= {"id": leaves[0].id, "status": "ok", "uri": uri, "warnings": []}
    return Answer(made)


def render_state(leaf: Leaf, request: Request) -> Answer:
    """That the state was changed."""
    return Answer(
        {
            "id": leaf.id,
            "status": "Change state request registered",
            "uri": address(request, f"/resources/{leaf.id}"),
            "api_timestamp": now_of(request),
        }
    )


def render_deleted(_leaf: Leaf, request: Request) -> Answer:
    """That the resource was removed."""
    return Answer({"status": "deleted", "api_timestamp": now_of(request)})


def _page(
    report: PoolReport, request: Request, tell: Callable[[Leaf, Request], JsonObject]
) -> Answer:
    part = paging(request)
    shown = part.of([one.leaf for one in report.leaves])
    items: list[JsonValue] = [tell(leaf, request) for leaf in shown]
    found = paged(items, len(report.leaves), part, request)
    return Answer(keyed(found, [leaf.id for leaf in shown], structure_of(request)))


def _on_leaves(
    fits: Callable[[Leaf], bool], further: Callable[[tuple[Leaf, ...]], Command[R]]
) -> Command[R]:
    """Goes on with the resources that fit; 404 if there is none."""

    def chosen(report: PoolReport) -> Command[R]:
        found = tuple(one.leaf for one in report.leaves if fits(one.leaf))
        if not found:
            raise not_found("Resource not found", "There is no such resource", Subject.RESOURCE)
        return further(found)

    return Then(ListResources(), chosen)


def _held(fits: Callable[[Leaf], bool], of: str = "") -> Command[Held]:
    def further(report: PoolReport) -> Command[Held]:
        found = [one for one in report.leaves if fits(one.leaf)]
        if not found:
            raise not_found("Resource not found", "There is no such resource", Subject.RESOURCE)
        leaves = tuple(one.leaf for one in found)
        holders = {one.leaf.id: one.task for one in found if one.task}
        ids = tuple(dict.fromkeys(holders.values()))[:_MOST_JOBS]
        reads = Each(tuple(ReadTask(ById(id_)) for id_ in ids))
        return Then(reads, lambda tasks: Given(Held(leaves, _by_leaf(holders, tasks), of)))

    return Then(ListResources(), further)


def _by_leaf(
    holders: Mapping[int, TaskId], tasks: Sequence[Task | GatewayError]
) -> dict[int, Task]:
    """Who has what, as far as it is a job of this API that the caller may see."""
    seen = {one.id: one for one in tasks if isinstance(one, Task) and one.dialect == NAME}
    return {leaf: seen[task] for leaf, task in holders.items() if task in seen}


def _by_value(held: Held, request: Request) -> Answer:
    jobs: dict[str | int, set[int]] = {}
    for leaf in held.leaves:
        value = leaf.values()[held.of]
        found = jobs.setdefault(value if isinstance(value, str | int) else str(value), set())
        if leaf.id in held.tasks:
            found.add(held.tasks[leaf.id].number)
    name = request.params["id"]
    items: list[JsonValue] = [
        {name: value, "jobs": [*sorted(numbers)]} for value, numbers in jobs.items()
    ]
    links = [link("self", address(request, f"/resources/{name}/jobs"))]
    return Answer({"items": items, "links": list(links), "api_timestamp": now_of(request)})


def _dropped(found: tuple[Leaf, ...]) -> Command[Leaf]:
    leaf = found[0]
    if leaf.state is not LeafState.DEAD:
        raise OarError(
            Kind.FORBIDDEN, "Forbidden", f"The resource {leaf.id} must be in the Dead status"
        )
    return DropResource(leaf.id)


def _leaf_id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 15):  # noqa: PLR2004 - digits
        raise bad_query("the id of a resource is a number")
    return int(text)
