"""Lists of jobs: ``/jobs``, ``/jobs/details`` and ``/jobs/table``, with their filters and pages.

OAR document, *GET /jobs*. All jobs of this dialect are public, in the order of their ids. A list
looks at the newest of them, at no more than the board of the gateway does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import TypeVar

from protocol.command import Command, Each, Given, Then
from protocol.commands.board import Board, PublicTask, ReadBoard
from protocol.commands.history import ReadSubmission, Submission
from protocol.commands.resources import ReadAllotment, TaskAllotment
from protocol.dialects.oar.collection import Paging, number_of, paged, paging
from protocol.dialects.oar.faults import bad_query
from protocol.dialects.oar.formats import Answer, query_of
from protocol.dialects.oar.job import (
    Known,
    array_of,
    full,
    held_nodes,
    held_resources,
    in_oar_structure,
    row,
    short,
    state_of,
)
from protocol.dialects.oar.structures import Structure, keyed, structure_of
from protocol.dialects.oar.words import IN_THE_QUEUE, NAME, states_of
from protocol.errors import GatewayError
from protocol.http import Request
from protocol.media import JsonObject
from protocol.tasks import ById

__all__ = [
    "Page",
    "Wanted",
    "listed",
    "parse_details",
    "parse_list",
    "render_details",
    "render_list",
    "render_table",
]

R = TypeVar("R")

_STEP = 1000
_MOST_DETAILS = 300
_MOST_IDS = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs a list shows. None and 0 are no condition."""

    states: frozenset[str] | None = IN_THE_QUEUE
    user: str = ""
    array: int = 0
    ids: frozenset[int] | None = None
    since: int = 0
    until: int = 0

    def fits(self, task: PublicTask) -> bool:
        """Whether a job is shown."""
        if self.states is not None and state_of(task) not in self.states:
            return False
        if self.ids is not None and task.number not in self.ids:
            return False
        if self.array and array_of(task) != self.array:
            return False
        return self._alive(task)

    def _alive(self, task: PublicTask) -> bool:
        """Whether it was alive between the two dates."""
        created, started = task.created_ms // 1000, task.started_ms // 1000
        stopped = task.finished_ms // 1000
        if self.since:
            walltime = task.client.get("walltime", 0)
            limit = started + (walltime if isinstance(walltime, int) else 0)
            last = stopped or (limit if started else created)
            if last < self.since:
                return False
        if not self.until:
            return True
        return started < self.until if started else created <= self.until


@dataclass(frozen=True, slots=True)
class Page:
    """The jobs of a page, and how many there are in all."""

    jobs: tuple[Known, ...]
    total: int
    part: Paging


def parse_list(request: Request) -> Command[Page]:
    """Asks for the jobs of a page."""
    structure_of(request)
    wanted, part = _wanted(request), paging(request)
    return listed(wanted, lambda tasks: Given(_page(tasks, wanted, part)))


def parse_details(request: Request) -> Command[Page]:
    """Asks for the jobs of a page with what each of them was given."""
    structure_of(request)
    wanted, part = _wanted(request), paging(request)
    if not part.limit or part.limit > _MOST_DETAILS:
        part = Paging(_MOST_DETAILS, part.offset)

    def further(tasks: Sequence[PublicTask]) -> Command[Page]:
        page = _page(tasks, wanted, part)
        user = request.user
        own = [known.task for known in page.jobs if user and known.task.owner == user]
        asked: tuple[Command[TaskAllotment | None] | Command[Submission], ...] = (
            *(ReadAllotment(ById(known.task.id)) for known in page.jobs),
            *(ReadSubmission(ById(task.id)) for task in own[:100]),
        )
        each: Each[TaskAllotment | Submission | None] = Each(asked)
        return Then(each, lambda found: Given(_filled(page, found)))

    return listed(wanted, further)


def render_list(page: Page, request: Request) -> Answer:
    """The short items."""
    items = [short(known.task, request) for known in page.jobs]
    return _answer(items, page, request)


def render_details(page: Page, request: Request) -> Answer:
    """The full items with their resources and nodes."""
    items: list[JsonObject] = []
    for known in page.jobs:
        shown = full(known, request)
        shown["resources"] = held_resources(known, request)
        shown["nodes"] = held_nodes(known, request)
        if structure_of(request) is Structure.OAR:
            shown = in_oar_structure(shown, known)
        items.append(shown)
    return _answer(items, page, request)


def render_table(page: Page, request: Request) -> Answer:
    """The rows of the table."""
    return _answer([row(known.task, request) for known in page.jobs], page, request)


def _answer(items: list[JsonObject], page: Page, request: Request) -> Answer:
    found = paged(items, page.total, page.part, request)
    numbers = [known.task.number for known in page.jobs]
    return Answer(keyed(found, numbers, structure_of(request)))


def listed(wanted: Wanted, then: Callable[[Sequence[PublicTask]], Command[R]]) -> Command[R]:
    """All jobs that may fit, in the order of their ids, for ``then``."""
    states = states_of(wanted.states) if wanted.states is not None else ()
    if wanted.states is not None and not states:
        return then(())
    ask = partial(ReadBoard, NAME, wanted.user, states)

    def further(first: Board) -> Command[R]:
        steps = ceil(first.total / _STEP)
        boards: Each[Board] = Each(
            tuple(ask(limit=_STEP, offset=_STEP * step) for step in range(steps))
        )
        return Then(boards, lambda found: then(_joined(found)))

    return Then(ask(limit=0), further)


def _joined(boards: Sequence[Board | GatewayError]) -> tuple[PublicTask, ...]:
    found: dict[int, PublicTask] = {}
    for board in boards:
        if isinstance(board, GatewayError):
            raise board
        found |= {task.number: task for task in board.tasks}
    return tuple(found[number] for number in sorted(found))


def _page(tasks: Sequence[PublicTask], wanted: Wanted, part: Paging) -> Page:
    fitting = [task for task in tasks if wanted.fits(task)]
    return Page(tuple(map(Known, part.of(fitting))), len(fitting), part)


def _filled(page: Page, found: Sequence[TaskAllotment | Submission | GatewayError | None]) -> Page:
    codes = {one.task.id: one.code for one in found if isinstance(one, Submission)}
    jobs = []
    for known, given in zip(page.jobs, found, strict=False):
        allotment = given if isinstance(given, TaskAllotment) else None
        jobs.append(Known(known.task, codes.get(known.task.id, ""), allotment))
    return Page(tuple(jobs), page.total, page.part)


def _wanted(request: Request) -> Wanted:
    query = query_of(request)
    ids: frozenset[int] | None = None
    if text := query.get("ids"):
        words = text.split(":")
        if len(words) > _MOST_IDS:
            raise bad_query(f"at most {_MOST_IDS} ids are asked for")
        ids = frozenset(number_of(one, "ids") for one in words)
    since = number_of(query.get("from") or "0", "from")
    until = number_of(query.get("to") or "0", "to")
    array = number_of(query.get("array") or "0", "array")
    states: frozenset[str] | None = IN_THE_QUEUE
    if text := query.get("state"):
        states = frozenset(one.strip() for one in text.split(","))
    elif since or until or array or ids is not None:
        states = None
    return Wanted(states, query.get("user", ""), array, ids, since, until)
