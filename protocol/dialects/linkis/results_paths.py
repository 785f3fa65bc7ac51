"""The paths that name what a task left behind: a scheme of our own, opaque to clients.

    narthex:///tasks/<taskID>/results              the directory of the result sets
    narthex:///tasks/<taskID>/results/_<n>.dolphin one of them; clients sort by the number
    narthex:///tasks/<taskID>/results/none/_0.dolphin  an empty text, where there is none of them
    narthex:///tasks/<taskID>/log                  the log

A path is only a name: whether its sender may see the task is decided where tasks are found.
"""

from __future__ import annotations

import re

from protocol.dialects.linkis.fields import invalid
from protocol.tasks import ByNumber, Task

__all__ = [
    "log_path",
    "log_ref",
    "nothing_path",
    "nothing_ref",
    "result_path",
    "result_ref",
    "results_path",
    "results_ref",
]

_TASKS = "narthex:///tasks/"
# Clients join and split paths as they like: two or four slashes mean the same.
_PATH = re.compile(
    r"narthex:/*tasks/+([1-9][0-9]{0,17})/+(?:(log)|results(?:/+_([0-9]{1,6})\.dolphin)?)/*",
    re.ASCII,
)
_NOTHING = re.compile(
    r"narthex:/*tasks/+([1-9][0-9]{0,17})/+results/+none/+_0\.dolphin/*", re.ASCII
)


def results_path(task: Task) -> str:
    """Where the result sets of a task are."""
    return f"{_TASKS}{task.number}/results"


def result_path(task: Task, number: int) -> str:
    """Where one of them is."""
    return f"{results_path(task)}/_{number}.dolphin"


def nothing_path(task: Task) -> str:
    """What stands for the results of a task that left none, for clients that open the first."""
    return f"{results_path(task)}/none/_0.dolphin"


def log_path(task: Task) -> str:
    """Where the log of a task is."""
    return f"{_TASKS}{task.number}/log"


def results_ref(path: str) -> ByNumber | None:
    """The task whose result sets a path names; None if it names something else."""
    found = _PATH.fullmatch(path)
    return ByNumber(int(found[1])) if found and not found[2] and found[3] is None else None


def result_ref(path: str) -> tuple[ByNumber, int] | None:
    """The task and the number of the result set that a path names; None for another path."""
    found = _PATH.fullmatch(path)
    return (ByNumber(int(found[1])), int(found[3])) if found and found[3] is not None else None


def nothing_ref(path: str) -> ByNumber | None:
    """The task for whose missing results a path stands; None for another path."""
    found = _NOTHING.fullmatch(path)
    return ByNumber(int(found[1])) if found else None


def log_ref(path: str) -> ByNumber:
    """The task whose log a path names."""
    found = _PATH.fullmatch(path)
    if not found or not found[2]:
        raise invalid("path", "is not the path of a log")
    return ByNumber(int(found[1]))
