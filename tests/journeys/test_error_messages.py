"""What users are told of runs that fail with any text, any size and their secrets in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from engines.rundir.texts import MAX_MESSAGE_BYTES
from gateway.data_paths import DataPaths
from tests.journeys.entrance import Caller
from tests.journeys.test_sessions import Python, over_socket
from tests.support.served import Served

SECRET = "very-s3cret-indeed"  # noqa: S105 - of a test


@pytest.fixture
def caller(served: Served) -> Iterator[Python]:
    """Speaks Python to the shared gateway."""
    with Python(served) as caller:
        yield caller


def history(caller: Caller, exec_id: str) -> dict[str, Any]:
    """The row of a task in the history."""
    reply = caller.http.get(f"{caller.gateway.url}/api/rest_j/v1/jobhistory/{exec_id}/get")
    row = reply.json()["data"]["task"]
    assert isinstance(row, dict)
    return row


def characters(caller: Caller, exec_id: str) -> str:
    """All that stands in a log, also of lines that come in parts."""
    found, place = "", {"fromLine": 1}
    while True:
        page = caller.call("GET", f"{exec_id}/log", params={"format": "lines", "wait": 20, **place})
        found += "".join(str(line["text"]) for line in page["lines"])
        if page["eof"]:
            return found
        place = {name: page[name] for name in ("fromLine", "fromPart") if name in page}


def kept(caller: Caller) -> bytes:
    """All that lies in the run directories but the specifications, which hold the secrets."""
    spool = DataPaths.of(caller.gateway.data).spool
    files = [*spool.glob("done/*/*/*"), *spool.glob("live/*/*"), *spool.glob("sessions/*/output")]
    named = (path for path in files if path.name in {"exit", "output", "archive", "started"})
    return b"".join(path.read_bytes() for path in named if path.is_file())


@pytest.mark.parametrize("session", ["told", "none"])
def test_an_error_of_any_size_fails(caller: Python, session: str) -> None:
    """Row A1: with a session and without, the task fails, its log is whole, its row is short."""
    exec_id = caller.say('raise ValueError("é" * 1_100_000)', session=session)
    assert caller.finished(exec_id) == "Failed"
    assert characters(caller, exec_id).count("é") >= 1_100_000
    row = history(caller, exec_id)
    assert row["status"] == "Failed"
    assert len(row["errDesc"].encode()) < MAX_MESSAGE_BYTES + 200
    if session != "none":
        assert "ValueError: éé" in row["errDesc"]
        assert caller.run("print('lives')", session=session) == ["lives"]


async def test_half_a_character_fails_over_a_socket_too(served: Served, caller: Python) -> None:
    """Rows A2, A3: by either transport the true error is told, with the half escaped."""
    lines = await over_socket(served, 'raise ValueError("\\udc80 bad")')
    assert any("\\udc80 bad" in line for line in lines), lines
    exec_id = caller.say('raise ValueError("\\udc80 bad")')
    assert caller.finished(exec_id) == "Failed"
    assert "ValueError: \\udc80 bad" in history(caller, exec_id)["errDesc"]


@pytest.mark.parametrize(
    ("engine", "code"),
    [
        ("python", 'import os; raise RuntimeError(os.environ["TOK"])'),
        ("python", 'import os, sys; sys.exit("bad " + os.environ["TOK"])'),
        ("script", 'import os; raise RuntimeError(os.environ["TOK"])'),
        ("shell", 'echo "$TOK" >&2; exit 3'),
    ],
)
def test_secrets_are_told_nowhere(caller: Python, engine: str, code: str) -> None:
    """Row A4: not in the log, the row, the lists, the status, nor on disk."""
    special = {"secret.TOK": SECRET}
    if engine == "shell":
        params = {"configuration": {"special": special}}
        exec_id = caller.execute(code, params=params)
    else:
        exec_id = caller.say(code, **special, **({"session": "none"} if engine == "script" else {}))
    assert caller.finished(exec_id) == "Failed"
    assert not any(SECRET in str(line["text"]) for line in caller.lines(exec_id))
    base = f"{caller.gateway.url}/api/rest_j/v1"
    for path in (
        f"jobhistory/{exec_id}/get",
        "jobhistory/list",
        f"entrance/{exec_id}/status",
        f"entrance/{exec_id}/log",
        f"entrance/{exec_id}/progress",
    ):
        assert SECRET not in caller.http.get(f"{base}/{path}").text, path
    assert SECRET.encode() not in kept(caller)
    if engine == "python":
        assert "******" in history(caller, exec_id)["errDesc"]


@pytest.mark.parametrize("session", ["told", "none"])
def test_secrets_are_in_no_progress(caller: Python, session: str) -> None:
    """Row A4: a stage that is named by a secret is told without it, however long its name."""
    code = (
        "import narthex, os\n"
        "stage = {'id': 'x' * 195 + os.environ['TOK'], 'total': 2}\n"
        "narthex.progress(0.5, [stage, {'id': 'of ' + os.environ['TOK'], 'total': 3}])"
    )
    exec_id = caller.say(code, **{"secret.TOK": SECRET, "session": session})
    assert caller.finished(exec_id) == "Succeed"
    received = str(caller.call("GET", f"{exec_id}/progress"))
    assert "of ******" in received
    assert SECRET[:3] not in received


def test_leaving_a_session_and_going_on(caller: Python) -> None:
    """Rows A6, A7: after exit() the next statement, sent at once, has a session of its own."""
    caller.run("x = 1", session="leaving")
    for _ in range(5):
        left = caller.say("exit()", session="leaving")
        following = caller.say("print('x' in globals())", session="leaving")
        assert caller.finished(left) == "Succeed"
        assert caller.finished(following) == "Succeed", caller.lines(following)
        assert [line["text"] for line in caller.lines(following)][-1] == "False"
    status = caller.say("import sys; sys.exit(3)", session="leaving")
    assert caller.finished(status) == "Failed"


def test_what_never_began_runs_in_the_next_session(caller: Python) -> None:
    """Row A6: a session that dies by itself at any moment fails no statement that had not begun."""
    for place in range(6):
        delay = 0.004 * place
        code = f"import os, threading; threading.Timer({delay}, os._exit, (7,)).start()"
        assert caller.finished(caller.say(code, session="dying")) in {"Succeed", "Failed"}
        exec_id = caller.say("print('here')", session="dying")
        if caller.finished(exec_id) == "Failed":
            # Then it had begun, and says what became of it, beside what it may have printed.
            texts = [str(line["text"]) for line in caller.lines(exec_id)]
            assert any("its state is lost" in text for text in texts), texts
        else:
            assert caller.lines(exec_id)[-1]["text"] == "here"
