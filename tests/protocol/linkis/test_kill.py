"""The kill call and its report: what may be asked, and how the answer looks."""

import pytest

from protocol.command import Each
from protocol.commands.kills import KillAndReport, ReadKill
from protocol.commands.tasks import Kill
from protocol.dialects.linkis import LinkisDialect
from protocol.dialects.linkis.words import STATUS_WORDS
from protocol.errors import GatewayError, Kind
from protocol.http import Request
from protocol.kills import Death, KillReport, KillState, Signalled
from protocol.routing import Found, Router
from protocol.tasks import ByNumber, Outcome, Reason, TaskState
from tests.protocol.linkis.scenes import NOW, ROOT, SEED_ID, data_of, request, task

KILL = f"{ROOT}/entrance/{SEED_ID}/kill"
REPORT = f"{ROOT}/entrance/{SEED_ID}/killreport"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("query", "grace", "report", "wait"),
    [
        ({}, 3.0, False, 0.0),
        ({"grace": "0"}, 0.0, False, 0.0),
        ({"grace": "2.5", "report": "false"}, 2.5, False, 0.0),
        ({"report": "true"}, 3.0, True, 0.0),
        ({"report": "true", "grace": "3600", "wait": "5"}, 3600.0, True, 5.0),
        ({"report": "true", "wait": "1000"}, 3.0, True, 60.0),
    ],
)
def test_what_is_asked(
    method: str, query: dict[str, str], grace: float, wait: float, *, report: bool
) -> None:
    """Grace, report and wait are taken from the query, and the wait has a bound."""
    found, asked = request(method, KILL, query)
    command = found.route.parse(asked)
    if report:
        assert isinstance(command, KillAndReport)
        assert (command.grace_seconds, command.wait_seconds) == (grace, wait)
    else:
        assert isinstance(command, Kill)
        assert command.grace_seconds == grace
    assert isinstance(command.task, ByNumber)
    assert command.task.number == 21


@pytest.mark.parametrize(
    "query",
    [
        {"grace": "-1"},
        {"grace": "soon"},
        {"grace": "nan"},
        {"grace": "3601"},
        {"report": "yes"},
        {"report": "true", "wait": "-1"},
    ],
)
def test_what_cannot_be_asked(query: dict[str, str]) -> None:
    """A misfit is refused by its name."""
    found, asked = request("POST", KILL, query)
    with pytest.raises(GatewayError) as caught:
        found.route.parse(asked)
    assert caught.value.kind is Kind.INVALID
    assert caught.value.field in query


def test_only_reading() -> None:
    """A report may be read without asking for a kill."""
    found, asked = request("GET", REPORT, {"wait": "3"})
    command = found.route.parse(asked)
    assert isinstance(command, ReadKill)
    assert command.wait_seconds == 3


def test_a_whole_report() -> None:
    """Signals have numbers and names, the dead their times, and what is left is listed."""
    outcome = Outcome(Reason.KILLED, None, 9, "killed")
    done = KillReport(
        task(TaskState.KILLED, outcome=outcome),
        KillState.KILLED,
        NOW,
        0.5,
        NOW + 1,
        NOW + 9,
        (Signalled(15, NOW + 2, NOW + 3, 2, (7, 8)), Signalled(64, NOW + 4, NOW + 4, 1, (7,))),
        2,
        (Death(7, NOW + 5, None, 9), Death(8, NOW + 6, 3, None)),
        (),
        "cgroup",
        verified=True,
    )
    data = data_of("POST", KILL, done, {"report": "true"})
    assert (data["execID"], data["taskID"], data["status"]) == (SEED_ID, 21, "Cancelled")
    assert (data["exitCode"], data["signal"]) == (None, 9)
    assert data["report"] == {
        "state": "killed",
        "verified": True,
        "proof": "cgroup",
        "wishedTime": NOW,
        "graceSeconds": 0.5,
        "begunTime": NOW + 1,
        "endedTime": NOW + 9,
        "signals": [
            {
                "signal": 15,
                "name": "SIGTERM",
                "firstTime": NOW + 2,
                "lastTime": NOW + 3,
                "count": 2,
                "pids": [7, 8],
            },
            {
                "signal": 64,
                "name": "SIGRTMAX",
                "firstTime": NOW + 4,
                "lastTime": NOW + 4,
                "count": 1,
                "pids": [7],
            },
        ],
        "diedCount": 2,
        "died": [
            {"pid": 7, "time": NOW + 5, "exitCode": None, "signal": 9},
            {"pid": 8, "time": NOW + 6, "exitCode": 3, "signal": None},
        ],
        "left": [],
    }
    assert data_of("GET", REPORT, done) == data


@pytest.mark.parametrize("state", TaskState)
def test_a_report_is_never_refused(state: TaskState) -> None:
    """Who asks for a report is told the truth of a task in any state."""
    report = KillReport(task(state), KillState.NONE, left=(4,))
    data = data_of("POST", KILL, report, {"report": "true"})
    assert data["status"] == STATUS_WORDS[state]
    assert data["report"]["left"] == [4]
    assert not data["report"]["verified"]


def test_section_3_7_the_grace_is_a_setting() -> None:
    """Kills that name no grace have that of the settings, below the five seconds of old clients."""
    table = Router(LinkisDialect({"kill_grace_seconds": 0.5}).routes)
    found = table.match("POST", KILL)
    assert isinstance(found, Found)
    command = found.route.parse(Request("POST", KILL, found.params))
    assert isinstance(command, Kill)
    assert command.grace_seconds == 0.5
    jobs = table.match("POST", f"{ROOT}/entrance/x/killJobs")
    assert isinstance(jobs, Found)
    body = b'{"idList": [""], "taskIDList": [21]}'
    each = jobs.route.parse(Request("POST", "", body=body))
    assert isinstance(each, Each)
    assert each.commands == (Kill(ByNumber(21), 0.5),)
    for unfit in (-1, 3601, "3", True, float("nan")):
        with pytest.raises(GatewayError, match="kill_grace_seconds"):
            LinkisDialect({"kill_grace_seconds": unfit})
