"""How a task is named by those who ask about it: by its number, its execID or what has one."""

from __future__ import annotations

from typing import Protocol

from gateway.client.errors import Invalid

__all__ = ["Named", "TaskLike", "task_text"]


class Named(Protocol):
    """What knows the execID of a task: a Task, a row of a list, an answer to a submit."""

    @property
    def exec_id(self) -> str:
        """The execID."""
        ...


TaskLike = str | int | Named
"""A task's number, as a number or its digits, its execID, or what has an ``exec_id``."""


def task_text(task: TaskLike) -> str:
    """What stands for a task in a request; raises Invalid for what can be none."""
    match task:
        case bool():
            text = ""
        case int():
            text = str(task) if task > 0 else ""
        case str():
            text = task.strip()
        case _:
            text = str(getattr(task, "exec_id", ""))
    if not text:
        raise Invalid(f"{task!r} is neither the number nor the execID of a task", field="task")
    return text
