"""Whose Redis it is: one node works on one Redis, and a second one is refused.

Two nodes on one Redis would fence each other, take each other's tasks and call them lost, since the
run directories of a task are on one node's disk only. So a node has a name, made once in its data
folder, and the first one that comes to a Redis leaves it there. A connection that finds another
name there is not used.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

import hiredis

from gateway.stores import keys
from gateway.stores.atomic_file import exclusive, replace
from gateway.stores.errors import ForeignNode
from gateway.stores.pipelined_connection import Value
from gateway.stores.replies import text

__all__ = ["NodeClaim", "node_name"]

_BYTES = 16


def node_name(file: Path) -> str:
    """The name of the node whose data folder has this file, which is made if it is not there.

    Raises:
        OSError: it can be neither read nor made.
    """
    with exclusive(file.with_name(f".{file.name}.lock")):
        try:
            found = file.read_text("ascii").strip()
        except FileNotFoundError:
            found = ""
        if not found:
            found = secrets.token_hex(_BYTES)
            replace(file, f"{found}\n".encode())
        return found


class NodeClaim:
    """What a connection does before anything else, and a runner now and then.

    Args:
        name: of the node that uses the connection.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    async def __call__(self, ask: Callable[..., Awaitable[object]]) -> None:
        """Makes sure that the Redis behind ``ask`` is this node's, or makes it so.

        A Redis that takes no writes at the moment is not refused for that.

        Raises:
            ForeignNode: it belongs to another node.
        """
        words: tuple[Value, ...] = ("GET", keys.NODE.key())
        try:
            holder = await ask(*words)
            if holder is None:
                holder = await ask("SET", keys.NODE.key(), self._name, "NX", "GET")
        except hiredis.ReplyError as error:
            if str(error).startswith("LOADING"):
                raise
            return
        if holder is not None and text(holder) != self._name:
            raise ForeignNode
