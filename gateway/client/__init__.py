"""The Python client: the same verbs for threads (Client) and for asyncio (AsyncClient).

A name is imported when it is first used: a command that asks one question pays for no other half.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.client.aio import AsyncClient
    from gateway.client.async_task import AsyncTask
    from gateway.client.completed import AsyncCompleted, Completed
    from gateway.client.control import AsyncControl, Control, Controlled, Event, Events, Output
    from gateway.client.errors import (
        ClientError,
        Conflict,
        ConnectionFailed,
        Exhausted,
        Forbidden,
        Gone,
        InternalError,
        Invalid,
        NotFound,
        TaskFailed,
        TimedOut,
        TooLarge,
        Unauthenticated,
        Unavailable,
        Unsupported,
    )
    from gateway.client.files import AsyncFiles, FileRow, Files
    from gateway.client.results import AsyncResult, Page, Result
    from gateway.client.submission import Asked
    from gateway.client.sync import Client
    from gateway.client.task import Task
    from gateway.client.values import (
        ACTIVE_WORDS,
        FINAL_WORDS,
        End,
        KillReport,
        LogPage,
        News,
        Partial,
        Progress,
        ProgressChanged,
        QueueRow,
        SessionRow,
        Stage,
        StateChanged,
        Status,
        Submitted,
        TaskRow,
        Ticket,
    )
    from protocol.logs import Gap, Line

__all__ = [
    "ACTIVE_WORDS",
    "FINAL_WORDS",
    "Asked",
    "AsyncClient",
    "AsyncCompleted",
    "AsyncControl",
    "AsyncFiles",
    "AsyncResult",
    "AsyncTask",
    "Client",
    "ClientError",
    "Completed",
    "Conflict",
    "ConnectionFailed",
    "Control",
    "Controlled",
    "End",
    "Event",
    "Events",
    "Exhausted",
    "FileRow",
    "Files",
    "Forbidden",
    "Gap",
    "Gone",
    "InternalError",
    "Invalid",
    "KillReport",
    "Line",
    "LogPage",
    "News",
    "NotFound",
    "Output",
    "Page",
    "Partial",
    "Progress",
    "ProgressChanged",
    "QueueRow",
    "Result",
    "SessionRow",
    "Stage",
    "StateChanged",
    "Status",
    "Submitted",
    "Task",
    "TaskFailed",
    "TaskRow",
    "Ticket",
    "TimedOut",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "Unsupported",
]

_PLACES: Mapping[str, str] = {
    "gateway.client.aio": ("AsyncClient"),
    "gateway.client.async_task": ("AsyncTask"),
    "gateway.client.completed": ("AsyncCompleted Completed"),
    "gateway.client.control": ("AsyncControl Control Controlled Event Events Output"),
    "gateway.client.errors": (
        "ClientError Conflict ConnectionFailed Exhausted Forbidden Gone InternalError "
        "Invalid NotFound TaskFailed TimedOut TooLarge Unauthenticated Unavailable "
        "Unsupported "
    ),
    "gateway.client.files": ("AsyncFiles FileRow Files"),
    "gateway.client.results": ("AsyncResult Page Result"),
    "gateway.client.submission": ("Asked"),
    "gateway.client.sync": ("Client"),
    "gateway.client.task": ("Task"),
    "gateway.client.values": (
        "ACTIVE_WORDS FINAL_WORDS End KillReport LogPage News Partial Progress "
        "ProgressChanged QueueRow SessionRow Stage StateChanged Status Submitted TaskRow "
        "Ticket "
    ),
    "protocol.logs": ("Gap Line"),
}
"""The names of each module."""


def __getattr__(name: str) -> object:
    """One of the names above, from its module."""
    for module, names in _PLACES.items():
        if name in names.split():
            found: object = getattr(importlib.import_module(module), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
