"""Statements and their sessions, through a real runner, real hosts and real kernels."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from engines.processes import children
from gateway.data_paths import DataPaths
from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.redis_client import RedisClient
from gateway.stores.sessions import SessionStore, StoredSession
from gateway.stores.spec import TaskSpec
from protocol.sessions import SessionState
from protocol.tasks import Reason, Task, TaskState
from tests.gateway.runner.rig import Client, Runner, running
from tests.support.waiting import wait_until

PYTHON: Mapping[str, object] = {"engine": "python", "language": "python"}
NOTICE = b"narthex: a new session was started, what the earlier one held is gone"


@pytest.fixture
def store(paths: DataPaths) -> SessionStore:
    """The sessions as a gateway process sees them."""
    return SessionStore(paths.spool, paths.sessions)


@pytest.fixture
async def runner(
    paths: DataPaths, redis_server: EmbeddedRedis, store: SessionStore
) -> AsyncIterator[Runner]:
    """A runner that lets a user have two sessions; all of them end with the test."""
    async with running(paths, redis_server.url, NARTHEX_SESSIONS_PER_USER="2") as made:
        yield made
    for stored in store.all():
        store.request_end(stored, 1.0)
    await wait_until(lambda: not any(map(store.look, store.all())), "the sessions to end")


async def said(client: Client, code: str, **changes: object) -> list[bytes]:
    """The lines of a statement that must succeed."""
    spec = await client.submit(code, **{**PYTHON, **changes})
    task = await client.ended(spec.task_id)
    lines = [line.data for line in await client.lines(spec.task_id)]
    assert task.state is TaskState.SUCCEEDED, (task, lines)
    return lines


async def ended(client: Client, spec: TaskSpec) -> Task:
    """How a statement ended."""
    return await client.ended(spec.task_id)


def only(store: SessionStore) -> StoredSession:
    """The one session that there is."""
    (stored,) = store.all()
    return stored


def host_of(stored: StoredSession) -> int:
    """The pid of a session's host."""
    shim = stored.run.shim()
    assert shim is not None
    (host,) = children(shim.pid)
    return host


@pytest.mark.usefixtures("runner")
async def test_sessions_are_found_by_owner_label_and_name(
    client: Client, store: SessionStore
) -> None:
    """One owner's statements share a session; another owner, and another label, have their own."""
    await said(client, "x = 41")
    assert await said(client, "print(x + 1)") == [b"42"]
    assert await said(client, "print('x' in globals())", owner="bob") == [b"False"]
    assert await said(client, "print('x' in globals())", label="other") == [b"False"]
    assert await said(client, "print('x' in globals())", parameters={"session": "none"}) == [
        b"False"
    ]
    seen = [store.look(stored) for stored in store.all()]
    assert sorted((one.owner, one.label, one.statements) for one in seen if one) == [
        ("ada", "", 2),
        ("ada", "other", 1),
        ("bob", "", 1),
    ]
    spec = await client.submit("1", **PYTHON, parameters={"session": "third"})
    task = await ended(client, spec)
    assert task.state is TaskState.FAILED
    assert task.outcome is not None
    assert "you have 2 sessions" in task.outcome.message


@pytest.mark.usefixtures("runner")
async def test_statements_go_one_after_another(client: Client) -> None:
    """Statements that come while the session is at work run in the order in which they came."""
    specs = [
        await client.submit(f"seen = globals().get('seen', []) + [{i}]; print(seen)", **PYTHON)
        for i in range(6)
    ]
    tasks = [await ended(client, spec) for spec in specs]
    assert {task.state for task in tasks} == {TaskState.SUCCEEDED}
    last = [line.data for line in await client.lines(specs[-1].task_id)]
    assert last == [b"[0, 1, 2, 3, 4, 5]"]


@pytest.mark.usefixtures("runner")
async def test_a_waiting_statement_can_be_killed(client: Client) -> None:
    """A statement that waits for its session is killed at once and never runs."""
    first = await client.submit("import time; print('go'); time.sleep(300)", **PYTHON)
    await wait_until(lambda: client.has_line(first.task_id, 1), "the first to run", 30)
    second = await client.submit("print(2)", **PYTHON)
    await client.kill(second.task_id)
    task = await ended(client, second)
    assert task.outcome is not None
    assert task.outcome.reason is Reason.KILLED_BEFORE_START
    await client.kill(first.task_id, 10.0)
    task = await ended(client, first)
    assert task.state is TaskState.KILLED
    assert task.outcome is not None
    assert task.outcome.message == "killed: the session lives on"
    assert await said(client, "print(3)") == [b"3"]


async def test_a_killed_runner_changes_nothing(client: Client, runner: Runner) -> None:
    """A statement goes on without a runner, its output is complete, and the state is kept."""
    await said(client, "x = 'kept'")
    spec = await client.submit(
        "import time\nfor i in range(30): print(i, flush=True); time.sleep(0.05)", **PYTHON
    )
    await wait_until(lambda: client.has_line(spec.task_id, 3), "some lines", 20)
    runner.kill()
    runner.start()
    task = await ended(client, spec)
    assert task.state is TaskState.SUCCEEDED
    lines = [line.data for line in await client.lines(spec.task_id)]
    assert lines == [b"%d" % i for i in range(30)]
    assert await said(client, "print(x)") == [b"kept"]


@pytest.mark.usefixtures("runner")
async def test_a_dead_session_fails_its_statement_alone(
    client: Client, store: SessionStore
) -> None:
    """The running statement is lost for that reason; the one that waits gets a new session."""
    first = await client.submit("import time; print('go'); time.sleep(300)", **PYTHON)
    await wait_until(lambda: client.has_line(first.task_id, 1), "the first to run", 30)
    second = await client.submit("print('alive')", **PYTHON)
    os.kill(host_of(only(store)), signal.SIGKILL)
    task = await ended(client, first)
    assert task.state is TaskState.LOST
    assert task.outcome is not None
    assert task.outcome.reason is Reason.SESSION_DIED
    assert (await ended(client, second)).state is TaskState.SUCCEEDED
    lines = [line.data for line in await client.lines(second.task_id)]
    assert lines == [NOTICE, b"alive"]


@pytest.mark.usefixtures("runner")
async def test_a_session_is_ended_by_request(client: Client, store: SessionStore) -> None:
    """A request ends a session and the statement in it; what is left of it is removed."""
    spec = await client.submit("import time; print('go'); time.sleep(300)", **PYTHON)
    await wait_until(lambda: client.has_line(spec.task_id, 1), "the statement to run", 30)
    stored = only(store)
    seen = store.look(stored)
    assert seen is not None
    assert (seen.state, seen.task_id) == (SessionState.BUSY, spec.task_id)
    assert store.request_end(stored, 5.0)
    task = await ended(client, spec)
    assert task.outcome is not None
    assert (task.outcome.reason, task.outcome.message) == (
        Reason.KILLED,
        "killed: the session was ended",
    )
    for path in (Path(stored.run.path), store.sockets(stored.id)):
        await wait_until(lambda: not path.exists(), f"{path} to be removed")  # noqa: B023 - waited for here


@pytest.mark.usefixtures("runner")
@pytest.mark.parametrize("engine", ["python", "shell"])
async def test_secrets_stay_secret(
    client: Client, link: RedisClient, operator: RedisClient, engine: str
) -> None:
    """A task sees its secret; its log does not, nor does anything in Redis."""
    code = {
        "python": "import os; w = os.environ['WORD']; print(w, end='', flush=True); print('!' + w)",
        "shell": 'printf %s "${WORD%rd}"; sleep 0.1; echo rd; echo "!$WORD" >&2',
    }[engine]
    spec = await client.submit(
        code, engine=engine, language=engine, secrets={"WORD": "pass-word-1rd"}
    )
    task = await ended(client, spec)
    assert task.state is TaskState.SUCCEEDED
    text = b"\n".join(line.data for line in await client.lines(spec.task_id))
    assert text.count(b"******") == 2
    assert b"pass" not in text
    found = await link.call("KEYS", "*")
    assert isinstance(found, list)
    assert found
    await operator.call("CONFIG", "SET", "rdbcompression", "no")
    for key in found:
        assert b"pass-word" not in bytes(await operator.call("DUMP", key) or b"")  # type: ignore[call-overload]  # bytes
