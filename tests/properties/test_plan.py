"""The plan for tasks that ask for resources, against what must never happen and what must."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.runner.claims import Claim, Plan
from gateway.runner.leaf_keeper import Bounds, Occupied
from gateway.runner.scheduler import plan
from protocol.expressions import Expr
from protocol.placement import Pool
from protocol.resources import (
    DEFAULT_QUEUE,
    LEAF_ID,
    Leaf,
    LeafState,
    Pick,
    Queue,
    QueueStatus,
    Shape,
    Wants,
    slots,
)

OWNERS = ("ada", "ben", "cem")
QUEUES = (DEFAULT_QUEUE, "vc1", "vc2")
SHAPES = (
    slots(1),
    slots(2),
    slots(5),
    slots(2, 60.0),
    slots(9),
    slots(1, filter_=Expr("node = 'a'")),
    Shape((Pick(levels=(("node", 1),)),), 30.0),
    Shape((Pick(levels=(("node", 2), ("cpu", 1))),)),
    Shape((Pick(levels=(("cpu", 2), (LEAF_ID, 1))), Pick())),
)
NOW_MS = 1_000_000


def leaves(states: list[LeafState]) -> tuple[Leaf, ...]:
    """Two nodes with two processors of two cores each."""
    return tuple(
        Leaf(core, state, {"node": "ab"[(core - 1) // 4], "cpu": (core + 1) // 2})
        for core, state in enumerate(states, 1)
    )


@st.composite
def wants(draw: st.DrawFn) -> Wants:
    """What a task may ask for."""
    return Wants(
        tuple(draw(st.lists(st.sampled_from(SHAPES), max_size=2))),
        draw(st.sampled_from((*QUEUES, "none"))),
        draw(st.sampled_from((0, 0, 100, 600))),
        {},
        draw(st.integers(-1, 1)),
        draw(st.booleans()),
    )


@st.composite
def claims(draw: st.DrawFn) -> tuple[Claim, ...]:
    """Tasks of some users with their needs, some of which start together."""
    past = {owner: draw(st.floats(0, 20)) for owner in OWNERS}
    running = {owner: draw(st.integers(0, 3)) for owner in OWNERS}
    numbers = iter(draw(st.permutations(range(40))))
    found = []
    for _ in range(draw(st.integers(0, 6))):
        owner = draw(st.sampled_from(OWNERS))
        tasks = sorted(f"{next(numbers):04}" for _ in range(draw(st.integers(1, 3))))
        members = tuple(draw(st.lists(wants(), min_size=2, max_size=3)))
        together = draw(st.booleans()) and draw(st.booleans())
        found.append(
            Claim(
                owner,
                tuple(tasks),
                running[owner],
                past[owner],
                wants=None if together else draw(st.none() | wants()),
                members=members if together else (),
                seconds=draw(st.sampled_from((0.0, 10.0, 5000.0))),
                start_at_ms=draw(st.sampled_from((0, 0, 0, NOW_MS - 1, NOW_MS + 60_000))),
            )
        )
    return tuple(found)


@st.composite
def runs(draw: st.DrawFn) -> tuple[Occupied, ...]:
    """What runs, on leaves of its own."""
    left = list(draw(st.permutations(range(1, 9))))
    found = []
    for since in range(draw(st.integers(0, 4))):
        size = draw(st.integers(0, 2))
        mine, left = left[:size], left[size:]
        found.append(
            Occupied(
                f"run{since}",
                draw(st.sampled_from(OWNERS)),
                tuple(mine),
                draw(st.sampled_from(QUEUES)),
                since,
                draw(st.sampled_from((0, 200))),
                draw(st.booleans()),
                draw(st.sampled_from((0, NOW_MS + 30_000, NOW_MS + 9_000_000))),
                draw(st.booleans()) and draw(st.booleans()),
            )
        )
    return tuple(found)


@st.composite
def queues(draw: st.DrawFn) -> dict[str, Queue]:
    """Queues with shares and ceilings, of which one may be stopped."""
    return {
        name: Queue(
            name,
            draw(st.sampled_from((0.0, 25.0, 50.0))),
            draw(st.sampled_from((100.0, 50.0, 1.0))),
            draw(st.sampled_from((*[QueueStatus.RUNNING] * 5, QueueStatus.STOPPED))),
            draw(st.integers(0, 1)),
        )
        for name in QUEUES
    }


STATES = st.lists(
    st.sampled_from((*[LeafState.ALIVE] * 6, LeafState.DEAD, LeafState.ABSENT)),
    min_size=8,
    max_size=8,
)
BOUNDS = st.builds(Bounds, st.integers(1, 9), st.sampled_from((0, 500, 1000)))


def planned(
    waiting: tuple[Claim, ...],
    states: list[LeafState],
    live: tuple[Occupied, ...],
    line: dict[str, Queue],
    bounds: Bounds,
) -> Plan:
    """The plan for a picture."""
    return plan(waiting, Pool(leaves(states)), live, line, bounds, NOW_MS)


@given(claims(), STATES, runs(), queues(), BOUNDS)
def test_nothing_that_is_bounded_is_passed(
    waiting: tuple[Claim, ...],
    states: list[LeafState],
    live: tuple[Occupied, ...],
    line: dict[str, Queue],
    bounds: Bounds,
) -> None:
    """No leaf is given twice, no cap, ceiling or memory is passed, no stopped queue starts any."""
    result = planned(waiting, states, live, line, bounds)
    alive = {leaf.id for leaf in leaves(states) if leaf.state is LeafState.ALIVE}
    taken = {leaf for run in live for leaf in run.leaves}
    given_out = [leaf for start in result.starts for part in start.leaves for leaf in part]
    assert len(given_out) == len(set(given_out))
    assert set(given_out) <= alive - taken

    by_task = {task: claim for claim in waiting for task in claim.tasks}
    owners, used, memory = Counter[str](), Counter[str](), 0
    for start in result.starts:
        claim = by_task[start.task_id]
        size = sum(map(len, start.leaves))
        assert claim.start_at_ms <= NOW_MS
        assert line[claim.need.queue].status is QueueStatus.RUNNING
        owners[start.owner] += size
        used[claim.need.queue] += size
        memory += claim.memory_mb
    for claim in waiting:
        if owners[claim.owner]:
            assert claim.running + owners[claim.owner] <= bounds.per_user
    for run in live:
        used[run.queue] += run.slots if used[run.queue] else 0
    for name, queue in line.items():
        if used[name] and queue.ceiling < 100:
            assert used[name] <= max(1, int(len(alive) * queue.ceiling / 100))
    if memory:
        assert memory + sum(run.memory_mb for run in live) <= bounds.memory_mb


@given(claims(), STATES, runs(), queues(), BOUNDS)
def test_every_task_that_waits_has_a_reason(
    waiting: tuple[Claim, ...],
    states: list[LeafState],
    live: tuple[Occupied, ...],
    line: dict[str, Queue],
    bounds: Bounds,
) -> None:
    """A claim of which something does not start says why; one that starts whole does not."""
    result = planned(waiting, states, live, line, bounds)
    started = {start.task_id for start in result.starts}
    for claim in waiting:
        assert (claim.tasks[0] in result.reasons) is not started.issuperset(claim.tasks)
    assert all(result.reasons.values())


@given(claims(), STATES, runs(), queues(), BOUNDS, st.randoms(use_true_random=False))
def test_the_answer_depends_on_the_picture_only(
    waiting: tuple[Claim, ...],
    states: list[LeafState],
    live: tuple[Occupied, ...],
    line: dict[str, Queue],
    bounds: Bounds,
    shuffler: object,
) -> None:
    """The same picture, told in any order, gets the same answer."""
    once = planned(waiting, states, live, line, bounds)
    other = sorted(waiting, key=lambda claim: hash((str(shuffler), claim.tasks)))
    assert planned(tuple(other), states, live[::-1], line, bounds) == once


@given(claims(), STATES, runs(), queues(), BOUNDS)
def test_only_who_asked_for_it_is_preempted(
    waiting: tuple[Claim, ...],
    states: list[LeafState],
    live: tuple[Occupied, ...],
    line: dict[str, Queue],
    bounds: Bounds,
) -> None:
    """Preemptible runs are ended, once, for tasks that are not; a preemptible one ends nobody."""
    result = planned(waiting, states, live, line, bounds)
    able = {run.run_id for run in live if run.preemptible and not run.ending}
    assert able.issuperset(result.preemptions)
    assert len(set(result.preemptions)) == len(result.preemptions)
    meek = tuple(
        replace(claim, wants=replace(claim.need, preemptible=True), members=()) for claim in waiting
    )
    assert planned(meek, states, live, line, bounds).preemptions == ()


@given(
    st.sampled_from([shape for shape in SHAPES if shape != slots(9)]),
    st.lists(st.sampled_from(SHAPES[:5]), min_size=1, max_size=20),
    runs(),
    st.randoms(use_true_random=False),
)
def test_a_large_claim_starts_when_what_runs_has_ended_at_the_latest(
    shape: Shape, small: list[Shape], live: tuple[Occupied, ...], shuffler: object
) -> None:
    """However much comes after it and never ends, the first in line waits for present runs only."""
    pool = Pool(leaves([LeafState.ALIVE] * 8))
    line = {name: Queue(name) for name in QUEUES}
    running = {run.run_id: run for run in live if run.leaves}
    to_end = sorted(running, key=lambda run_id: hash((str(shuffler), run_id)))
    first = Claim("zoe", ("0000",), wants=Wants((shape,), priority=1))
    rest = [
        Claim("ada", (f"{number:04}",), wants=Wants((one,)), seconds=one.seconds)
        for number, one in enumerate(small, 1)
    ]
    for since in range(len(to_end) + 1):
        result = plan(
            (first, *rest[: 4 * since + 4]), pool, tuple(running.values()), line, Bounds(99), NOW_MS
        )
        started = {start.task_id for start in result.starts}
        if first.tasks[0] in started:
            return
        for start in result.starts:
            running[start.task_id] = Occupied(
                start.task_id, "ada", start.leaves[0], since=100 + since
            )
        rest = [claim for claim in rest if claim.tasks[0] not in started]
        if to_end:
            del running[to_end.pop()]
    raise AssertionError("the large claim did not start")


@given(st.integers(1, 8), runs())
def test_who_has_runs_ended_starts_when_they_have(size: int, live: tuple[Occupied, ...]) -> None:
    """What was preempted suffices, and nobody else gets its leaves meanwhile."""
    pool = Pool(leaves([LeafState.ALIVE] * 8))
    line = {name: Queue(name) for name in QUEUES}
    live = tuple(run for run in live if run.leaves)
    rest = tuple({*range(1, 9)} - {leaf for run in live for leaf in run.leaves})
    assume(rest)
    live += (Occupied("soft", "ben", rest, since=50, preemptible=True),)
    claim = Claim("zoe", ("0000",), wants=Wants((slots(min(size, len(rest))),)))
    other = Claim("ada", ("0001",), wants=Wants((slots(1),), preemptible=True))
    result = plan((claim, other), pool, live, line, Bounds(99), NOW_MS)
    assume(result.preemptions)
    ended = tuple(
        run for run in live if run.run_id not in result.preemptions and not run.ending
    ) + tuple(
        Occupied(start.task_id, start.owner, start.leaves[0], since=9) for start in result.starts
    )
    again = plan((claim,), pool, ended, line, Bounds(99), NOW_MS)
    assert [start.task_id for start in again.starts] == ["0000"]


def test_a_booked_start_finds_its_leaves_free() -> None:
    """Of its leaves others get what they give back in time, and no unlimited one gets any."""
    pool = Pool(leaves([LeafState.ALIVE] * 8))
    line = {DEFAULT_QUEUE: Queue(DEFAULT_QUEUE)}
    at_ms = NOW_MS + 600_000
    booked = Claim("zoe", ("0000",), wants=Wants((slots(6),)), start_at_ms=at_ms)
    endless = Claim("ada", tuple(f"1{number:03}" for number in range(8)))
    short = Claim("ben", tuple(f"2{number:03}" for number in range(8)), seconds=60.0)
    result = plan((booked, endless, short), pool, (), line, Bounds(99), NOW_MS)
    counted = Counter(start.owner for start in result.starts)
    assert counted in ({"ada": 1, "ben": 7}, {"ada": 2, "ben": 6})
    kept = [start for start in result.starts if start.owner == "ada"]
    live = tuple(Occupied(start.task_id, "ada", start.leaves[0]) for start in kept)
    later = plan((endless, booked), pool, live, line, Bounds(99), at_ms)
    assert later.starts[0].task_id == "0000"


def test_a_booking_far_ahead_stops_nobody() -> None:
    """Long before a booked start its leaves are given to tasks without a limit."""
    pool = Pool(leaves([LeafState.ALIVE] * 8))
    line = {DEFAULT_QUEUE: Queue(DEFAULT_QUEUE)}
    booked = Claim("zoe", ("0000",), wants=Wants((slots(8),)), start_at_ms=NOW_MS + 90_000_000)
    endless = Claim("ada", ("1", "2"))
    assert len(plan((booked, endless), pool, (), line, Bounds(99), NOW_MS).starts) == 2


def test_who_holds_a_queue_back_is_told() -> None:
    """A claim that waits for room below a ceiling keeps it; one that never fits keeps nothing."""
    pool = Pool(leaves([LeafState.ALIVE] * 8))
    line = {"vc1": Queue("vc1", ceiling=50.0)}
    live = (Occupied("run", "ben", (1, 2), "vc1"),)
    large = Claim("ada", ("1",), wants=Wants((slots(3),), "vc1"))
    small = Claim("ada", ("2",), wants=Wants((slots(1),), "vc1"))
    never = replace(large, wants=Wants((slots(5),), "vc1"))
    result = plan((large, small), pool, live, line, Bounds(99), NOW_MS)
    assert result.starts == ()
    assert result.reasons["1"] == "it needs 3 slots, queue vc1 may have 2 more"
    assert result.reasons["2"] == "others of queue vc1 are before it"
    result = plan((never, small), pool, live, line, Bounds(99), NOW_MS)
    assert [start.task_id for start in result.starts] == ["2"]
    assert result.reasons["1"] == "it needs 5 slots, queue vc1 may have 4"


def test_a_queue_below_its_share_goes_first() -> None:
    """Then the larger priority, then the user who had least."""
    pool = Pool(leaves([LeafState.ALIVE] * 8))
    line = {"vc1": Queue("vc1", share=25.0), "vc2": Queue("vc2", priority=1)}
    third = Claim("ada", ("1", "2", "3"), virtual_time=9.0, wants=Wants(queue="vc1"))
    second = Claim("ben", ("4",), wants=Wants(queue="vc2"))
    last = Claim("cem", ("5",), virtual_time=99.0, wants=Wants(queue="vc2", priority=-1))
    result = plan((last, third, second), pool, (), line, Bounds(99), NOW_MS)
    assert [start.task_id for start in result.starts] == ["1", "2", "4", "5", "3"]


def test_the_alternative_that_ends_first_is_taken() -> None:
    """Of those that fit now; what it says about time goes with the start."""
    pool = Pool(leaves([LeafState.ALIVE] * 8))
    line = {DEFAULT_QUEUE: Queue(DEFAULT_QUEUE)}
    ways = (slots(2, 100.0), slots(8, 20.0), slots(4, 50.0))
    claim = Claim("ada", ("1",), wants=Wants(ways))
    (start,) = plan((claim,), pool, (), line, Bounds(99), NOW_MS).starts
    assert (len(start.leaves[0]), start.seconds) == (8, 20.0)
    live = (Occupied("run", "ben", (1,)),)
    (start,) = plan((claim,), pool, live, line, Bounds(99), NOW_MS).starts
    assert (len(start.leaves[0]), start.seconds) == (4, 50.0)


def test_ten_thousand_different_claims_are_weighed_in_a_moment() -> None:
    """A long line of tasks that cannot start costs no more than some that are looked at."""
    pool = Pool(leaves([LeafState.ALIVE] * 8))
    line = {DEFAULT_QUEUE: Queue(DEFAULT_QUEUE)}
    claims = [
        Claim(f"user{at % 50}", (f"{at:05}",), wants=Wants((slots(2 + at % 7, float(at)),)))
        for at in range(10_000)
    ]
    live = (Occupied("run", "ben", (1, 2, 3, 4, 5, 6, 7)),)
    before = time.process_time()
    result = plan(claims, pool, live, line, Bounds(99), NOW_MS)
    assert time.process_time() - before < 5
    assert (result.starts, len(result.reasons)) == ((), 10_000)
    alike = Claim("ada", tuple(f"{at:05}" for at in range(100_000)), wants=Wants((slots(2),)))
    before = time.process_time()
    assert plan((alike,), pool, live, line, Bounds(99), NOW_MS).starts == ()
    assert time.process_time() - before < 0.1


def test_a_group_starts_whole_or_not_at_all() -> None:
    """Members that fit alone wait for those that do not."""
    pool = Pool(leaves([LeafState.ALIVE] * 8))
    line = {DEFAULT_QUEUE: Queue(DEFAULT_QUEUE)}
    group = Claim("ada", ("1",), members=(Wants((slots(4),)), Wants((slots(3),)), Wants()))
    live = (Occupied("run", "ben", (1,)),)
    assert plan((group,), pool, live, line, Bounds(99), NOW_MS).starts == ()
    (start,) = plan((group,), pool, (), line, Bounds(99), NOW_MS).starts
    assert tuple(map(len, start.leaves)) == (4, 3, 1)
    assert start.virtual_time == 8.0
