"""The execID: three two-digit lengths, the three texts, and a tail that names user and index.

Follows the seed, *Request execution*: ``030418IDEhivebdpdwc010004:10087IDE_johnnwang_21`` is
``03 04 18 | IDE | hive | bdpdwc010004:10087 | IDE_johnnwang_21``. Lengths count characters. The
index is the number of the task, so that an id never comes back. Clients do not take it apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from protocol.dialects.linkis.words import DEFAULT_CREATOR
from protocol.errors import GatewayError, Kind
from protocol.tasks import ByNumber, Task

__all__ = ["APPLICATION", "CREATOR", "INSTANCE", "ExecId", "ExecIds", "nameable", "unknown_id"]

CREATOR = "requestApplicationName"
APPLICATION = "executeApplicationName"
INSTANCE = "instance"

_LONGEST = 99
_REMEMBERED_ID = 256
_HEAD = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{2})", re.ASCII)
_INDEX = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
# What a name may not hold, since an execID is a segment of a path and of a websocket method.
_UNFIT = re.compile(r"[\s/\\%?#\x00-\x1f\x7f]")


def nameable(text: str) -> bool:
    """Whether a text can be a part of an execID: 1 to 99 characters that a path can hold."""
    return 0 < len(text) <= _LONGEST and not _UNFIT.search(text)


def unknown_id(text: str) -> GatewayError:
    """The error for an id that is not there, or not for this user: nobody can tell which."""
    return GatewayError(Kind.NOT_FOUND, f"unknown execID or taskID {text[:400]!r}")


def spelled(creator: str, application: str, instance: str, user: str, index: int) -> str:
    """The id of these parts in the seed's layout."""
    lengths = f"{len(creator):02d}{len(application):02d}{len(instance):02d}"
    return f"{lengths}{creator}{application}{instance}{creator}_{user}_{index}"


@dataclass(frozen=True, slots=True)
class ExecId:
    """What an execID says: who asked through which application, for which engine, where."""

    creator: str
    application: str
    instance: str
    user: str
    index: int

    def __str__(self) -> str:
        """The id in the seed's layout."""
        return spelled(self.creator, self.application, self.instance, self.user, self.index)

    @classmethod
    def parse(cls, text: str) -> ExecId:
        """What the text says; GatewayError of kind NOT_FOUND if it is no execID.

        The user may hold underscores: it lies between the creator, whose length is known, and the
        last underscore.
        """
        head = _HEAD.match(text)
        if not head:
            raise unknown_id(text)
        parts: list[str] = []
        place = head.end()
        for length in map(int, head.groups()):
            parts.append(text[place : place + length])
            place += length
        creator, application, instance = parts
        lead, tail = text[place : place + len(creator) + 1], text[place + len(creator) + 1 :]
        user, _, index = tail.rpartition("_")
        whole = all(map(nameable, parts)) and lead == f"{creator}_"
        if not whole or not user or not _INDEX.fullmatch(index):
            raise unknown_id(text)
        return cls(creator, application, instance, user, int(index))


@lru_cache(maxsize=1024)
def _parsed(text: str) -> ExecId:
    """What a text says: whoever polls asks for the same few again and again."""
    return ExecId.parse(text)


class ExecIds:
    """Names tasks by execIDs and finds out which task an id in a path means.

    Args:
        instance: where this entrance is, ``host:port``; part of the ids of new tasks.
    """

    def __init__(self, instance: str) -> None:
        self.instance = instance

    def of(self, task: Task) -> str:
        """The execID of a task, the same for ever; tasks of other dialects have one too."""
        words = task.client if task.dialect == "linkis" else {}
        return spelled(
            str(words.get(CREATOR, DEFAULT_CREATOR)),
            str(words.get(APPLICATION, task.engine)),
            str(words.get(INSTANCE, self.instance)),
            task.owner,
            task.number,
        )

    def ref(self, text: str, second: str = "") -> ByNumber:
        """The task that an execID or, all digits, a taskID means.

        What an execID says besides the number must agree with the task: see ByNumber.admits. If
        there is no such task, ``second`` may name it: the taskID that came beside the execID.
        """
        otherwise = int(second) if _INDEX.fullmatch(second) else 0
        if _INDEX.fullmatch(text):
            return ByNumber(int(text), otherwise=otherwise)
        try:
            said = _parsed(text) if len(text) <= _REMEMBERED_ID else ExecId.parse(text)
        except GatewayError:
            if not otherwise:
                raise
            return ByNumber(otherwise)
        return ByNumber(
            said.index,
            said.user,
            (
                (CREATOR, said.creator),
                (APPLICATION, said.application),
                (INSTANCE, said.instance),
            ),
            otherwise,
        )

    def check(self, task: Task, asked: str, second: str = "") -> str:
        """The execID of the task; GatewayError of kind NOT_FOUND if another one was asked for."""
        found = self.of(task)
        right = found, str(task.number)
        if asked not in right and second not in right:
            raise unknown_id(asked)
        return found
