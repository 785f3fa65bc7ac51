"""The scheduler against its invariants, for any queue, any caps and any history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gateway.runner.claims import Claim, Start
from gateway.runner.leaf_keeper import Bounds, Occupied
from gateway.runner.scheduler import plan
from protocol.placement import Pool
from protocol.resources import DEFAULT_QUEUE, Leaf, Queue, Wants
from tests.properties import fair_choice
from tests.properties.fair_choice import Slots

WEIGHTS = (0.5, 1.0, 2.0, 4.0)
OWNERS = ("ada", "ben", "cem", "dea", "eva")


def choose(claims: Iterable[Claim], slots: Slots, running: int) -> tuple[Start, ...]:
    """What starts on a pool of equal leaves, of which as many are taken as there are runs."""
    pool = Pool(Leaf(number) for number in range(1, slots.total + 1))
    live = [
        Occupied(str(number), "", (number,) if number <= slots.total else ())
        for number in range(1, running + 1)
    ]
    queues = {DEFAULT_QUEUE: Queue(DEFAULT_QUEUE)}
    return plan(claims, pool, live, queues, Bounds(slots.per_user), 0).starts


@st.composite
def pictures(draw: st.DrawFn) -> tuple[tuple[Claim, ...], Slots, int]:
    """A queue with some users, their past, the caps and how much runs already."""
    owners = draw(st.lists(st.sampled_from(OWNERS), unique=True, max_size=5))
    claims: list[Claim] = []
    for owner in owners:
        numbers = draw(st.lists(st.integers(0, 9999), unique=True, max_size=8))
        claims.append(
            Claim(
                owner,
                tuple(f"{number:04}-{owner}" for number in sorted(numbers)),
                draw(st.integers(0, 5)),
                draw(st.floats(0, 50)),
                draw(st.sampled_from(WEIGHTS)),
            )
        )
    slots = Slots(draw(st.integers(1, 12)), draw(st.integers(1, 6)))
    others = draw(st.integers(0, 3))
    running = others + sum(claim.running for claim in claims)
    return tuple(claims), slots, running


@given(pictures())
def test_tasks_that_ask_for_nothing_start_as_ever(
    picture: tuple[tuple[Claim, ...], Slots, int],
) -> None:
    """Where every task is one slot, the plan is the fair choice, in the same order."""
    claims, slots, running = picture
    expected = [
        (one.task_id, one.owner, one.virtual_time)
        for one in fair_choice.choose(claims, slots, running)
    ]
    asking = tuple(replace(claim, wants=Wants()) for claim in claims)
    for same in (claims, asking):
        found = choose(same, slots, running)
        assert [(one.task_id, one.owner, one.virtual_time) for one in found] == expected
        leaves = [leaf for one in found for part in one.leaves for leaf in part]
        assert len(set(leaves)) == len(leaves) == len(found)


@given(pictures())
def test_no_cap_is_passed(picture: tuple[tuple[Claim, ...], Slots, int]) -> None:
    """A choice never makes more live runs than allowed, neither in all nor for one user."""
    claims, slots, running = picture
    starts = choose(claims, slots, running)
    assert running + len(starts) <= max(running, slots.total)
    per_owner = Counter(start.owner for start in starts)
    for claim in claims:
        assert claim.running + per_owner[claim.owner] <= max(claim.running, slots.per_user)


@given(pictures())
def test_no_slot_is_left_empty(picture: tuple[tuple[Claim, ...], Slots, int]) -> None:
    """A free slot stays free only if nobody who waits may have it."""
    claims, slots, running = picture
    starts = choose(claims, slots, running)
    if running + len(starts) < slots.total:
        per_owner = Counter(start.owner for start in starts)
        for claim in claims:
            taken = per_owner[claim.owner]
            assert taken == len(claim.tasks) or claim.running + taken >= slots.per_user


@given(pictures())
def test_one_users_tasks_start_in_their_order(
    picture: tuple[tuple[Claim, ...], Slots, int],
) -> None:
    """Within one user it is first come first served, each task once."""
    claims, slots, running = picture
    starts = choose(claims, slots, running)
    for claim in claims:
        chosen = tuple(start.task_id for start in starts if start.owner == claim.owner)
        assert chosen == claim.tasks[: len(chosen)]


@given(pictures(), st.randoms(use_true_random=False))
def test_the_answer_depends_on_the_picture_only(
    picture: tuple[tuple[Claim, ...], Slots, int], shuffler: object
) -> None:
    """The same picture, told in any order, gets the same answer."""
    claims, slots, running = picture
    again = sorted(claims, key=lambda claim: hash((str(shuffler), claim.owner)))
    assert choose(claims, slots, running) == choose(again, slots, running)


@given(pictures())
def test_time_goes_forward(picture: tuple[tuple[Claim, ...], Slots, int]) -> None:
    """A user's virtual time grows with every start."""
    claims, slots, running = picture
    latest = {claim.owner: claim.virtual_time for claim in claims}
    for start in choose(claims, slots, running):
        assert start.virtual_time > latest[start.owner]
        latest[start.owner] = start.virtual_time


def history(claims: dict[str, Claim], rounds: int) -> list[Start]:
    """Lets one slot serve users with endless work, one start at a time."""
    done: list[Start] = []
    serial = 0
    for _ in range(rounds):
        offered = []
        for owner, claim in claims.items():
            serial += 1
            offered.append(replace(claim, tasks=(f"{serial:08}-{owner}",)))
        (start,) = choose(offered, Slots(1, 1), 0)
        claims[start.owner] = replace(claims[start.owner], virtual_time=start.virtual_time)
        done.append(start)
    return done


@given(
    st.lists(
        st.tuples(st.sampled_from(OWNERS), st.sampled_from(WEIGHTS), st.floats(0, 20)),
        min_size=1,
        max_size=5,
        unique_by=lambda entry: entry[0],
    )
)
def test_shares_follow_the_weights_and_nobody_starves(
    users: list[tuple[str, float, float]],
) -> None:
    """Users with endless work get starts in proportion to their weights, whatever came before."""
    claims = {owner: Claim(owner, (), 0, past, weight) for owner, weight, past in users}
    warm = history(claims, 400)
    assert {start.owner for start in warm} == set(claims)
    total = sum(claim.weight for claim in claims.values())
    rounds = 300
    counted = Counter(start.owner for start in history(claims, rounds))
    for owner, claim in claims.items():
        fair = rounds * claim.weight / total
        assert abs(counted[owner] - fair) <= 2 + claim.weight * len(claims)


def test_a_user_at_the_cap_lets_others_pass() -> None:
    """A user who may not have more is passed over, and the next one starts."""
    full = Claim("ada", ("1",), running=2)
    other = Claim("ben", ("2",), virtual_time=7.0)
    assert [s.owner for s in choose((full, other), Slots(9, 2), 2)] == ["ben"]
