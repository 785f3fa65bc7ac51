"""The words of Linkis: states, run types, error numbers, and the sentences that clients look for.

Follows the entrance contract, sections 1.4, 2.1 and 5. Only tables and what reads them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

from protocol.errors import Kind
from protocol.tasks import Outcome, Reason, Task, TaskState

__all__ = [
    "ACTIVE",
    "COOKIE",
    "DEFAULT_CREATOR",
    "ENDED",
    "ERROR_CODES",
    "HTTP_CODES",
    "STATUSES",
    "STATUS_WORDS",
    "WRONG_PASSWORD",
    "error_code",
    "error_text",
    "field_of",
    "language",
    "numbered",
    "states_of",
    "time_text",
]

COOKIE = "linkis_user_session_ticket_id_v1"
DEFAULT_CREATOR = "IDE"
WRONG_PASSWORD = "wrong user name or password"  # noqa: S105 - a sentence that clients look for

STATUS_WORDS: Mapping[TaskState, str] = {
    TaskState.ACCEPTED: "Inited",
    TaskState.QUEUED: "Scheduled",
    TaskState.HELD: "Scheduled",
    TaskState.STARTING: "Scheduled",
    TaskState.RUNNING: "Running",
    TaskState.SUSPENDED: "Running",
    TaskState.RETRYING: "WaitForRetry",
    # unlike Linkis: Cancelled is said when no process is left, not when the request is known.
    TaskState.KILLING: "Running",
    TaskState.SUCCEEDED: "Succeed",
    TaskState.FAILED: "Failed",
    TaskState.KILLED: "Cancelled",
    TaskState.TIMED_OUT: "Timeout",
    TaskState.LOST: "Failed",
}
"""Each state in one of the eight words that clients know; any other word breaks the Java ones."""

ACTIVE = tuple(state for state in TaskState if not state.final)
ENDED = tuple(state for state in TaskState if state.final)

STATUSES: Mapping[Kind, int] = {
    Kind.INVALID: 2,
    Kind.UNAUTHENTICATED: -1,
    Kind.FORBIDDEN: 3,
    Kind.NOT_FOUND: 1,
    Kind.CONFLICT: 1,
    Kind.GONE: 1,
    Kind.UNSUPPORTED: 1,
    Kind.TOO_LARGE: 2,
    Kind.EXHAUSTED: 1,
    Kind.UNAVAILABLE: 1,
    Kind.INTERNAL: 1,
}
"""The status number of the envelope for each kind of error (section 1.4)."""

HTTP_CODES: Mapping[int, int] = {0: 200, 1: 400, 2: 412, 3: 403, -1: 401, 4: 206}
"""The HTTP code that goes with a status number. 401 is for the session and nothing else."""

ERROR_CODES: Mapping[Kind, int] = {
    Kind.INVALID: 91001,
    Kind.UNAUTHENTICATED: 91002,
    Kind.FORBIDDEN: 91003,
    Kind.NOT_FOUND: 91004,
    Kind.CONFLICT: 91005,
    Kind.GONE: 91006,
    Kind.UNSUPPORTED: 91007,
    Kind.TOO_LARGE: 91008,
    Kind.EXHAUSTED: 91009,
    Kind.UNAVAILABLE: 91010,
    Kind.INTERNAL: 91011,
}
"""Numbers of our own for ``errorMsg.errCode``: the contract fixes none for these."""

_FIELDS: Mapping[str, str] = {
    "client": "params",
    "code": "executionCode",
    "engine": "executeApplicationName",
    "home": "workdir",
    "label": "requestApplicationName",
    "language": "runType",
    "parameters": "params.configuration",
    "queue_seconds": "jobQueuingTimeout",
    "request_id": "requestId",
    "retries": "jobRetryCount",
    "seconds": "jobRunningTimeout",
    "user": "executeUser",
}
"""What the core's names for the parts of a submit are called in a body."""

_REASON_CODES: Mapping[Reason, int] = {
    Reason.EXITED: 92001,
    Reason.SIGNALLED: 92002,
    Reason.START_FAILED: 92003,
    Reason.KILLED: 92004,
    Reason.KILLED_BEFORE_START: 92005,
    Reason.TIME_LIMIT: 92006,
    Reason.OUT_OF_MEMORY: 92007,
    Reason.SHIM_DIED: 92008,
    Reason.NODE_RESTARTED: 92009,
    Reason.ENGINE_ERROR: 92010,
    Reason.REFUSED: 92011,
    Reason.SESSION_DIED: 92012,
    Reason.QUEUE_TIME_LIMIT: 92013,
    Reason.INTERNAL_ERROR: 92014,
    Reason.PREEMPTED: 92015,
    Reason.LEAF_DIED: 92016,
}
_UNKNOWN_REASON = 92000
_NUMBERED = re.compile(r"error code\((\d{1,9})\): ", re.ASCII)

_REASON_TEXTS: Mapping[Reason, str] = {
    Reason.EXITED: "the code ended with a failure",
    Reason.SIGNALLED: "a signal ended the code",
    Reason.START_FAILED: "the code could not be started",
    Reason.KILLED: "the task was killed",
    Reason.KILLED_BEFORE_START: "the task was killed before it started",
    Reason.TIME_LIMIT: "the task ran longer than it may",
    Reason.QUEUE_TIME_LIMIT: "the task waited longer than it may",
    Reason.OUT_OF_MEMORY: "the task used more memory than it may",
    Reason.SHIM_DIED: "the process that recorded the task died",
    Reason.NODE_RESTARTED: "the machine was restarted",
    Reason.ENGINE_ERROR: "the engine failed",
    Reason.REFUSED: "the task was refused",
    Reason.PREEMPTED: "the task made room for another",
    Reason.LEAF_DIED: "a slot that the task ran on was declared dead",
    Reason.INTERNAL_ERROR: "the gateway could not record the task",
    Reason.SESSION_DIED: "the session died in which the code ran",
}

_LANGUAGES: Mapping[str, str] = {
    "sh": "shell",
    "shell": "shell",
    "py": "python",
    "python": "python",
    "pyspark": "python",
    "hql": "sql",
    "hive": "sql",
    "sql": "sql",
}


def language(run_type: str) -> str:
    """The core's language for a runType; one that is not known here goes on in lower case."""
    word = run_type.lower()
    return _LANGUAGES.get(word, word)


def field_of(name: str) -> str:
    """The field of a body that an error of the core is about; other names stay as they are."""
    return _FIELDS.get(name, name)


def states_of(word: str) -> tuple[TaskState, ...]:
    """The states that a status word stands for; none if it is no such word."""
    return tuple(state for state, said in STATUS_WORDS.items() if said == word)


def error_code(task: Task) -> int | None:
    """``errCode`` of a job's row: a number for a task that ended badly, else None."""
    if not _bad(task):
        return None
    if not task.outcome:
        return _UNKNOWN_REASON
    return numbered(task.outcome.message) or _REASON_CODES[task.outcome.reason]


def numbered(message: str) -> int:
    """The number with which the message of an error begins; 0 if it has none."""
    found = _NUMBERED.match(message)
    return int(found[1]) if found else 0


def error_text(task: Task) -> str | None:
    """``errDesc`` of a job's row: never empty for a task that ended badly, else None."""
    return _shown(task.outcome) if _bad(task) else None


def time_text(time_ms: int) -> str:
    """A moment as Linkis writes it in logs, in UTC."""
    seconds, millis = divmod(time_ms, 1000)
    return f"{_second_text(seconds)}.{millis:03d}"


@lru_cache(maxsize=64)
def _second_text(seconds: int) -> str:
    """A second as it stands in logs; those of one page are mostly the same."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def _bad(task: Task) -> bool:
    return task.state.final and task.state is not TaskState.SUCCEEDED


def _shown(outcome: Outcome | None) -> str:
    if outcome is None:
        return "the task ended and left no word why"
    return outcome.message or _REASON_TEXTS[outcome.reason]
