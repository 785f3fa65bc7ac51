"""The client's values beside the core's: what the dialect says of one is what is in the other.

Decision 36 says why the client has values of its own. Here each is held against the value of the
core that it comes from, over the wire as the dialect writes it, so that the two cannot drift.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import TypeVar

import pytest

import protocol
from gateway.client import call, calls, kills, queues, sessions, values
from gateway.client.call import Call, Reply
from protocol.accounts import Principal, Role
from protocol.accounts import Ticket as CoreTicket
from protocol.commands.history import Submission, TaskPage
from protocol.commands.logs import ReadLog
from protocol.commands.queues import QueueReport
from protocol.dialects.linkis.words import ACTIVE, ENDED, STATUS_WORDS
from protocol.kills import KillReport, KillState, Signalled
from protocol.logs import Cursor
from protocol.resources import Queue, QueueStatus
from protocol.sessions import EngineSession, SessionState
from protocol.tasks import ByNumber, Progress, Stage, TaskState
from tests.protocol.linkis.scenes import NOW, ROOT, WRONG, read, request, task

T = TypeVar("T")

TWINS = {
    "KillReport": "the core's has every signal and death with its times; here what counts is named",
    "LogPage": "the core's has blocks, as they are stored; here lines, and the task's word",
    "Progress": "the core's may be unknown; on the wire an unknown one is 0",
    "ProgressChanged": "the core's has the whole task; a push tells its progress only",
    "StateChanged": "the core's has the whole task; a push tells its word only",
    "Ticket": "the core's has the principal and the end of its life; a login tells neither",
}
"""Names that both declare, and why they are not the same."""


def told(asked: Call[T], result: object) -> T:
    """What the client reads when the core answers a call with a result."""
    found, sent = request(asked.method, asked.path, asked.query, asked.body or None)
    reply = found.route.render(result, sent)
    assert isinstance(reply.body, bytes)
    return asked.parse(Reply(reply.status, reply.body, reply.cookies))


def core_classes() -> set[str]:
    """The names of the classes of the language, without those of the dialects."""
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(protocol.__path__, "protocol.")
        if not found.name.startswith("protocol.dialects")
    ]
    return {
        name
        for module in modules
        for name, one in inspect.getmembers(module, inspect.isclass)
        if one.__module__ == module.__name__
    }


def test_no_name_is_declared_twice_without_a_reason() -> None:
    """What is the same is imported; what only has the same name is in the table."""
    own = {
        name
        for name, one in inspect.getmembers(values, inspect.isclass)
        if one.__module__ == values.__name__
    }
    assert own & core_classes() == set(TWINS)
    assert values.Stage is Stage


def test_the_words_are_those_of_the_dialect() -> None:
    """Status words, addresses and the cookie of a login."""
    assert {STATUS_WORDS[state] for state in ENDED} == values.FINAL_WORDS
    assert {STATUS_WORDS[state] for state in ACTIVE} == set(values.ACTIVE_WORDS)
    assert (call.ROOT, calls.login("ann", "x").path) == (ROOT, f"{ROOT}/user/login")
    found = told(calls.login("ann", "x"), CoreTicket("t.o.k", Principal("ann", Role.ADMIN), NOW))
    assert (found.user, found.admin, found.token) == ("ann", True, "t.o.k")


@pytest.mark.parametrize("state", TaskState)
def test_a_status(state: TaskState) -> None:
    """The word of each state; code and signal of the final ones, the reason of the others."""
    found = told(calls.status("21"), task(state, waiting_reason="no slot"))
    # Pollers stop for good at a word that they do not know, and not all know WaitForRetry.
    word = "Scheduled" if state is TaskState.RETRYING else STATUS_WORDS[state]
    assert (found.status, found.final, found.task_id) == (word, state.final, 21)
    assert found.exit_code == (WRONG.exit_code if state.final else None)
    assert found.waiting_reason == ("" if state.final else "no slot")


@pytest.mark.parametrize("fraction", [None, 0.0, 0.25, 0.75])
def test_progress(fraction: float | None) -> None:
    """How much is done, and of which stages."""
    stages = (Stage("job 1", 8, 4, 1, 2), Stage("job 2", 1, 0, 0, 0))
    found = told(calls.progress("21"), task(progress=Progress(fraction, stages)))
    assert found == values.Progress(fraction or 0.0, stages)


@pytest.mark.parametrize("state", [TaskState.HELD, TaskState.RUNNING, TaskState.FAILED])
def test_a_row(state: TaskState) -> None:
    """Everything that a list and a look at one task show."""
    known = task(state, started_ms=NOW + 1000, tags=("a", "b"), name="nightly")
    found = told(calls.describe("21"), Submission(known, "show x"))
    (listed,) = told(calls.list_tasks(), TaskPage((known,), 1))
    assert (found.task_id, found.status, found.state) == (21, STATUS_WORDS[state], state.value)
    assert (found.owner, found.engine, found.language) == ("johnnwang", "hive", "sql")
    assert (found.code, found.name, found.tags, found.id) == (
        *("show x", "nightly", ("a", "b")),
        known.id,
    )
    times = (found.created_ms, found.started_ms, found.finished_ms)
    assert times == (NOW, NOW + 1000, known.finished_ms)
    assert found.exit_code == (WRONG.exit_code if state.final else None)
    assert (listed.task_id, listed.state, listed.tags) == (found.task_id, found.state, found.tags)


@pytest.mark.parametrize("state", KillState)
def test_a_report_of_a_kill(state: KillState) -> None:
    """What was sent, who died, who is left, and whether that is proved."""
    signals = (Signalled(15, NOW, NOW, 2, (7, 8)), Signalled(9, NOW, NOW, 1, (8,)))
    report = KillReport(task(), state, signals=signals, died=2, left=(9,), proof="cgroup")
    found = told(kills.kill_report("21"), report)
    assert (found.state, found.over) == (state.value, state is not KillState.KILLING)
    assert (found.signals, found.died, found.left) == (("SIGTERM", "SIGKILL"), 2, (9,))
    assert (found.verified, found.proof) == (False, "cgroup")


def test_a_page_of_a_log() -> None:
    """The lines of its blocks, and where to go on."""
    command = ReadLog(ByNumber(21), Cursor(2), 2)
    result = read(["one", "two", "three", "four"], command, TaskState.SUCCEEDED)
    found = told(calls.log("21", 2, size=2), result)
    assert found.lines == tuple(result.page.lines())
    assert (found.next_line, found.next_part) == result.page.next
    page = result.page
    assert (found.first, found.last, found.eof) == (page.first, page.last, page.eof)
    assert (found.gaps, found.status) == (page.gaps, "Succeed")


def test_a_session_and_a_queue() -> None:
    """Each figure under its own name."""
    warm = EngineSession("s1", "ann", "spark", "IDE", "k", SessionState.BUSY, NOW, NOW + 5, 3, "t")
    assert told(sessions.list_sessions(), (warm,)) == (
        values.SessionRow("s1", "busy", "ann", "spark", "IDE", NOW, NOW + 5, 3),
    )
    report = QueueReport(Queue("vc", status=QueueStatus.STOPPED), 2, 4, 1, 64, 5, 6)
    assert told(queues.list_queues(), (report,)) == (
        values.QueueRow("vc", "stopped", 5, 6, 1, 2, 4, 64),
    )
