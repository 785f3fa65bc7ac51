"""The nodes that work on one Redis together: who they are, where, and which give signs of life.

Each node has a name, by which its own keys are known, and the id of its data folder, by which a
second folder of that name is told apart. All of them have the same signing key, since what one
signs the others believe; one with another key is refused. A node that was forgotten is refused for
ever: its tasks were said to be lost, and it must not say anything else about them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import hiredis

from gateway.stores import keys
from gateway.stores.errors import ForeignNode
from gateway.stores.pipelined_connection import Value
from gateway.stores.replies import integer, items, text
from gateway.stores.script import script

if TYPE_CHECKING:
    from gateway.stores.redis_client import RedisClient

__all__ = ["SEVERAL", "KnownNode", "NodeMembership", "NodeRegistry", "key_digest"]

SEVERAL = "several nodes"
"""What stands in place of the one node's id where several work together."""

_PURPOSE = b"narthex node key 1"
_REFUSALS = {
    "foreign": "one node works alone on the Redis of redis.url: give it a name in its settings"
    " [node] as well and start it again, or use another Redis",
    "key": "the nodes on the Redis of redis.url have another signing key: copy secret/token.key"
    " from the data folder of one of them",
    "named": "another data folder is node {name} on the Redis of redis.url: give this one another"
    " name (node.name)",
    "renamed": "this data folder is known under another name on the Redis of redis.url: see"
    " 'narthex node list', and keep that name (node.name)",
    "forgotten": "this node was forgotten and its tasks were said to be lost: start with an empty"
    " data folder, or on a Redis of its own",
}


def key_digest(*files: Path) -> str:
    """What shows that nodes have the same keys, and tells nothing about them.

    Raises:
        OSError: one cannot be read.
    """
    whole = hashlib.sha256()
    for file in files:
        data = file.read_bytes() if file.exists() else b""
        whole.update(hmac.digest(data or b"-", _PURPOSE, "sha256"))
    return whole.hexdigest()


@dataclass(frozen=True, slots=True)
class NodeMembership:
    """This node among several: what a connection does first, and a runner now and then.

    ``id`` is that of its data folder, ``address`` where the others reach it, ``key`` the digest of
    its keys.
    """

    name: str
    id: str
    address: str
    key: str

    async def __call__(self, ask: Callable[..., Awaitable[object]]) -> None:
        """Takes its place among the nodes, or sees that it has it.

        A Redis that takes no writes at the moment is not refused for that.

        Raises:
            ForeignNode: there is no place for it, with the reason.
        """
        try:
            said = await self._joined(ask)
            if said == "alone":
                await self._open_up(ask)
                said = await self._joined(ask)
        except hiredis.ReplyError as error:
            if str(error).startswith("LOADING"):
                raise
            return
        if said != "ok":
            raise ForeignNode(_REFUSALS[said].format(name=self.name))

    async def _joined(self, ask: Callable[..., Awaitable[object]]) -> str:
        families = (keys.NODE, keys.NODES, keys.NODE_KEY, keys.FORGOTTEN)
        said = await _Scripts(ask).run(
            "join_nodes",
            [one.key() for one in families],
            several=SEVERAL,
            id=self.id,
            name=self.name,
            address=self.address,
            digest=self.key,
        )
        return text(said)

    async def _open_up(self, ask: Callable[..., Awaitable[object]]) -> None:
        """From one node to several: what it had for itself is made anew under its name."""
        await _Scripts(ask).run("leave_alone", keys.script_keys(script("leave_alone").families, ""))
        await ask("SET", keys.NODE.key(), SEVERAL)


@dataclass(frozen=True, slots=True)
class _Scripts:
    """Runs scripts over a connection that is not open to others yet."""

    ask: Callable[..., Awaitable[object]]

    async def run(self, name: str, names: Sequence[str], /, **named: Value) -> object:
        wanted = script(name)
        return await self.ask("EVAL", wanted.text, *wanted.words(names, named))


@dataclass(frozen=True, slots=True)
class KnownNode:
    """One node as Redis knows it.

    ``since_ms`` is when it first came, ``seen_ms`` when its runner last gave a sign of life (0 for
    never), ``works`` whether that still counts.
    """

    name: str
    id: str
    address: str
    since_ms: int
    seen_ms: int
    works: bool


class NodeRegistry:
    """What Redis knows of the nodes."""

    def __init__(self, link: RedisClient) -> None:
        self._link = link

    async def nodes(self) -> Sequence[KnownNode]:
        """All of them by name; none if one works alone."""
        known = _pairs(await self._link.call("HGETALL", keys.NODES.key()))
        beats = _pairs(await self._link.call("HGETALL", keys.BEATS.key())) if known else {}
        found = []
        for name, said in sorted(known.items()):
            node_id, _, rest = said.partition(" ")
            since, _, address = rest.partition(" ")
            works = await self._link.call("EXISTS", keys.READY.key(node=name))
            seen = beats.get(name, "")
            found.append(
                KnownNode(name, node_id, address, _number(since), _number(seen), bool(works))
            )
        return found

    async def forgotten(self) -> frozenset[str]:
        """The names under which nodes were forgotten."""
        said = _pairs(await self._link.call("HGETALL", keys.FORGOTTEN.key()))
        return frozenset(one.partition(" ")[0] for one in said.values())

    async def send_away(self, name: str) -> bool:
        """Takes a node out for ever; False if it gives signs of life, or is not there."""
        reply = await self._link.run(
            "send_away",
            (
                keys.NODES.key(),
                keys.FORGOTTEN.key(),
                keys.BEATS.key(),
                keys.NODE.key(),
                keys.NODE_KEY.key(),
                keys.READY.key(node=name),
                keys.EPOCH.key(node=name),
            ),
            name=name,
        )
        return bool(integer(reply))


def _pairs(reply: object) -> dict[str, str]:
    found = [text(one) for one in items(reply)]
    return dict(zip(found[::2], found[1::2], strict=True))


def _number(said: str) -> int:
    return int(said) if said.isdecimal() else 0
