"""Tasks, logs and requests as the tests of the dialect need them."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from protocol.commands.logs import LogRead, ReadLog
from protocol.dialects.linkis import LinkisDialect
from protocol.http import Reply, Request
from protocol.logs import Block, Cursor, LogPage, Mark, Stream
from protocol.routing import Found, Router
from protocol.tasks import Outcome, Progress, Reason, Task, TaskId, TaskState

INSTANCE = "bdpdwc010004:10087"
SEED_ID = "030418IDEhivebdpdwc010004:10087IDE_johnnwang_21"
ROOT = "/api/rest_j/v1"
NOW = 1_700_000_000_000

WORDS: Mapping[str, object] = {
    "requestApplicationName": "IDE",
    "executeApplicationName": "hive",
    "instance": INSTANCE,
    "runType": "sql",
}

DONE = Outcome(Reason.EXITED, 0, None, "")
WRONG = Outcome(Reason.EXITED, 3, None, "exit code 3")


def dialect() -> LinkisDialect:
    """The dialect at the seed's instance."""
    return LinkisDialect({"instance": INSTANCE})


@cache
def router() -> Router:
    """The table of the dialect, made once: tables do not change."""
    return Router(dialect().routes)


def task(state: TaskState = TaskState.RUNNING, **more: Any) -> Task:  # noqa: ANN401 - any field
    """The seed's task 21 of johnnwang in a state."""
    if state.final:
        more = {"finished_ms": NOW + 9000, "log_complete": True, "outcome": WRONG, **more}
    values: dict[str, Any] = {
        "id": TaskId("018bcfe5-6800-7000-8000-000000000021"),
        "number": 21,
        "owner": "johnnwang",
        "engine": "hive",
        "language": "sql",
        "state": state,
        "created_ms": NOW,
        "dialect": "linkis",
        "client": WORDS,
        "progress": Progress(),
        **more,
    }
    return Task(**values)


def block(first: int, texts: Sequence[str], stream: Stream = Stream.OUT) -> Block:
    """Whole lines that were read at one time."""
    last = first + len(texts) - 1
    data = "\n".join(texts).encode()
    return Block(first, last, data, (Mark(len(texts), stream, NOW),))


def page_of(texts: Sequence[str], command: ReadLog, *, final: bool) -> LogPage:
    """What the core answers to a command for a log of these lines."""
    first = command.cursor.line
    found = (
        texts[first - 1 : first - 1 + command.max_lines]
        if command.max_lines
        else texts[first - 1 :]
    )
    following = Cursor(first + len(found))
    return LogPage(
        (block(first, found),) if found else (),
        following,
        1 if texts else 0,
        len(texts),
        final and following.line > len(texts),
    )


def read(texts: Sequence[str], command: ReadLog, state: TaskState) -> LogRead:
    """The page together with its task."""
    about = task(state, last_line=len(texts))
    return LogRead(page_of(texts, command, final=state.final), about)


def request(
    method: str,
    path: str,
    query: Mapping[str, str] | None = None,
    body: object = None,
) -> tuple[Found, Request]:
    """A row of the table and the request that it is asked."""
    found = router().match(method, path)
    assert isinstance(found, Found), path
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return found, Request(method, path, found.params, query or {}, {}, data, now_ms=NOW + 5000)


def said(reply: Reply) -> dict[str, Any]:
    """The envelope in a reply."""
    assert isinstance(reply.body, bytes)
    envelope = json.loads(reply.body)
    assert isinstance(envelope, dict)
    return envelope


def data_of(method: str, path: str, result: object, query: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - JSON
    """The data of the reply to a request that was answered with a result."""
    found, asked = request(method, path, query)
    found.route.parse(asked)
    envelope = said(found.route.render(result, asked))
    assert envelope["status"] == 0
    return envelope["data"]
