"""The job manager dialect by tables: requests in, commands out, replies back."""

import re
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.command import Command
from protocol.commands.history import TaskPage, TaskQuery
from protocol.commands.objects import DeleteData, DescribeData, OpenData, StoreData
from protocol.commands.tasks import DeleteTask, Execute, Kill, ReadTask
from protocol.dialect import WebSocketDialect
from protocol.dialects.job_manager import JobManagerDialect
from protocol.dialects.job_manager.words import STATES
from protocol.errors import GatewayError, Kind
from protocol.http import Request
from protocol.tasks import ById, Outcome, Reason, Task, TaskState
from tests.support.job_manager import (
    ANSWER,
    DIALECT,
    JOB,
    NOW,
    UNKNOWN,
    parsed,
    refusal,
    rendered,
    request,
    said,
    task,
)

NOT_FOUND = GatewayError(Kind.NOT_FOUND, "no such task")


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("prefix", ["", "/api", "/api/job"])
@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/run", Execute),
        ("GET", f"/job_info/{JOB}", ReadTask),
        ("GET", "/job_info", ReadTask),
        ("GET", "/list_jobs", TaskQuery),
        ("POST", "/cancel", Kill),
        ("DELETE", "/cancel", DeleteTask),
        ("DELETE", "/delete", DeleteTask),
        ("POST", "/data", StoreData),
        ("GET", f"/data/{UNKNOWN}", OpenData),
        ("HEAD", f"/data/{UNKNOWN}", OpenData),
        ("GET", f"/data/{UNKNOWN}/info", DescribeData),
        ("DELETE", f"/data/{UNKNOWN}", DeleteData),
    ],
)
def test_every_operation_is_found_in_every_form(
    prefix: str, slash: str, method: str, path: str, kind: type[Command[Any]]
) -> None:
    """Each operation has all its addresses, with and without a slash at the end."""
    target = f"{prefix}{path}{slash}?job_id={JOB}"
    body = b'{"command": "true"}' if path == "/run" else b""
    assert isinstance(parsed(request(method, target, body)), kind)


@pytest.mark.parametrize("mount", ["", "/jobs"])
def test_a_method_that_an_address_does_not_have_is_told(mount: str) -> None:
    """``GET`` on the cancel address is 405 with those it has; a stranger's address is 404."""
    dialect = JobManagerDialect({"mount": mount})
    unsupported = GatewayError(Kind.UNSUPPORTED, "method GET is not supported here")
    reply = dialect.refuse(unsupported, Request("GET", f"{mount}/api/cancel"))
    assert (reply.status, reply.headers) == (405, {"Allow": "DELETE, POST"})
    assert dialect.refuse(unsupported, Request("POST", f"{mount}/cancel")).status == 400
    for path in ("nowhere", "/nowhere", "/cancel"):
        assert dialect.refuse(NOT_FOUND, Request("GET", f"{mount}{path}")).status == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", ""),
        (b"not json", ""),
        (b"[]", ""),
        (b'"x"', ""),
        (b'{"command": "a",, }', ""),
        (b'{"command": NaN}', ""),
        (b'{"command": "\\ud800"}', ""),
        (b"\xff\xfe", ""),
        (b"{}", "command"),
        (b'{"command": null}', "command"),
        (b'{"command": 1}', "command"),
        (b'{"command": " \\n\\t"}', "command"),
        (b'{"command": "a\\u0000b"}', "command"),
        (b'{"command": "a", "binary": "x"}', "binary"),
        (b'{"command": "a", "binary": 1}', "binary"),
        (b'{"command": "a", "binary": "{dc4eec6e-4e34-49a7-8fe8-8e19d5bfb8a4}"}', "binary"),
        (b'{"command": "a", "binary": "dc4eec6e4e3449a78fe88e19d5bfb8a4"}', "binary"),
        (b'{"command": "a", "binary": "dc4eec6e-4e34-49a7-8fe8-8e19d5bfb8a4\\n"}', "binary"),
        (b'{"command": "a", "input_files": "dc4eec6e"}', "input_files"),
        (b'{"command": "a", "input_files": {}}', "input_files"),
        (b'{"command": "a", "input_files": ["x"]}', "input_files[0]"),
        (b'{"command": "a", "ttl": -1}', "ttl"),
        (b'{"command": "a", "ttl": 1.5}', "ttl"),
        (b'{"command": "a", "ttl": 1.0}', "ttl"),
        (b'{"command": "a", "ttl": true}', "ttl"),
        (b'{"command": "a", "ttl": 18446744073709551616}', "ttl"),
        (b'{"command": "a", "ttl": "18446744073709551616"}', "ttl"),
        (b'{"command": "a", "ttl": "1e3"}', "ttl"),
        (b'{"command": "a", "ttl": ""}', "ttl"),
        (b'{"command": "a", "ttl": "-1"}', "ttl"),
        ('{"command": "a", "ttl": "\u0663"}'.encode(), "ttl"),
        (b'{"command": "a", "ttl": []}', "ttl"),
        (b'{"command": "a"}' + b" " * (1 << 20), ""),
        (b"ttl=5", "command"),
        (b"command=%zz", ""),
        (b"command=a&input_files=x", "input_files[0]"),
    ],
)
def test_a_bad_start_is_400_and_names_the_field(body: bytes, field: str) -> None:
    """Whatever is wrong with a start, the answer is 400 with a text and the field at fault."""
    reply = refusal(request("POST", "/run", body))
    assert reply.status == 400
    assert said(reply)["error"]
    assert said(reply).get("field", "") == field


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        (', "ttl": null', 0),
        (', "ttl": 0', 0),
        (', "ttl": 60', 60),
        (', "ttl": "60"', 60),
        (', "ttl": 18446744073709551615', 2**64 - 1),
        (', "ttl": "18446744073709551615"', 2**64 - 1),
        (', "binary": null, "input_files": null, "stranger": {}', 0),
    ],
)
def test_time_to_live_is_an_unsigned_number_or_its_text(text: str, expected: int) -> None:
    """Every uint64 is taken, missing means the default, and unknown keys are ignored."""
    command = parsed(request("POST", "/run", f'{{"command": "true"{text}}}'.encode()))
    assert command == Execute("shell", "sh", "true", "job_manager", life_seconds=expected)


def test_a_form_is_understood() -> None:
    """What is no JSON may be a real form, with commas between several files."""
    body = f"command=echo+a%3Db&ttl=7&input_files={UNKNOWN},+{JOB}".encode()
    command = parsed(request("POST", "/run", body))
    assert isinstance(command, Execute)
    assert command.code == "echo a=b"
    assert command.life_seconds == 7
    assert [entry.object_id for entry in command.inputs] == [UNKNOWN, JOB]


@pytest.mark.parametrize("key", ["two words", "x" * 201, "naïve", "a\nb"])
def test_a_bad_idempotency_key_is_refused(key: str) -> None:
    """A key that could not be kept as it is gets 400."""
    asked = request("POST", "/run", b'{"command": "true"}', {"idempotency-key": key})
    assert said(refusal(asked))["field"] == "Idempotency-Key"


def test_the_same_key_with_another_job_is_a_conflict() -> None:
    """A conflict of keys is 409."""
    reply = DIALECT.refuse(GatewayError(Kind.CONFLICT, "other body"), Request("POST", "/run"))
    assert reply.status == 409


@pytest.mark.parametrize("state", TaskState)
def test_every_state_has_a_name(state: TaskState) -> None:
    """The table of states is total, and final states are just the three final names."""
    assert (STATES[state] in {"done", "failed", "cancelled"}) is state.final


@pytest.mark.parametrize(
    ("state", "name"),
    [
        (TaskState.HELD, "queued"),
        (TaskState.STARTING, "queued"),
        (TaskState.SUSPENDED, "running"),
        (TaskState.KILLING, "running"),
        (TaskState.TIMED_OUT, "failed"),
        (TaskState.LOST, "failed"),
        (TaskState.KILLED, "cancelled"),
    ],
)
def test_states_are_called_as_agreed(state: TaskState, name: str) -> None:
    """What is not obvious about the names of states."""
    assert STATES[state] == name


def test_the_answer_is_unknown_until_the_job_has_ended() -> None:
    """``answer_id`` is null before the end and for a job that never started."""
    asked = request("GET", f"/job_info/{JOB}")
    running = said(rendered(asked, replace(task(TaskState.RUNNING), outcome=None, finished_ms=0)))
    assert (running["state"], running["answer_id"], running["reason"]) == ("running", None, None)
    assert running["finished"] is None
    unstarted = Outcome(Reason.KILLED_BEFORE_START, None, None, "")
    never = said(rendered(asked, replace(task(TaskState.KILLED), started_ms=0, outcome=unstarted)))
    assert (never["answer_id"], never["reason"]) == (None, "killed_before_start")
    assert said(rendered(asked, task()))["answer_id"] == ANSWER


def test_an_id_is_read_in_either_case_and_written_in_lower_case() -> None:
    """UUIDs are case-insensitive in a request."""
    asked = request("GET", f"/job_info/{JOB.upper()}")
    assert parsed(asked) == ReadTask(ById(JOB))


@pytest.mark.parametrize("target", ["/job_info/x", "/job_info", "/job_info?job_id=x"])
def test_a_bad_id_is_400(target: str) -> None:
    """What is no UUID is refused before anybody is asked."""
    assert refusal(request("GET", target)).status == 400


def test_a_job_expires_on_time() -> None:
    """A job whose time is over is gone for all operations, whether or not it was cleared away."""
    late = replace(task(), expires_ms=NOW)
    assert rendered(request("GET", f"/job_info/{JOB}"), late).status == 410
    assert said(rendered(request("GET", "/list_jobs"), TaskPage((late, task()), 2))) == {
        "job_ids": [JOB]
    }
    assert rendered(request("POST", "/cancel", b"{}"), late).status == 400
    assert rendered(request("DELETE", "/delete", b"{}"), late).status == 400
    immortal = replace(task(), expires_ms=0)
    assert said(rendered(request("GET", f"/job_info/{JOB}"), immortal))["expires"] is None


def test_the_list_takes_filters() -> None:
    """States, user, dates and pages come as the core wants them."""
    query = (
        "state=running,failed&user=bob&from=1700000000.5&to=2023-11-14T22:13:21Z&limit=5&offset=7"
    )
    assert parsed(request("GET", f"/list_jobs?{query}")) == TaskQuery(
        owner="bob",
        states=(
            TaskState.RUNNING,
            TaskState.SUSPENDED,
            TaskState.KILLING,
            TaskState.FAILED,
            TaskState.TIMED_OUT,
            TaskState.LOST,
        ),
        from_ms=1_700_000_000_500,
        to_ms=1_700_000_001_000,
        dialect="job_manager",
        limit=5,
        offset=7,
        count=False,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 1),
        ("1700000000", 1_700_000_000_000),
        ("2023-11-14", 1_699_920_000_000),
        ("2023-11-14T22:13:20", 1_700_000_000_000),
        ("2023-11-14T23:13:20%2B01:00", 1_700_000_000_000),
    ],
)
def test_moments_are_seconds_or_dates(text: str, expected: int) -> None:
    """A date without an offset is UTC, and the epoch itself is not an open end."""
    command = parsed(request("GET", f"/list_jobs?to={text}"))
    assert isinstance(command, TaskQuery)
    assert command.to_ms == expected


@pytest.mark.parametrize(
    "query",
    [
        "state=",
        "state=waiting",
        "state=running,,failed",
        "from=yesterday",
        "from=",
        "from=-1",
        "from=1e400",
        "to=99999999999999999999",
        "to=nan",
        "to=0001-01-01",
        "to=9999-12-31T23:59:59-23:59",
        "limit=0",
        "limit=1001",
        "limit=ten",
        "limit=",
        "offset=-1",
        "offset=10000001",
    ],
)
def test_a_bad_filter_is_400(query: str) -> None:
    """A filter that is not understood is never ignored."""
    asked = request("GET", f"/list_jobs?{query}")
    reply = refusal(asked)
    assert reply.status == 400
    assert said(reply)["field"] == query.partition("=")[0]


@pytest.mark.parametrize(
    ("answered", "status"),
    [
        (replace(task(TaskState.KILLING), finished_ms=0), 200),
        (replace(task(TaskState.QUEUED), finished_ms=0), 200),
        (replace(task(TaskState.KILLED), finished_ms=NOW), 200),
        (replace(task(TaskState.KILLED), finished_ms=NOW - 1), 400),
        (replace(task(TaskState.SUCCEEDED), finished_ms=NOW - 1), 400),
    ],
)
def test_cancelling_what_had_ended_is_400(answered: Task, status: int) -> None:
    """Only a job that was alive when the request came can be cancelled."""
    asked = request("POST", "/cancel", f'{{"job_id": "{JOB}"}}'.encode())
    assert rendered(asked, answered).status == status


def test_a_job_to_delete_is_named_by_body_or_query() -> None:
    """The body of a DELETE counts, and without one the query does."""
    body = f'{{"job_id": "{JOB}"}}'.encode()
    assert parsed(request("DELETE", f"/delete?job_id={UNKNOWN}", body)) == DeleteTask(ById(JOB))
    assert parsed(request("DELETE", f"/delete?job_id={JOB}")) == DeleteTask(ById(JOB))
    assert refusal(request("DELETE", "/delete")).status == 400
    assert refusal(request("POST", "/cancel", b"{}")).status == 400
    assert rendered(request("DELETE", "/delete", body), task()).status == 200


KINDS = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.GONE: 410,
    Kind.UNSUPPORTED: 400,
    Kind.TOO_LARGE: 413,
    Kind.EXHAUSTED: 429,
    Kind.UNAVAILABLE: 503,
    Kind.INTERNAL: 500,
}


@pytest.mark.parametrize(
    ("method", "path", "special"),
    [
        ("GET", "/job_info/x", {}),
        ("GET", "/api/list_jobs", {}),
        ("POST", "/data", {}),
        ("GET", "/api/data/x", {Kind.GONE: 404}),
        ("HEAD", "/data/x", {Kind.GONE: 404}),
        ("GET", "/data/x/info", {Kind.GONE: 404}),
        ("DELETE", "/data/x", {Kind.GONE: 404}),
        ("POST", "/api/job/run", dict.fromkeys((Kind.NOT_FOUND, Kind.GONE, Kind.TOO_LARGE), 400)),
        *(
            (
                method,
                path,
                dict.fromkeys((Kind.NOT_FOUND, Kind.GONE, Kind.TOO_LARGE, Kind.CONFLICT), 400),
            )
            for method, path in [
                ("POST", "/cancel"),
                ("DELETE", "/api/job/cancel"),
                ("DELETE", "/api/delete"),
            ]
        ),
    ],
)
@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_refusal_has_a_status(
    kind: Kind, method: str, path: str, special: dict[Kind, int]
) -> None:
    """Refusals are total over the kinds, with the statuses that each operation lists."""
    reply = DIALECT.refuse(GatewayError(kind, "no \ud800"), Request(method, path))
    assert reply.status == special.get(kind, KINDS[kind])
    assert said(reply) == {"error": "no ?", "code": kind.value}
    assert (reply.headers.get("WWW-Authenticate") == "Bearer") is (kind is Kind.UNAUTHENTICATED)


def test_a_refusal_says_when_to_come_again() -> None:
    """Retry-After is in whole seconds, rounded up."""
    error = GatewayError(Kind.EXHAUSTED, "too many jobs wait", retry_after=1.2)
    assert DIALECT.refuse(error, Request("POST", "/run")).headers["Retry-After"] == "2"


def test_there_is_no_websocket() -> None:
    """The dialect opens no socket and has no conversation to offer."""
    assert not isinstance(DIALECT, WebSocketDialect)
    assert DIALECT.cookie == ""


@pytest.mark.parametrize("settings", [{"mont": "/x"}, {"mount": 5}])
def test_a_wrong_setting_is_an_error(settings: dict[str, object]) -> None:
    """A setting that the dialect does not know, or of the wrong type, is named at start."""
    with pytest.raises(ValueError, match=re.escape(next(iter(settings)))):
        JobManagerDialect(settings)


@given(st.binary(max_size=200))
def test_any_body_is_understood_or_refused(body: bytes) -> None:
    """No body raises anything but a refusal."""
    for method, path in [("POST", "/run"), ("POST", "/cancel"), ("DELETE", "/delete")]:
        asked = request(method, path, body)
        with suppress(GatewayError):
            parsed(asked)
