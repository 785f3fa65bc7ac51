"""The Python client: the same verbs for threads (Client) and for asyncio (AsyncClient)."""

from gateway.client.aio import AsyncClient
from gateway.client.errors import ClientError, ConnectionFailed
from gateway.client.sync import Client
from gateway.client.values import (
    FINAL_WORDS,
    End,
    KillReport,
    LogPage,
    News,
    Partial,
    Progress,
    ProgressChanged,
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
    "FINAL_WORDS",
    "AsyncClient",
    "Client",
    "ClientError",
    "ConnectionFailed",
    "End",
    "Gap",
    "KillReport",
    "Line",
    "LogPage",
    "News",
    "Partial",
    "Progress",
    "ProgressChanged",
    "SessionRow",
    "Stage",
    "StateChanged",
    "Status",
    "Submitted",
    "TaskRow",
    "Ticket",
]
