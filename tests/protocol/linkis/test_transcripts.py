"""Literal requests and replies: the seed's own, and others in its manner."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from protocol.accounts import Principal, Role, Ticket
from protocol.command import Command
from protocol.commands.login import Login, WhoAmI
from protocol.commands.logs import LogRead, ReadLog
from protocol.commands.tasks import Execute, Kill, ReadTask
from protocol.errors import GatewayError, Kind
from protocol.http import Request
from protocol.logs import Cursor, LogPage
from protocol.media import decode_form
from protocol.routing import Found, Router, clean_path
from protocol.tasks import ByNumber, Progress, Stage, TaskState
from tests.protocol.linkis.scenes import DONE, INSTANCE, NOW, block, dialect, said, task

FOLDER = Path(__file__).parents[2] / "transcripts" / "linkis"
AT = "2026-01-01 12:00:00.123"

BY_ID = ByNumber(
    21,
    "johnnwang",
    (
        ("requestApplicationName", "IDE"),
        ("executeApplicationName", "hive"),
        ("instance", INSTANCE),
    ),
)
STAGES = (Stage("job-1", 10, 2, 0, 5), Stage("job-2", 10, 5, 0, 5), Stage("none", 0, 0, 0, 0))
SEED_PARAMS = {
    "variable": {"k1": "v1"},
    "configuration": {
        "special": {"k2": "v2"},
        "runtime": {"k3": "v3"},
        "startup": {"k4": "v4"},
    },
}
EXECUTE = Execute(
    engine="spark",
    language="sql",
    code="show tables",
    dialect="linkis",
    client={
        "requestApplicationName": "IDE",
        "executeApplicationName": "spark",
        "instance": INSTANCE,
        "runType": "sql",
        "websocketTag": "37fcbd8b762d465a0c870684a0261c6e",
        "scriptPath": "/home/Linkis/Linkis.sql",
        "params": SEED_PARAMS,
        "source": {"scriptPath": "/home/Linkis/Linkis.sql"},
    },
    parameters={"k4": "v4", "k3": "v3", "k2": "v2"},
    label="IDE",
    rows=5000,
)
SUBMIT = Execute(
    engine="hive",
    language="sql",
    code="show tables",
    dialect="linkis",
    client={
        "requestApplicationName": "IDE",
        "executeApplicationName": "hive",
        "instance": INSTANCE,
        "runType": "sql",
        "labels": {"engineType": "hive-2.4.3", "userCreator": "johnn-wang-IDE"},
    },
    label="IDE",
    rows=5000,
)
LEVELS = block(
    51, [f"{AT} ERROR errorLogs", f"{AT} WARN warnLogs", f"{AT} INFO infoLogs", "no level"]
)
TICKET = Ticket("t.o.k", Principal("johnnwang", Role.USER), NOW + 7_200_000)


@dataclass(frozen=True)
class Turn:
    """The command that a request must become, and what the core answers to it."""

    command: Command[object] | None
    result: object


TURNS: Mapping[str, Turn] = {
    "execute": Turn(EXECUTE, task(TaskState.ACCEPTED)),
    "submit": Turn(SUBMIT, task(TaskState.ACCEPTED)),
    "status": Turn(ReadTask(BY_ID), task()),
    "status_final": Turn(ReadTask(ByNumber(21)), task(TaskState.FAILED)),
    "log": Turn(
        ReadLog(BY_ID, Cursor(51), max_lines=4),
        LogRead(LogPage((LEVELS,), Cursor(55), 1, 70, eof=False), task(last_line=70)),
    ),
    "log_lines": Turn(
        ReadLog(BY_ID, Cursor(2), max_lines=2, wait_seconds=10),
        LogRead(LogPage((block(2, ["two", ""]),), Cursor(4), 1, 4, eof=False), task(last_line=4)),
    ),
    "progress": Turn(ReadTask(BY_ID), task(progress=Progress(0.2, STAGES))),
    "progress_with_resource": Turn(ReadTask(BY_ID), task(TaskState.QUEUED)),
    "kill_post": Turn(Kill(BY_ID, 3.0), task(TaskState.KILLING)),
    "kill_get": Turn(Kill(BY_ID, 3.0), task(TaskState.KILLED)),
    "kill_finished": Turn(Kill(BY_ID, 3.0), task(TaskState.SUCCEEDED, outcome=DONE)),
    "unknown_id": Turn(None, None),
    "missing_field": Turn(None, None),
    "not_logged_in": Turn(WhoAmI(), GatewayError(Kind.UNAUTHENTICATED, "no credential")),
    "login": Turn(Login("johnnwang", "secret"), TICKET),
    "login_wrong": Turn(
        Login("johnnwang", "guess"), GatewayError(Kind.UNAUTHENTICATED, "no such pair")
    ),
    "wrong_method": Turn(None, GatewayError(Kind.UNSUPPORTED, "DELETE is not for this path")),
    "wrong_path": Turn(None, GatewayError(Kind.NOT_FOUND, "unknown path")),
}


def test_every_transcript_is_run() -> None:
    """Each file of the folder has its turn, and each turn its file."""
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(TURNS)


@pytest.mark.parametrize("name", sorted(TURNS))
def test_transcript(name: str) -> None:
    """The literal request becomes the command, and its result the literal reply."""
    asked, _, answered = (FOLDER / f"{name}.txt").read_text().partition("\n<<< ")
    line, _, body = asked.removeprefix(">>> ").partition("\n")
    code, _, expected = answered.partition("\n")
    method, _, target = line.partition(" ")
    url = urlsplit(target)
    found = Router(dialect().routes).match(method, clean_path(url.path))
    request = Request(
        method,
        clean_path(url.path),
        found.params if isinstance(found, Found) else {},
        decode_form(url.query),
        body=body.encode(),
        now_ms=NOW,
    )
    turn = TURNS[name]
    try:
        if isinstance(found, Found):
            command = found.route.parse(request)
            assert command == turn.command
        if isinstance(turn.result, GatewayError):
            raise turn.result
        assert isinstance(found, Found)
        reply = found.route.render(turn.result, request)
    except GatewayError as error:
        reply = dialect().refuse(error, request)
    assert (str(reply.status), said(reply)) == (code, json.loads(expected))
