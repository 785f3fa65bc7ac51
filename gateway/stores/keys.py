"""Every key that the gateway has in Redis: its text, its type and its life.

No other file spells a key, the scripts included: they are handed the prefixes from here. A family
either always has a time to live or says why it has none. A change here changes what a running
gateway finds in its Redis, so that a new meaning needs a new name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "ALL",
    "DELIVERY",
    "EPOCH",
    "EXPIRY",
    "FAIR",
    "FAMILIES",
    "HELD",
    "LEASE",
    "LOG",
    "LOG_MARK",
    "LOG_SIZES",
    "NAME",
    "NODE",
    "NOTIFICATIONS",
    "NUMBER",
    "NUMBERED",
    "OCCUPANCY",
    "OWNED",
    "PARTIAL",
    "PROBE",
    "READY",
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
    "family",
    "lua_names",
]

_ROOT = "narthex:"

KeyType = Literal["string", "hash", "zset", "set", "stream", "list"]

ALL = f"{_ROOT}*"
"""The pattern of every key."""

NOTIFICATIONS = f"{_ROOT}bell"
"""The one channel of notifications; a message is the id of the task that changed."""


@dataclass(frozen=True, slots=True)
class Family:
    """Keys of one kind: ``prefix`` followed by a name, or the prefix alone if ``single``.

    ``lifeless`` is the reason why a key may be without a time to live; empty if it always has one.
    """

    prefix: str
    type: KeyType
    single: bool = False
    lifeless: str = ""

    def key(self, name: str = "") -> str:
        """The key of this family for a name."""
        return self.prefix + name


READY = Family(f"{_ROOT}ready", "string", single=True)
"""The runner's heartbeat: its epoch and the server it has rebuilt the index in."""

EPOCH = Family(f"{_ROOT}epoch", "string", single=True, lifeless="one number that fences runners")
NODE = Family(f"{_ROOT}node", "string", single=True, lifeless="whose Redis this is")
"""The name of the node that works here; see node_claim.py."""

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

EXPIRY = Family(f"{_ROOT}expiry", "zset", single=True, lifeless="ends with its last task")
"""All tasks by the time (ms, epoch) from which they may be forgotten."""

WAITING = Family(f"{_ROOT}waiting:", "zset", lifeless="ends with its last waiting task")
"""By owner, or by nothing for everybody: the waiting tasks by number."""

HELD = Family(f"{_ROOT}held:", "zset", lifeless="ends with its last held task")
"""By owner, or by nothing for everybody: the tasks that are held, by number."""

RUNNING = Family(f"{_ROOT}running:", "set", lifeless="ends with its last running task")
"""By owner: tasks that were taken from the queue and are not final."""

FAIR = Family(f"{_ROOT}fair", "zset", single=True, lifeless="ends with the last waiting task")
"""Owners with waiting tasks by their virtual time."""

VIRTUAL = Family(f"{_ROOT}virtual", "hash", single=True, lifeless="one number for each user")
"""By owner: virtual time; under the empty name the virtual clock of the queue."""

RESERVED = Family(f"{_ROOT}reserved:", "zset")
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

WANTING = Family(f"{_ROOT}wanting:", "zset", lifeless="ends with its last waiting task")
"""By owner, or by nothing for everybody: as WAITING, the tasks that ask for more than a slot."""

WHY = Family(f"{_ROOT}why", "hash", single=True)
"""By task id, or by '@' and an owner: why it waits."""

OCCUPANCY = Family(f"{_ROOT}occupancy", "string", single=True)
"""Which task has which leaf, and how busy each queue is, as the runner last said it."""

PROBE = Family(f"{_ROOT}probe:", "string")
"""By process: what a health check wrote."""

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
"""The families that the task scripts are handed."""

FAMILIES = (*TASK_KEYS, OCCUPANCY, PROBE, NODE)


def lua_names() -> str:
    """What a task script begins with: a local for the prefix of each family, by its name here.

    What follows the prefix is said there. All keys of a node live in one Redis, so that a script
    may derive keys from them.
    """
    known = {id(value): name for name, value in globals().items() if isinstance(value, Family)}
    return "\n".join(
        f"local {known[id(one)]} = KEYS[{place}]" for place, one in enumerate(TASK_KEYS, 1)
    )


def family(key: str) -> Family | None:
    """The family that a key belongs to; None for a key that is not ours."""
    for candidate in FAMILIES:
        if key == candidate.prefix or (not candidate.single and key.startswith(candidate.prefix)):
            return candidate
    return None
