"""Which leaves a task gets: finds disjoint parts of a pool for the groups of a shape.

Pure. It sees the leaves that there are and which of them are free, and the same picture always gets
the same answer. Of values that would do, those with the fewest free leaves are taken, so that large
parts stay whole for those who need them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from heapq import nsmallest

from protocol.errors import GatewayError
from protocol.expressions import Expr
from protocol.resources import ALL, BEST, BEST_HALF, LEAF_ID, Leaf, LeafState, Pick, Shape

__all__ = ["Pool"]

_KEPT = 256
"""Conditions whose leaves are remembered, of one pool."""


@dataclass(frozen=True, slots=True)
class _Branch:
    """A value of a level: its leaves that fit, and the values of the next level if there is one."""

    leaves: frozenset[int]
    below: tuple[_Branch, ...]


class Pool:
    """The alive leaves of a node, with an index for each kind of request that was seen.

    Args:
        leaves: all there are; only the alive ones are given out.
    """

    def __init__(self, leaves: Iterable[Leaf]) -> None:
        self.leaves = {leaf.id: leaf for leaf in leaves}
        self.alive = frozenset(
            leaf.id for leaf in self.leaves.values() if leaf.state is LeafState.ALIVE
        )
        self.dead = frozenset(
            leaf.id for leaf in self.leaves.values() if leaf.state is LeafState.DEAD
        )
        self._branches = lru_cache(_KEPT)(self._grown)
        self._fitting = lru_cache(_KEPT)(self._found)
        self._least = lru_cache(_KEPT)(self._measured)

    def fit(self, shapes: Sequence[Shape], free: Collection[int]) -> tuple[int, ...] | None:
        """Leaves for all shapes at once, each leaf once; None if it is not possible.

        The answer is in ascending order. With one shape it is found if there is one; several groups
        are placed one after another, those with the fewest ways first.
        """
        found = self.fit_each(shapes, free)
        return None if found is None else tuple(sorted(leaf for part in found for leaf in part))

    def fit_each(
        self, shapes: Sequence[Shape], free: Collection[int]
    ) -> tuple[tuple[int, ...], ...] | None:
        """As ``fit``, the leaves of each shape apart, in the order of the shapes."""
        left = set(self.alive.intersection(free))
        picks = [(at, pick) for at, shape in enumerate(shapes) for pick in shape.groups]
        taken: list[list[int]] = [[] for _ in shapes]
        for at, pick in self._in_order(picks, left):
            found = self._pick(pick, left)
            if found is None:
                return None
            left.difference_update(found)
            taken[at] += found
        return tuple(tuple(sorted(part)) for part in taken)

    def least(self, shapes: Sequence[Shape]) -> int:
        """How many leaves it takes at least, 0 if not even all alive ones would do."""
        return self._least(tuple(shapes))

    def _measured(self, shapes: tuple[Shape, ...]) -> int:
        found = self.fit(tuple(map(_modest, shapes)), self.alive)
        return 0 if found is None else len(found)

    def _in_order(self, picks: list[tuple[int, Pick]], free: set[int]) -> list[tuple[int, Pick]]:
        """Those with the least choice first; all that are left over (BEST) last."""
        if len(picks) < 2:  # noqa: PLR2004 - one group needs no order
            return picks

        def choice(item: tuple[int, Pick]) -> tuple[bool, int]:
            pick = item[1]
            greedy = any(count in {BEST, BEST_HALF} for _, count in pick.levels)
            return greedy, len(self._fitting(pick.filter) & free)

        return sorted(picks, key=choice)

    def _pick(self, pick: Pick, free: set[int]) -> list[int] | None:
        (name, count), *below = pick.levels
        if name == LEAF_ID and count > 0 and not below:
            usable = self._fitting(pick.filter) & free
            return nsmallest(count, usable) if len(usable) >= count else None
        counts = tuple(count for _, count in pick.levels)
        return _taken(self._branches(pick.filter, tuple(dict(pick.levels))), counts, free)

    def _grown(self, condition: Expr, names: tuple[str, ...]) -> tuple[_Branch, ...]:
        return _grow([self.leaves[one] for one in sorted(self._fitting(condition))], names)

    def _found(self, condition: Expr) -> frozenset[int]:
        return frozenset(one for one in self.alive if self._fits(condition, one))

    def _fits(self, condition: Expr, leaf_id: int) -> bool:
        try:
            return condition.holds(self.leaves[leaf_id].values())
        except GatewayError:  # it takes too long to find out
            return False


def _modest(shape: Shape) -> Shape:
    """The least that would do of what asks for as much as there is."""
    groups = tuple(
        replace(
            pick,
            levels=tuple((name, 1 if n in {BEST, BEST_HALF} else n) for name, n in pick.levels),
        )
        for pick in shape.groups
    )
    return replace(shape, groups=groups)


def _grow(leaves: Sequence[Leaf], names: tuple[str, ...]) -> tuple[_Branch, ...]:
    """The values of the first level in the order of their leaves, as far as those have one."""
    if not names:
        return ()
    by_value: dict[object, list[Leaf]] = {}
    for leaf in leaves:
        value = leaf.id if names[0] == LEAF_ID else leaf.properties.get(names[0])
        if value is not None:
            by_value.setdefault(value, []).append(leaf)
    return tuple(
        _Branch(frozenset(leaf.id for leaf in group), _grow(group, names[1:]))
        for group in by_value.values()
    )


def _taken(
    branches: Sequence[_Branch], counts: tuple[int, ...], free: set[int]
) -> list[int] | None:
    """The leaves below as many values as are asked for; None if there are too few."""
    count, below = counts[0], counts[1:]
    usable: list[tuple[int, list[int]]] = []
    for branch in branches:
        found = _whole(branch, below, free)
        if found is not None:
            usable.append((len(branch.leaves & free), found))
        elif count == ALL:
            return None
    if count == BEST:
        count = max(len(usable), 1)
    elif count == BEST_HALF:
        count = max(len(usable) // 2, 1)
    elif count == ALL:
        count = max(len(branches), 1)
    if len(usable) < count:
        return None
    usable.sort(key=lambda item: item[0])  # stable: of equal ones the first
    return [leaf for _, found in usable[:count] for leaf in found]


def _whole(branch: _Branch, below: tuple[int, ...], free: set[int]) -> list[int] | None:
    """What is taken of one value: all of its leaves, or what the next level says."""
    if below:
        return _taken(branch.below, below, free)
    return sorted(branch.leaves) if branch.leaves <= free else None
