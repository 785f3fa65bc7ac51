"""Every key that the gateway has in Redis: its text, its type and its life.

No other file spells a key, the scripts included: they are handed the prefixes from here. A family
either always has a time to live or says why it has none. A change here changes what a running
gateway finds in its Redis, so that a new meaning needs a new name.

Several nodes on one Redis share what is known of tasks. What one runner keeps for itself, its queue
and its sign of life, is each node's own: such a family is ``per_node``, and of a node with a name
its keys begin with that. A node that is alone has no name here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "ALL",
    "BEATS",
    "DELIVERY",
    "EPOCH",
    "EXPIRY",
    "FAIR",
    "FAMILIES",
    "FORGOTTEN",
    "HELD",
    "LEASE",
    "LOG",
    "LOG_MARK",
    "LOG_SIZES",
    "NAME",
    "NODE",
    "NODES",
    "NODE_KEY",
    "NOTIFICATIONS",
    "NUMBER",
    "NUMBERED",
    "OCCUPANCY",
    "OWNED",
    "PARTIAL",
    "PEER",
    "PROBE",
    "READY",
    "REQUEST",
    "RESERVED",
    "RUNNING",
    "TASK",
    "TASKS",
    "TASK_KEYS",
    "VIRTUAL",
    "WAITING",
    "WANTING",
    "WHY",
    "Family",
    "families_in",
    "family",
    "lua_names",
    "own_root",
    "script_keys",
]

_NAMES = re.compile(r"\b[A-Z][A-Z_]*\b")
_ROOT = "narthex:"
_AT = f"{_ROOT}at:"
"""What the keys of a node with a name begin with, before the name."""

KeyType = Literal["string", "hash", "zset", "set", "stream", "list"]

ALL = f"{_ROOT}*"
"""The pattern of every key."""

NOTIFICATIONS = f"{_ROOT}bell"
"""The one channel of notifications; a message is the id of the task that changed."""


@dataclass(frozen=True, slots=True)
class Family:
    """Keys of one kind: ``prefix`` followed by a name, or the prefix alone if ``single``.

    ``lifeless`` is the reason why a key may be without a time to live; empty if it always has one.
    ``per_node`` ones belong to one node and its runner.
    """

    prefix: str
    type: KeyType
    single: bool = False
    lifeless: str = ""
    per_node: bool = False

    def key(self, name: str = "", node: str = "") -> str:
        """The key of this family for a name, as the node of that name has it."""
        return self.of_node(node) + name

    def of_node(self, node: str) -> str:
        """The prefix as a node has it; the node is empty for one that is alone."""
        if not node or not self.per_node:
            return self.prefix
        return own_root(node) + self.prefix.removeprefix(_ROOT)


def own_root(node: str) -> str:
    """What the keys begin with that are a node's own."""
    return f"{_AT}{node}:" if node else _ROOT


READY = Family(f"{_ROOT}ready", "string", single=True, per_node=True)
"""The runner's heartbeat: its epoch and the server it has rebuilt the index in."""

EPOCH = Family(
    f"{_ROOT}epoch",
    "string",
    single=True,
    lifeless="one number that fences runners",
    per_node=True,
)
NODE = Family(f"{_ROOT}node", "string", single=True, lifeless="whose Redis this is")
"""The id of the node that works here alone, or that several do; see node_claim.py."""

NODES = Family(f"{_ROOT}nodes", "hash", single=True, lifeless="ends with its last node")
"""By name: the nodes that work here together; see node_registry.py."""

NODE_KEY = Family(f"{_ROOT}node-key", "string", single=True, lifeless="ends with its last node")
"""A digest of the keys that all nodes must have alike."""

FORGOTTEN = Family(f"{_ROOT}forgotten", "hash", single=True, lifeless="who was sent away")
"""By the id of a node: the name under which it was forgotten, and when."""

BEATS = Family(f"{_ROOT}beats", "hash", single=True, lifeless="ends with its last node")
"""By name of a node: when its runner gave its last sign of life (ms, epoch)."""

NUMBER = Family(f"{_ROOT}number", "string", single=True, lifeless="the count of tasks never ends")

TASK = Family(f"{_ROOT}task:", "hash", lifeless="an active task; a final one has a time to live")
"""By task id: the record (meta, state, version, started, ...) or, with field gone, a tombstone."""

NUMBERED = Family(f"{_ROOT}numbered:", "string", lifeless="lives as long as its task's record")
"""By task number: the task id."""

NAME = Family(f"{_ROOT}name:", "string", lifeless="lives as long as its task's record")
"""By owner, NUL and name: the task id, or '#' and a number while it is only reserved."""

TASKS = Family(f"{_ROOT}tasks", "zset", single=True, lifeless="ends with its last task")
"""All tasks by number."""

OWNED = Family(f"{_ROOT}owned:", "zset", lifeless="ends with its last task")
"""By owner: their tasks by number."""

EXPIRY = Family(
    f"{_ROOT}expiry", "zset", single=True, lifeless="ends with its last task", per_node=True
)
"""All tasks by the time (ms, epoch) from which they may be forgotten."""

WAITING = Family(
    f"{_ROOT}waiting:", "zset", lifeless="ends with its last waiting task", per_node=True
)
"""By owner, or by nothing for everybody: the waiting tasks by number."""

HELD = Family(f"{_ROOT}held:", "zset", lifeless="ends with its last held task", per_node=True)
"""By owner, or by nothing for everybody: the tasks that are held, by number."""

RUNNING = Family(
    f"{_ROOT}running:", "set", lifeless="ends with its last running task", per_node=True
)
"""By owner: tasks that were taken from the queue and are not final."""

FAIR = Family(
    f"{_ROOT}fair", "zset", single=True, lifeless="ends with the last waiting task", per_node=True
)
"""Owners with waiting tasks by their virtual time."""

VIRTUAL = Family(
    f"{_ROOT}virtual", "hash", single=True, lifeless="one number for each user", per_node=True
)
"""By owner: virtual time; under the empty name the virtual clock of the queue."""

RESERVED = Family(f"{_ROOT}reserved:", "zset", per_node=True)
"""By owner, or by nothing for everybody: numbers given away and not yet indexed, by their end."""

LOG = Family(f"{_ROOT}log:", "stream")
"""By task id: the hot window of its log, an entry a block, ids '<last line>-<part>'."""

LOG_MARK = Family(f"{_ROOT}log-mark:", "hash")
"""By task id: where the log ends (last, part, more), where its window begins, its bytes."""

LOG_SIZES = Family(f"{_ROOT}log-sizes:", "list")
"""By task id: for each entry of the window, oldest first: its id, whether it has more, its size."""

DELIVERY = Family(f"{_ROOT}delivery:", "string")
"""By task id: the cursor up to which its log was pushed to its owner."""

LEASE = Family(f"{_ROOT}lease:", "string")
"""By task id: the socket that its log is pushed to."""

PARTIAL = Family(f"{_ROOT}partial:", "string")
"""By task id: what stands on its line that has not ended, with the number that it would have."""

WANTING = Family(
    f"{_ROOT}wanting:", "zset", lifeless="ends with its last waiting task", per_node=True
)
"""By owner, or by nothing for everybody: as WAITING, the tasks that ask for more than a slot."""

WHY = Family(f"{_ROOT}why", "hash", single=True, per_node=True)
"""By task id, or by '@' and an owner: why it waits."""

OCCUPANCY = Family(f"{_ROOT}occupancy", "string", single=True, per_node=True)
"""Which task has which leaf, and how busy each queue is, as the runner last said it."""

PROBE = Family(f"{_ROOT}probe:", "string")
"""By process: what a health check wrote."""

PEER = Family(f"{_ROOT}peer:", "string")
"""By a word that is used once: which node asks which."""

REQUEST = Family(f"{_ROOT}request:", "string")
"""By a digest of owner and request id: the node that has what was made by it."""

TASK_KEYS = (
    TASK,
    NUMBERED,
    NAME,
    TASKS,
    OWNED,
    EXPIRY,
    WAITING,
    RUNNING,
    FAIR,
    VIRTUAL,
    RESERVED,
    READY,
    EPOCH,
    NUMBER,
    LOG,
    LOG_MARK,
    LOG_SIZES,
    DELIVERY,
    LEASE,
    PARTIAL,
    HELD,
    WANTING,
    WHY,
)
"""The families that the task scripts are handed, each script those that it names."""

FAMILIES = (*TASK_KEYS, OCCUPANCY, PROBE, NODE, NODE_KEY, FORGOTTEN, PEER, REQUEST, NODES, BEATS)


def families_in(text: str) -> tuple[Family, ...]:
    """The families of TASK_KEYS that the text of a script names, remarks included."""
    words = set(_NAMES.findall(text))
    known = {id(value): name for name, value in globals().items() if isinstance(value, Family)}
    return tuple(one for one in TASK_KEYS if known[id(one)] in words)


def script_keys(families: Iterable[Family], node: str) -> tuple[str, ...]:
    """What a task script of a node that names these families is handed as its keys."""
    own = tuple(one.of_node(node) for one in families)
    # A node that is alone pays for no more.
    return (*own, own_root(node), _AT, NODES.key(), BEATS.key()) if node else own


def lua_names(families: Sequence[Family]) -> str:
    """What a task script begins with: a local for the prefix of each family, by its name here.

    What follows the prefix is said there. All keys of a node live in one Redis, so that a script
    may derive keys from them. ``NODE_NAME`` is the node that the script runs for, empty if it is
    alone, and then there is no NODES; ``at_node(READY, name)`` is a prefix as another node has it.
    """
    known = {id(value): name for name, value in globals().items() if isinstance(value, Family)}
    names = [f"local {known[id(one)]} = KEYS[{place}]" for place, one in enumerate(families, 1)]
    return "\n".join([*names, _LUA_NODES.format(*range(len(names) + 1, len(names) + 5))])


_LUA_NODES = """\
local HERE, AT = KEYS[{}], KEYS[{}]
local NODES, BEATS = KEYS[{}], KEYS[{}]
local NODE_NAME = HERE and string.sub(HERE, #AT + 1, -2) or ''
local function at_node(key, node)
  return AT .. node .. ':' .. string.sub(key, #HERE + 1)
end"""


def family(key: str) -> Family | None:
    """The family that a key belongs to, whichever node's it is; None for one that is not ours."""
    node = ""
    if key.startswith(_AT):
        node = key.removeprefix(_AT).partition(":")[0]
    for candidate in FAMILIES:
        prefix = candidate.of_node(node)
        if key == prefix or (not candidate.single and key.startswith(prefix)):
            return candidate
    return None
