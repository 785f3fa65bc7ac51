"""Sessions of engines: warm processes that keep their state between the statements of one owner.

And what may be asked about them. That one is logged in is another kind of session and not meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["EngineSession", "SessionState"]


class SessionState(StrEnum):
    """What a session is doing; a closed set."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    ENDING = "ending"


@dataclass(frozen=True, slots=True)
class EngineSession:
    """One session at one moment.

    ``label`` and ``key`` are what tells it from others of its owner and engine; the form of the key
    is the engine's own. ``task_id`` is the task whose statement runs, empty for none;
    ``statements`` counts those it took. Times are ms since the epoch; ``used_ms`` is when the last
    statement ended, 0 for never.
    """

    id: str
    owner: str
    engine: str
    label: str
    key: str
    state: SessionState
    created_ms: int
    used_ms: int = 0
    statements: int = 0
    task_id: str = ""
