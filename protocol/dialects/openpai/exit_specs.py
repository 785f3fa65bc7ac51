"""What an exit code means in OpenPAI's words: the specification that stands beside it.

Codes, phrases and types are OpenPAI's (they are compared); the sentences are our own. Negative
codes are the platform's, positive ones the task's.
"""

from __future__ import annotations

from typing import NamedTuple

from protocol.media import JsonObject

__all__ = [
    "CANNOT_EVER_START",
    "OUT_OF_MEMORY",
    "START_FAILED",
    "STOPPED_BY_USER",
    "STOPPED_TASK",
    "exit_spec",
    "exit_type",
]

STOPPED_BY_USER = -7351
"""Of a job that its user stopped."""
STOPPED_TASK = -7400
"""Of a task that was stopped because the end of the job was decided."""
CANNOT_EVER_START = -7200
"""Of a job that asks for what the node can never give."""
OUT_OF_MEMORY = 196
START_FAILED = 193
_SIGNALLED = 128
_UNKNOWN_POSITIVE = 256
_UNKNOWN_NEGATIVE = -8000


class _Entry(NamedTuple):
    phrase: str
    issuer: str
    causer: str
    type: str
    stage: str
    behavior: str
    reaction: str
    reason: str
    solution: str


_USER = ("PAI_RUNTIME", "USER_CONTAINER")
_KILLED = "The process of the task was ended by signal "

_ENTRIES = {
    0: _Entry(
        "SUCCEEDED", *_USER, "USER_SUCCESS", "RUNNING", "PERMANENT", "NEVER_RETRY",
        "The task ended by itself with exit code 0", "Nothing to do",
    ),
    193: _Entry(
        "CONTAINER_DOCKER_RUN_FAILED", "PAI_RUNTIME", "PAI_RUNTIME", "PLATFORM_FAILURE",
        "LAUNCHING", "UNKNOWN", "RETRY_TO_MAX", "The process of the task could not be started",
        "Ask the administrator for processes and memory of the node",
    ),
    196: _Entry(
        "CONTAINER_OOM_KILLED_BY_DOCKER", *_USER, "USER_FAILURE", "RUNNING", "PERMANENT",
        "NEVER_RETRY", "The task used more memory than its limit", "Ask for more memoryMB",
    ),
    255: _Entry(
        "CONTAINER_RUNTIME_UNKNOWN_FAILURE", *_USER, "UNKNOWN_FAILURE", "RUNNING", "UNKNOWN",
        "RETRY_TO_MAX", "The task ended by itself with an exit code other than 0",
        "Read the log of the task",
    ),
    _UNKNOWN_POSITIVE: _Entry(
        "CONTAINER_UNKNOWN_EXIT_CODE", *_USER, "UNKNOWN_FAILURE", "RUNNING", "UNKNOWN",
        "RETRY_TO_MAX", "The task ended with an exit code that means nothing here",
        "Read the log of the task",
    ),
    CANNOT_EVER_START: _Entry(
        "AM_RM_HEARTBEAT_YARN_EXCEPTION", "PAI_LAUNCHER", "USER_SUBMISSION", "USER_FAILURE",
        "ALLOCATING", "PERMANENT", "NEVER_RETRY",
        "The job asks for more than the node can ever give",
        "Ask for fewer processors, less memory or no GPU",
    ),
    -7252: _Entry(
        "AM_GANG_ALLOCATION_TIMEOUT", "PAI_LAUNCHER", "PAI_LAUNCHER",
        "RESOURCE_ALLOCATION_TIMEOUT", "ALLOCATING", "TRANSIENT", "ALWAYS_BACKOFF_RETRY",
        "What the job asks for did not become free in time", "Wait, or ask for less",
    ),
    STOPPED_BY_USER: _Entry(
        "APP_STOP_FRAMEWORK_REQUESTED", "PAI_LAUNCHER", "PAI_USER", "USER_STOP", "UNKNOWN",
        "PERMANENT", "NEVER_RETRY", "A user stopped the job", "Nothing to do",
    ),
    STOPPED_TASK: _Entry(
        "TASK_STOPPED_ON_APP_COMPLETION", "PAI_LAUNCHER", "PAI_LAUNCHER", "USER_STOP",
        "COMPLETING", "PERMANENT", "NEVER_RETRY",
        "The task was stopped because the end of its job was decided", "Nothing to do",
    ),
    _UNKNOWN_NEGATIVE: _Entry(
        "APP_UNKNOWN_EXIT_CODE", "PAI_LAUNCHER", "UNKNOWN", "UNKNOWN_FAILURE", "UNKNOWN",
        "UNKNOWN", "RETRY_TO_MAX", "The platform ended the task for an unknown reason",
        "Read the events of the job",
    ),
    **{
        _SIGNALLED + number: _Entry(
            f"CONTAINER_KILLED_BY_{name}", *_USER, kind, "RUNNING", "UNKNOWN", reaction,
            f"{_KILLED}{name}", "Read the log of the task",
        )
        for number, name, kind, reaction in (
            (2, "SIGINT", "UNKNOWN_FAILURE", "RETRY_TO_MAX"),
            (4, "SIGILL", "USER_FAILURE", "NEVER_RETRY"),
            (6, "SIGABRT", "UNKNOWN_FAILURE", "RETRY_TO_MAX"),
            (7, "SIGBUS", "USER_FAILURE", "NEVER_RETRY"),
            (8, "SIGFPE", "USER_FAILURE", "NEVER_RETRY"),
            (9, "SIGKILL", "UNKNOWN_FAILURE", "RETRY_TO_MAX"),
            (11, "SIGSEGV", "USER_FAILURE", "NEVER_RETRY"),
            (13, "SIGPIPE", "UNKNOWN_FAILURE", "RETRY_TO_MAX"),
            (15, "SIGTERM", "UNKNOWN_FAILURE", "RETRY_TO_MAX"),
        )
    },
}  # fmt: skip


def _entry(code: int) -> _Entry:
    if code in _ENTRIES and code not in {255, _UNKNOWN_POSITIVE, _UNKNOWN_NEGATIVE}:
        return _ENTRIES[code]
    if code < 0:
        return _ENTRIES[_UNKNOWN_NEGATIVE]
    return _ENTRIES[255 if code <= 255 else _UNKNOWN_POSITIVE]  # noqa: PLR2004 - what a process can say


def exit_spec(code: int) -> JsonObject:
    """The specification of an exit code; one that has none of its own gets the general one's."""
    entry = _entry(code)
    return {
        "code": code,
        "phrase": entry.phrase,
        "issuer": entry.issuer,
        "causer": entry.causer,
        "type": entry.type,
        "stage": entry.stage,
        "behavior": entry.behavior,
        "reaction": entry.reaction,
        "reason": entry.reason,
        "repro": [],
        "solution": [entry.solution],
    }


def exit_type(code: int) -> str:
    """The type alone, which older clients read."""
    return _entry(code).type
