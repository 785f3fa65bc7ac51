"""Leaves for shapes, against trying everything."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from protocol.expressions import Expr
from protocol.placement import Pool
from protocol.resources import ALL, BEST, BEST_HALF, LEAF_ID, Leaf, LeafState, Pick, Shape, slots

FILTERS = (Expr(), Expr("core > 3"), Expr("node = 'a' OR cpu = 3"), Expr("size IS NOT NULL"))
LEVELS = ("node", "cpu", "core", "size", LEAF_ID)
COUNTS = st.sampled_from((1, 1, 2, 3, ALL, BEST, BEST_HALF))


@st.composite
def pools(draw: st.DrawFn) -> tuple[Leaf, ...]:
    """Two nodes with two processors of two cores each, of which some are away."""
    away = draw(st.sets(st.integers(1, 8), max_size=3))
    sized = draw(st.sets(st.integers(1, 8), max_size=4))
    leaves = []
    for core in range(1, 9):
        properties: dict[str, str | int] = {
            "node": "ab"[(core - 1) // 4],
            "cpu": str((core + 1) // 2),
            "core": core,
        }
        if core in sized:
            properties["size"] = core % 2
        state = LeafState.ABSENT if core in away else LeafState.ALIVE
        leaves.append(Leaf(core, state, properties))
    return tuple(leaves)


@st.composite
def picks(draw: st.DrawFn) -> Pick:
    """A part of such a pool, of one level or two."""
    names = draw(st.lists(st.sampled_from(LEVELS), min_size=1, max_size=2, unique=True))
    return Pick(draw(st.sampled_from(FILTERS)), tuple((name, draw(COUNTS)) for name in names))


def value(leaf: Leaf, name: str) -> object:
    """What a level sees of a leaf."""
    return leaf.id if name == LEAF_ID else leaf.properties.get(name)


def suits(pick: Pick, leaves: Sequence[Leaf], chosen: frozenset[int], free: frozenset[int]) -> bool:
    """Whether chosen leaves are what a pick means, told from its definition."""
    there = [
        leaf
        for leaf in leaves
        if leaf.state is LeafState.ALIVE and pick.filter.holds(leaf.values())
    ]

    def whole(below: Sequence[Leaf], levels: tuple[tuple[str, int], ...]) -> bool:
        """Whether what is chosen of these leaves is a right answer for the levels."""
        mine = chosen & {leaf.id for leaf in below}
        if not levels:
            return mine == {leaf.id for leaf in below}
        (name, count), rest = levels[0], levels[1:]
        values = {value(leaf, name) for leaf in below} - {None}
        parts = {one: [leaf for leaf in below if value(leaf, name) == one] for one in values}
        taken = [one for one in values if mine & {leaf.id for leaf in parts[one]}]
        if mine - {leaf.id for one in taken for leaf in parts[one]}:
            return False
        if count == ALL:
            enough = len(taken) == len(values) > 0
        elif count in {BEST, BEST_HALF}:
            enough = bool(taken)
        else:
            enough = len(taken) == count
        return enough and all(whole(parts[one], rest) for one in taken)

    return chosen <= free and whole(there, pick.levels)


@given(pools(), picks(), st.sets(st.integers(1, 8)))
def test_a_part_is_found_if_there_is_one(
    leaves: tuple[Leaf, ...], pick: Pick, free: set[int]
) -> None:
    """What is found fits, and nothing is found only if no choice of free leaves fits."""
    found = Pool(leaves).fit((Shape((pick,)),), free)
    there = frozenset(free)
    if found is not None:
        assert suits(pick, leaves, frozenset(found), there)
        return
    for size in range(len(there) + 1):
        for chosen in combinations(sorted(there), size):
            assert not suits(pick, leaves, frozenset(chosen), there)


@given(pools(), st.lists(picks(), min_size=2, max_size=3), st.sets(st.integers(1, 8)))
def test_parts_of_one_request_are_disjoint(
    leaves: tuple[Leaf, ...], parts: list[Pick], free: set[int]
) -> None:
    """Each group gets what it means, and no leaf is given twice."""
    shapes = tuple(Shape((part,)) for part in parts)
    found = Pool(leaves).fit_each(shapes, free)
    if found is None:
        return
    given_out = [leaf for part in found for leaf in part]
    assert len(given_out) == len(set(given_out))
    for part, chosen in zip(parts, found, strict=True):
        assert suits(part, leaves, frozenset(chosen), frozenset(free))


def test_as_many_as_are_free_are_taken() -> None:
    """BEST takes all that are free, BEST_HALF half of them, ALL none unless all are."""
    pool = Pool(Leaf(core, properties={"node": (core + 1) // 2}) for core in range(1, 9))
    free = {1, 2, 3, 4, 5, 6, 7}

    def nodes(count: int) -> tuple[int, ...] | None:
        return pool.fit((Shape((Pick(levels=(("node", count),)),)),), free)

    assert nodes(BEST) == (1, 2, 3, 4, 5, 6)
    assert nodes(BEST_HALF) == (1, 2)
    assert nodes(ALL) is None
    assert nodes(3) == (1, 2, 3, 4, 5, 6)
    assert nodes(4) is None
    assert pool.least((slots(9),)) == 0
    assert pool.least((Shape((Pick(levels=(("node", BEST),)),)),)) == 2


def test_large_parts_stay_whole() -> None:
    """A small request takes from the node that is in use already."""
    pool = Pool(Leaf(core, properties={"node": (core + 3) // 4}) for core in range(1, 9))
    one = Shape((Pick(levels=(("node", 1), (LEAF_ID, 1))),))
    assert pool.fit((one,), {1, 2, 3, 4, 6, 7}) == (6,)
