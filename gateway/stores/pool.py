"""The pool of a node: every leaf that can be given out, in one private file.

As long as nobody changes it there is no file, and the pool is what the settings describe. A change
of that description in the settings makes the pool anew.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.config import Runner
from gateway.stores.private_file import PrivateFile
from protocol.errors import GatewayError, Kind, Subject
from protocol.pool_description import MAX_LEAVES, leaves_of
from protocol.resources import NODE, Leaf, LeafState

__all__ = ["PoolFile", "described"]

_MOST_DEFAULT = 16_384
"""Leaves of a pool that nobody described; no machine runs more tasks than that."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """The leaves by id as text, which is what JSON has; ``last`` is the largest id ever given."""

    description: str
    leaves: dict[str, Leaf]
    last: int


class PoolFile:
    """The pool in the file ``path``. Its methods may block for a look at the disk.

    Args:
        path: where changes are kept.
        settings: how large the pool is, or its description.
    """

    def __init__(self, path: Path, settings: Runner) -> None:
        self._description = settings.pool or f"running_total={settings.running_total}"
        self._settings = settings
        self._base: tuple[Leaf, ...] | None = None
        self._file = PrivateFile(path, _Stored, self._initial)
        self._shown: tuple[_Stored, tuple[Leaf, ...]] | None = None

    def leaves(self) -> tuple[Leaf, ...]:
        """All leaves by id. The same tuple as long as nothing changed."""
        stored = self._file.read()
        if self._shown is None or self._shown[0] is not stored:
            current = self._current(stored)
            ordered = sorted(current.leaves.values(), key=lambda leaf: leaf.id)
            self._shown = (stored, tuple(ordered))
        return self._shown[1]

    def add(self, properties: Sequence[Mapping[str, str | int]]) -> tuple[Leaf, ...]:
        """New leaves, alive: all of them or none. TOO_LARGE if the pool would be."""
        made: list[Leaf] = []

        def change(stored: _Stored) -> _Stored:
            stored = self._current(stored)
            if len(stored.leaves) + len(properties) > MAX_LEAVES:
                raise GatewayError(Kind.TOO_LARGE, f"a pool has at most {MAX_LEAVES} leaves")
            made[:] = [
                Leaf(stored.last + at, LeafState.ALIVE, dict(one))
                for at, one in enumerate(properties, 1)
            ]
            leaves = {**stored.leaves, **{str(leaf.id): leaf for leaf in made}}
            return replace(stored, leaves=leaves, last=stored.last + len(made))

        self._file.change(change)
        return tuple(made)

    def set_state(self, leaf_id: int, state: LeafState) -> Leaf:
        """Changes whether a leaf is given out. NOT_FOUND if there is none."""

        def change(stored: _Stored) -> _Stored:
            stored = self._current(stored)
            leaf = replace(_known(stored, leaf_id), state=state)
            return replace(stored, leaves={**stored.leaves, str(leaf_id): leaf})

        return self._file.change(change).leaves[str(leaf_id)]

    def drop(self, leaf_id: int) -> Leaf:
        """Removes a leaf, whose id is never used again.

        Raises:
            GatewayError: NOT_FOUND if there is none, CONFLICT unless it is dead.
        """
        gone: list[Leaf] = []

        def change(stored: _Stored) -> _Stored:
            stored = self._current(stored)
            leaf = _known(stored, leaf_id)
            if leaf.state is not LeafState.DEAD:
                raise GatewayError(
                    Kind.CONFLICT, f"leaf {leaf_id} is {leaf.state}, only a dead one is removed"
                )
            gone.append(leaf)
            left = {key: one for key, one in stored.leaves.items() if key != str(leaf_id)}
            return replace(stored, leaves=left)

        self._file.change(change)
        return gone[0]

    def _current(self, stored: _Stored) -> _Stored:
        """What is stored, unless the settings describe another pool now."""
        return stored if stored.description == self._description else self._initial()

    def _initial(self) -> _Stored:
        if self._base is None:
            self._base = described(self._settings)
        leaves = {str(leaf.id): leaf for leaf in self._base}
        return _Stored(self._description, leaves, len(leaves))


def described(settings: Runner) -> tuple[Leaf, ...]:
    """The leaves that the settings describe.

    Raises:
        GatewayError: the description is none.
    """
    if settings.pool:
        found = leaves_of(settings.pool)
    else:
        node = socket.gethostname() or "localhost"
        total = min(settings.running_total, _MOST_DEFAULT)
        found = tuple(
            {NODE: node, "core": number, "cpuset": number - 1} for number in range(1, total + 1)
        )
    return tuple(Leaf(number, LeafState.ALIVE, one) for number, one in enumerate(found, 1))


def _known(stored: _Stored, leaf_id: int) -> Leaf:
    leaf = stored.leaves.get(str(leaf_id))
    if leaf is None:
        raise GatewayError(Kind.NOT_FOUND, f"there is no leaf {leaf_id}", subject=Subject.RESOURCE)
    return leaf
