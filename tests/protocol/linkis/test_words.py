"""Totality: every state, kind and reason has its word, and clients know all of them."""

import pytest

from protocol.dialects.linkis.words import (
    ACTIVE,
    ERROR_CODES,
    HTTP_CODES,
    STATUS_WORDS,
    STATUSES,
    error_code,
    error_text,
    language,
    states_of,
    time_text,
)
from protocol.errors import GatewayError, Kind
from protocol.http import Request
from protocol.routing import Template, clean_path
from protocol.tasks import Outcome, Reason, TaskState
from tests.protocol.linkis.scenes import DONE, ROOT, dialect, said, task

KNOWN = {
    "Inited",
    "WaitForRetry",
    "Scheduled",
    "Running",
    "Succeed",
    "Failed",
    "Cancelled",
    "Timeout",
}
FINAL = {"Succeed", "Failed", "Cancelled", "Timeout"}


@pytest.mark.parametrize("state", TaskState)
def test_every_state_has_a_word_that_clients_know(state: TaskState) -> None:
    """A final state has a final word, an active one has not; any other word breaks clients."""
    assert STATUS_WORDS[state] in KNOWN
    assert (STATUS_WORDS[state] in FINAL) is state.final
    assert (state in ACTIVE) is not state.final
    assert state in states_of(STATUS_WORDS[state])


def test_an_unknown_word_has_no_states() -> None:
    """A word of somebody else stands for nothing."""
    assert states_of("running") == ()


@pytest.mark.parametrize("path", [ROOT, "/api/rest_j", "/api/rest_s/v1"])
def test_the_root_is_called_what_it_is(path: str) -> None:
    """A call of nothing but the prefix is told by the prefix."""
    error = GatewayError(Kind.NOT_FOUND, "nothing is here")
    assert said(dialect().refuse(error, Request("GET", path)))["method"] == ROOT


def test_a_field_is_called_as_in_the_body() -> None:
    """What the core says of a part of a submit is said of the field that its sender wrote."""
    names = {"request_id": "requestId", "engine": "executeApplicationName", "data.x": "data.x"}
    for name, field in names.items():
        error = GatewayError(Kind.CONFLICT, "no", field=name)
        reply = dialect().refuse(error, Request("POST", f"{ROOT}/entrance/execute"))
        assert said(reply)["data"]["field"] == field


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_an_envelope(kind: Kind) -> None:
    """The status is one of the five, ``data`` is an object with ``errorMsg`` and no ``stack``."""
    error = GatewayError(kind, "what happened", field="data.x", retry_after=0.2)
    reply = dialect().refuse(error, Request("POST", f"{ROOT}/entrance/execute"))
    envelope = said(reply)
    assert set(envelope) == {"method", "status", "message", "data"}
    assert envelope["status"] == STATUSES[kind] != 0
    assert envelope["data"]["errorMsg"]["errCode"] == ERROR_CODES[kind]
    assert envelope["data"]["field"] == "data.x"
    assert envelope["data"]["retryAfter"] == 0.2
    assert "stack" not in envelope["data"]
    assert "what happened" in envelope["message"]
    assert reply.headers == {"Retry-After": "1"}
    own = {Kind.EXHAUSTED: 429, Kind.UNAVAILABLE: 503, Kind.INTERNAL: 500}
    assert reply.status == own.get(kind, HTTP_CODES[STATUSES[kind]])
    assert (reply.status == 401) is (kind is Kind.UNAUTHENTICATED)


def test_an_error_without_words_has_some() -> None:
    """An inner error says nothing of itself, and still something."""
    reply = dialect().refuse(GatewayError(Kind.INTERNAL, ""), Request("GET", "/x"))
    assert said(reply)["message"] == "error code(91011): something went wrong inside the gateway"
    assert (reply.status, reply.headers) == (500, {})


def test_a_path_that_cannot_be_read_is_a_bad_request() -> None:
    """A path that was refused before it was looked up is told as invalid."""
    reply = dialect().refuse(GatewayError(Kind.INVALID, "the path ..."), Request("GET", "/"))
    assert (reply.status, said(reply)["status"]) == (412, 2)


def test_head_is_looked_up_as_get() -> None:
    """A HEAD request is refused as its GET would be."""
    asked = Request("HEAD", f"{ROOT}/entrance/21/status")
    assert dialect().refuse(GatewayError(Kind.NOT_FOUND, ""), asked).status == 400


def test_the_methods_of_a_path_are_told() -> None:
    """A wrong method gets the right ones."""
    asked = Request("PUT", f"{ROOT}/entrance/21/kill")
    reply = dialect().refuse(GatewayError(Kind.UNSUPPORTED, "no"), asked)
    assert (reply.status, reply.headers) == (405, {"Allow": "GET, POST"})


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("message", ["", "why"])
def test_every_reason_has_code_and_text(reason: Reason, message: str) -> None:
    """A task that ended badly always has ``errCode`` and ``errDesc`` (contract, section 6.1)."""
    failed = task(TaskState.FAILED, outcome=Outcome(reason, None, None, message))
    assert error_code(failed)
    assert error_text(failed)


def test_an_ending_without_outcome_has_code_and_text() -> None:
    """Even what left no word is told as an error."""
    lost = task(TaskState.LOST, outcome=None)
    assert error_code(lost) == 92000
    assert error_text(lost) == "the task ended and left no word why"


@pytest.mark.parametrize("one", [task(), task(TaskState.SUCCEEDED, outcome=DONE)])
def test_no_error_where_none_is(one: object) -> None:
    """Running and successful tasks have no error."""
    assert error_code(one) is None  # type: ignore[arg-type]  # parametrize forgets the type
    assert error_text(one) is None  # type: ignore[arg-type]  # parametrize forgets the type


@pytest.mark.parametrize(
    ("run_type", "core"),
    [
        ("sh", "shell"),
        ("Shell", "shell"),
        ("bash", "bash"),
        ("hql", "sql"),
        ("SQL", "sql"),
        ("py", "python"),
        ("pyspark", "python"),
        ("scala", "scala"),
        ("Nebula", "nebula"),
    ],
)
def test_languages(run_type: str, core: str) -> None:
    """Known run types have the core's word, others go on in lower case."""
    assert language(run_type) == core


def test_sockets() -> None:
    """A websocket is opened where the clients and the sibling page say, and anywhere below /ws."""
    templates = [Template.of(text) for text in dialect().sockets]

    def opens(path: str) -> bool:
        return any(one.match(path) is not None for one in templates)

    for path in (
        *("/ws", "/ws/api/entrance/connect", "/ws/api/entrance/connect/", "/ws/other"),
        *("/api/rest_j/entrance/connect", "/api/rest_j/v1/entrance/connect"),
    ):
        assert opens(clean_path(path)), path
    assert not opens("/api/ws")
    assert not opens("/api/rest_j/v2/entrance/connect")


def test_moments() -> None:
    """Milliseconds are milliseconds."""
    assert time_text(1_700_000_000_007) == "2023-11-14 22:13:20.007"
