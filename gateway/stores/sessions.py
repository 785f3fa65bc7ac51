"""Sessions on disk: one directory each, like that of a run, with a host under its own shim.

    sessions/<id>/   spec (whose, of what), secret, status, host (socket), work/ and a run's files

What is here is the truth about sessions; nothing of it is in Redis. Only the runner makes and
removes them; every process may look; and ask for an end as for the end of any run. Blocks on the
disk: for worker threads.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engines.rundir.creation import create_run
from engines.rundir.directory import RunDir
from engines.rundir.facts import RunState
from engines.session.sessions import arm, status
from engines.trees import remove_tree
from gateway import ids
from gateway.stores.atomic_file import private_folder
from gateway.stores.removal import Trash
from protocol.sessions import EngineSession, SessionState

__all__ = ["SessionStore", "SessionTag", "StoredSession"]

_WORK = "work"


@dataclass(frozen=True, slots=True)
class SessionTag:
    """What a session is found by: whose it is, of which engine, label and the engine's own key."""

    owner: str
    engine: str
    label: str
    key: str


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session's directory and tag, and when it was made."""

    id: str
    tag: SessionTag
    created_ms: int
    run: RunDir


class _Spec(msgspec.Struct, frozen=True):
    owner: str
    engine: str
    label: str
    key: str
    created_ms: int


class SessionStore:
    """The sessions below a spool; ``sockets`` is the short-named folder for theirs."""

    def __init__(self, spool: Path, sockets: Path) -> None:
        self._new = spool / "new"
        self._root = spool / "sessions"
        self._trash = Trash(spool)
        self._sockets = sockets

    def prepare(self) -> None:
        """Makes the folders; for the runner, once."""
        for folder in (self._new, self._root, self._sockets):
            private_folder(folder)

    def create(self, tag: SessionTag, now_ms: int) -> StoredSession:
        """Makes the directory of a new session, armed and ready for its host.

        Raises OSError if the disk refuses.
        """
        spec = _Spec(tag.owner, tag.engine, tag.label, tag.key, now_ms)
        name = ids.new_task_id(now_ms)
        run = create_run(self._new, self._root, name, msgspec.json.encode(spec))
        arm(run)
        Path(run.file(_WORK)).mkdir(mode=0o700)
        self.sockets(name).mkdir(mode=0o700, exist_ok=True)
        return StoredSession(name, tag, now_ms, run)

    def work(self, session: StoredSession) -> Path:
        """The working directory of a session."""
        return Path(session.run.file(_WORK))

    def sockets(self, session_id: str) -> Path:
        """The folder for the sockets of a session."""
        return self._sockets / session_id[-12:]

    def find(self, session_id: str) -> StoredSession | None:
        """The session of an id, None if there is none."""
        if not ids.is_task_id(session_id):
            return None
        run = RunDir(self._root / session_id)
        try:
            spec = msgspec.json.decode(run.spec(), type=_Spec)
        except (OSError, msgspec.MsgspecError):
            return None
        tag = SessionTag(spec.owner, spec.engine, spec.label, spec.key)
        return StoredSession(session_id, tag, spec.created_ms, run)

    def all(self) -> list[StoredSession]:
        """All sessions, oldest first; those that have ended and are not removed yet among them."""
        try:
            names = sorted(entry.name for entry in os.scandir(self._root))
        except FileNotFoundError:
            return []
        return [found for found in map(self.find, names) if found is not None]

    def look(self, session: StoredSession) -> EngineSession | None:
        """What the session is doing, None if it has ended."""
        said = status(session.run)
        try:
            state = session.run.state()
        except FileNotFoundError:
            return None
        match state:
            case RunState.ENDED | RunState.ORPHANED:
                return None
            case RunState.KILLING:
                word = SessionState.ENDING
            case RunState.ACCEPTED | RunState.STARTING:
                word = SessionState.STARTING
            case _:
                word = SessionState.ENDING if said.state == "over" else SessionState(said.state)
        tag = session.tag
        return EngineSession(
            id=session.id,
            owner=tag.owner,
            engine=tag.engine,
            label=tag.label,
            key=tag.key,
            state=word,
            created_ms=session.created_ms,
            used_ms=said.used_ms,
            statements=said.statements,
            task_id=said.run,
        )

    def request_end(self, session: StoredSession, grace_seconds: float) -> bool:
        """Makes it durable that a session is to end, and tells it; False if it is gone."""
        try:
            session.run.request_kill(grace_seconds)
        except FileNotFoundError:
            return False
        session.run.notify()
        return True

    def remove(self, session: StoredSession) -> None:
        """Removes what is left of a session that has ended."""
        self._trash.remove(Path(session.run.path))
        with contextlib.suppress(OSError):
            remove_tree(str(self.sockets(session.id)))
