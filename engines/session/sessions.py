"""The way to the host of a session: how one is started, and what may be said to it.

For the runner's side. Every exchange is one connection with a deadline, so that either end may die
at any time and the next exchange is as good as the first. It must never decide what belongs in
which session: that is the caller's. Blocks; call it in a thread.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engines.contract import EngineError, Launch, Limits, RunSpec, SessionSpec
from engines.rundir.directory import RunDir
from engines.rundir.durable import write_new
from engines.rundir.plain_files import read_plain
from engines.session.adapter import Code
from engines.session.host import HOST, SECRET, STATUS
from engines.session.statement import STATEMENT, StatementRequest, encode_request
from engines.shim.sandbox import Sandbox

__all__ = ["SessionStatus", "arm", "hand_over", "host_launch", "instruct", "status"]

_ROOT = str(Path(__file__).resolve().parents[2])
_SECONDS = 5.0
_NOT_FOR_STATEMENTS = frozenset({"PWD", "PYTHONPATH", "NARTHEX_PROGRESS_FD"})
"""What is so for a process of its own only: a session keeps its directory, path and descriptors."""
_MAX_ANSWER = 65_536
_STATES = frozenset({"starting", "idle", "busy", "over"})


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """What a session last said of itself.

    ``state`` is ``starting``, ``idle``, ``busy`` or ``over``; ``run`` is the statement that runs,
    empty for none; ``statements`` counts those it took; ``used_ms`` is when the last one ended.
    """

    state: str = "starting"
    run: str = ""
    statements: int = 0
    used_ms: int = 0


def arm(session: RunDir) -> None:
    """Writes the word that every request to this session must say; before its host starts."""
    write_new(session.file(SECRET), secrets.token_hex(16).encode())


def host_launch(
    spec: SessionSpec,
    session: RunDir,
    work: Path,
    sockets: Path,
    environment: Mapping[str, str],
    limits: Limits,
    idle_seconds: float,
    sandbox: Sandbox | None = None,
) -> Launch:
    """The process that hosts a session.

    Args:
        spec: what the engine said.
        session: its directory, armed.
        work: the working directory of everything that it starts.
        sockets: an empty private folder with a short name, for sockets of the adapter's own.
        environment: what every run sees.
        limits: for the session as a whole; the time limit of a statement is the host's to watch.
        idle_seconds: the session ends after this time without a statement; 0 for never.
        sandbox: what its code is to see of the machine; None for all.
    """
    code = "import sys; sys.path.append(sys.argv.pop(1)); from engines.session.host import main; "
    return Launch(
        argv=(
            *(spec.interpreter or sys.executable, "-P", "-c", code + "sys.exit(main())", _ROOT),
            *("--session", session.path, "--adapter", spec.adapter, "--sockets", str(sockets)),
            *("--settings", json.dumps(dict(spec.settings))),
            *("--idle-seconds", str(idle_seconds)),
            *(("--sandbox", json.dumps(sandbox)) if sandbox is not None else ()),
        ),
        environment={**environment, **spec.environment},
        directory=work,
        limits=limits,
    )


def instruct(
    run: RunDir,
    spec: RunSpec,
    base: Mapping[str, str],
    hidden: tuple[str, ...],
    notifier: str,
    notice: str = "",
) -> None:
    """Writes what the host is to know of a statement into its run directory.

    ``base`` is the environment that the session has anyway; ``hidden`` must not be recorded.
    """
    own = {
        name: value
        for name, value in spec.environment.items()
        if base.get(name) != value and name not in _NOT_FOR_STATEMENTS
    }
    order = StatementRequest(
        Code(spec.language, spec.code, own, dict(spec.parameters), str(spec.work)),
        hidden,
        spec.limits.bounds(),
        notifier,
        notice,
    )
    run.write(STATEMENT, encode_request(order), durable=False)


def hand_over(session: RunDir, run: RunDir) -> str:
    """Asks the session to take an accepted run: ``taken``, ``busy``, ``over`` or ``refused``.

    Only ``taken`` is certain; after anything else the facts of the run say what is the case.

    Raises:
        EngineError: the host does not answer.
    """
    return str(_ask(session, {"verb": "take", "run": str(Path(run.path).absolute())}).get("answer"))


def status(session: RunDir) -> SessionStatus:
    """What the session last said of itself; it may have died since.

    The file is the session's own: what makes no sense is as if it had said nothing yet.
    """
    try:
        fact = json.loads(read_plain(session.file(STATUS)) or b"")
        said = SessionStatus(
            str(fact["state"]), str(fact["run"]), int(fact["statements"]), int(fact["used_ms"])
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return SessionStatus()
    return said if said.state in _STATES else SessionStatus()


def _ask(session: RunDir, request: dict[str, object]) -> dict[str, object]:
    try:
        request["secret"] = (read_plain(session.file(SECRET)) or b"").decode("ascii").strip()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as link:
            link.settimeout(_SECONDS)
            directory = os.open(session.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                link.connect(f"/proc/self/fd/{directory}/{HOST}")
            finally:
                os.close(directory)
            link.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(_read(link))
    except (OSError, ValueError) as error:
        raise EngineError("the session does not answer") from error
    if not isinstance(answer, dict):
        raise EngineError("the session does not answer in this version's words")
    return answer


def _read(link: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n") and len(data) < _MAX_ANSWER:
        more = link.recv(_MAX_ANSWER)
        if not more:
            break
        data += more
    return data
