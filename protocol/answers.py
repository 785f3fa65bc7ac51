"""The output of a task as a data object: how the two names belong together.

A task's id is a UUID of version 7. The id of its answer is the same with version 8, so that either
follows from the other and no stored file, whose ids are of version 4, can be mistaken for one.
"""

from __future__ import annotations

import re

from protocol.tasks import TaskId

__all__ = ["answer_id", "answered_task"]

_VERSION = 14  # where the version digit stands in the canonical text
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def answer_id(task: TaskId) -> str:
    """The id of the data object that holds the task's output."""
    return f"{task[:_VERSION]}8{task[_VERSION + 1 :]}"


def answered_task(object_id: str) -> TaskId | None:
    """The task whose output the data object is, or None if it is no answer."""
    if not _UUID.fullmatch(object_id) or object_id[_VERSION] != "8":
        return None
    return TaskId(f"{object_id[:_VERSION]}7{object_id[_VERSION + 1 :]}")
