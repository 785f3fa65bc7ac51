"""Which waiting tasks start now, on which leaves, and why the others wait.

Pure: it sees a picture of the queue and of the pool and answers with starts. It must never look at
a clock, at Redis or at a process, and the same picture always gets the same answer.

A queue below its share comes first, then the larger priority, then the user who had least: every
user has a virtual time, which grows with each start by its leaves over the user's weight. Who comes
back after a pause joins at the time of the latest start; the queue sees to that, so that nobody
saves up a lead while idle. Among tasks of one user and need it is first come first served.

The first task that finds no room has a reservation: leaves that are kept for it, chosen so that the
run among them that started last started as early as possible. So nothing that starts later is ever
in its way, and it starts when those that run now have ended at the latest. A booked start keeps its
leaves free too: of tasks that would still run then, and, shortly before, of those without a limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from gateway.runner.claims import Claim, Plan, Start
from gateway.runner.fair_share import fair_plan, is_plain
from gateway.runner.leaf_keeper import Bounds, LeafKeeper, Occupied
from protocol.placement import Pool
from protocol.resources import Queue, QueueStatus, Shape, part_of

__all__ = ["Claim", "Plan", "Start", "plan"]

_MOST_FITS = 2_000
"""Searches for leaves in one plan: what is beyond is looked at when some of it has started."""
_MOST_BOOKED = 100
_MOST_BOOKED_EACH = 2
"""Booked starts of one user for which leaves are kept: others are begun like any task."""
_UNLIMITED = 1 << 60


class _Key(NamedTuple):
    """The order of claims: the smallest is next. It only ever grows while a plan is made."""

    unbooked: bool
    above_share: bool
    queue_priority: int
    priority: int
    virtual_time: float
    task_id: str
    serial: int


def plan(
    claims: Iterable[Claim],
    pool: Pool,
    live: Sequence[Occupied],
    queues: Mapping[str, Queue],
    bounds: Bounds,
    now_ms: int,
) -> Plan:
    """Decides what starts, as much as leaves, caps and ceilings allow.

    ``live`` are all runs that hold leaves. Ties go to the oldest task (identifiers are ordered by
    time). A queue that is not in ``queues`` starts nothing.
    """
    waiting = tuple(claims)
    if is_plain(waiting, live, queues):
        return fair_plan(waiting, pool, live, bounds)
    return _Planner(waiting, pool, live, queues, bounds, now_ms).plan()


class _Planner:
    def __init__(
        self,
        claims: Sequence[Claim],
        pool: Pool,
        live: Sequence[Occupied],
        queues: Mapping[str, Queue],
        bounds: Bounds,
        now_ms: int,
    ) -> None:
        self._claims = claims
        self._pool = pool
        self._queues = queues
        self._bounds = bounds
        self._now_ms = now_ms
        self._keeper = LeafKeeper(pool, live, bounds, now_ms)
        self._running = {claim.owner: claim.running for claim in claims}
        self._times = {claim.owner: claim.virtual_time for claim in claims}
        self._used: dict[str, int] = {}
        for run in live:
            self._used[run.queue] = self._used.get(run.queue, 0) + run.slots
        self._memory = bounds.memory_mb - sum(run.memory_mb for run in live)
        self._booked: set[int] = set()
        self._closed: set[str] = set()
        self._fits = 0
        self._starts: list[Start] = []
        self._reasons: dict[str, str] = {}

    def plan(self) -> Plan:
        self._keep_booked()
        heap = [
            (self._key(serial, 0), 0)
            for serial, claim in enumerate(self._claims)
            if claim.tasks and not self._is_early(claim)
        ]
        heapify(heap)
        while heap:
            key, taken = heappop(heap)
            fresh = self._key(key.serial, taken)
            if fresh > key:  # something started in between that counts for it
                heappush(heap, (fresh, taken))
                continue
            claim = self._claims[key.serial]
            reason = self._start(claim, claim.tasks[taken])
            if reason:
                self._reasons[claim.tasks[0]] = reason
            elif taken + 1 < len(claim.tasks):
                heappush(heap, (self._key(key.serial, taken + 1), taken + 1))
        return Plan(tuple(self._starts), self._keeper.preempted, self._reasons)

    def _key(self, serial: int, taken: int) -> _Key:
        claim = self._claims[serial]
        need = claim.need
        queue = self._queues.get(need.queue)
        share = part_of(len(self._pool.alive), queue.share) if queue and queue.share else 0
        return _Key(
            serial not in self._booked,
            self._used.get(need.queue, 0) >= share,
            -queue.priority if queue else 0,
            -need.priority,
            self._times[claim.owner],
            claim.tasks[taken],
            serial,
        )

    def _is_early(self, claim: Claim) -> bool:
        if claim.start_at_ms <= self._now_ms:
            return False
        self._reasons[claim.tasks[0]] = "its start is booked for later"
        return True

    def _keep_booked(self) -> None:
        """Keeps leaves for booked starts, the earliest first."""
        booked = sorted(
            (claim.start_at_ms, claim.tasks[0], serial)
            for serial, claim in enumerate(self._claims)
            if claim.start_at_ms and claim.tasks
        )
        each: dict[str, int] = {}
        for start_at_ms, _, serial in booked[:_MOST_BOOKED]:
            claim = self._claims[serial]
            each[claim.owner] = each.get(claim.owner, 0) + 1
            if each[claim.owner] > _MOST_BOOKED_EACH or self._never(claim, self._least(claim)):
                continue
            self._booked.add(serial)
            if start_at_ms > self._now_ms:
                self._keeper.book(_shapes(claim)[0], start_at_ms)

    def _least(self, claim: Claim) -> int:
        """How many leaves the smallest alternative takes, 0 if the pool has none that do."""
        found = (self._pool.least(shapes) for shapes in _shapes(claim))
        return min((size for size in found if size), default=0)

    def _start(self, claim: Claim, task_id: str) -> str:
        """Starts a task if it may and there is room; else the reason why it waits."""
        plain = claim.wants is None and not claim.members
        if not plain and self._fits >= _MOST_FITS:
            return "many are looked at before it"
        self._fits += 1
        least = 1 if plain else self._least(claim)
        refusal = self._never(claim, least) or self._not_now(claim, least, close=True)
        if refusal:
            return refusal
        if plain:
            leaf = self._keeper.any_leaf(claim.seconds)
            if leaf is not None:
                self._begin(claim, task_id, ((leaf,),), 0.0)
                return ""
            return self._wait(claim, least)
        for shapes in _shapes(claim):
            free = self._keeper.usable(_shorter(shapes[0].seconds, claim.seconds))
            self._fits += 1
            found = self._pool.fit_each(shapes, free) if len(free) >= least else None
            if found is not None:
                refusal = self._not_now(claim, sum(map(len, found)), close=False)
                if not refusal:
                    self._begin(claim, task_id, found, shapes[0].seconds)
                return refusal
        self._fits += 1
        return self._wait(claim, least)

    def _never(self, claim: Claim, slots: int) -> str:
        """Why a claim cannot start whatever ends, as things are set; empty if it can."""
        name, bounds = claim.need.queue, self._bounds
        queue = self._queues.get(name)
        if queue is None:
            return f"there is no queue {name}"
        if queue.status is QueueStatus.STOPPED:
            return f"queue {name} is stopped"
        refusal = ""
        if not slots and self._pool.alive:
            refusal = "it needs more than the pool has"
        elif slots > bounds.per_user:
            refusal = f"it needs {_many(slots)}, a user may have {bounds.per_user}"
        elif slots > self._ceiling(name):
            refusal = f"it needs {_many(slots)}, queue {name} may have {self._ceiling(name)}"
        elif claim.memory_mb > bounds.memory_mb:
            refusal = f"it needs {claim.memory_mb} MB of memory, there are {bounds.memory_mb}"
        return refusal

    def _not_now(self, claim: Claim, slots: int, *, close: bool) -> str:
        """Why so many leaves may not be had at the moment, whatever is free; empty if they may.

        ``close`` keeps what is left for this claim: nobody who comes after it takes it away.
        """
        name, owner, memory = claim.need.queue, claim.owner, claim.memory_mb
        limits = [
            (f"user {owner}", slots, self._bounds.per_user - self._running[owner]),
            (f"queue {name}", slots, self._ceiling(name) - self._used.get(name, 0)),
        ]
        if memory:
            limits.append(("memory", memory, self._memory))
        for whose, asked, left in limits:
            if whose in self._closed:
                return f"others of {whose} are before it"
            if asked > left:
                if close:
                    self._closed.add(whose)
                if whose == "memory":
                    return f"it needs {asked} MB of memory, {max(left, 0)} MB are free"
                return f"it needs {_many(asked)}, {whose} may have {max(left, 0)} more"
        return ""

    def _ceiling(self, name: str) -> int:
        """How many leaves a queue may have."""
        queue = self._queues[name]
        # A pool that is smaller than what runs refuses by its leaves, not by this.
        full = queue.ceiling >= 100  # noqa: PLR2004 - percent
        return _UNLIMITED if full else part_of(len(self._pool.alive), queue.ceiling)

    def _wait(self, claim: Claim, least: int) -> str:
        """Keeps leaves for a task that finds none, or has runs ended for it."""
        keeper = self._keeper
        options = _shapes(claim)
        if not claim.need.preemptible and keeper.preempt(options):
            return "runs are being ended for it"
        kept = keeper.reserve(options)
        free = keeper.free
        if free >= least and not kept:
            return f"it needs {_many(least)} and waits behind a larger task"
        return f"it needs {_many(least)}, {free} of {len(self._pool.alive)} are free"

    def _begin(
        self, claim: Claim, task_id: str, leaves: tuple[tuple[int, ...], ...], seconds: float
    ) -> None:
        slots = sum(map(len, leaves))
        queue, owner = claim.need.queue, claim.owner
        self._keeper.take(leaves)
        self._running[owner] += slots
        self._used[queue] = self._used.get(queue, 0) + slots
        self._memory -= claim.memory_mb
        self._times[owner] += slots / claim.weight
        self._starts.append(Start(task_id, owner, self._times[owner], leaves, seconds))


def _shapes(claim: Claim) -> list[tuple[Shape, ...]]:
    """The ways in which a claim can start: the one that ends first is tried first."""
    if claim.members:
        return [tuple(part.shapes[0] for part in claim.members)]
    ways = sorted(claim.need.shapes, key=lambda shape: shape.seconds or float("inf"))
    return [(shape,) for shape in ways]


def _shorter(one: float, other: float) -> float:
    """The shorter of two limits of which 0 is none."""
    return min(one, other) if one and other else one or other


def _many(leaves: int) -> str:
    return "1 slot" if leaves == 1 else f"{leaves} slots"
