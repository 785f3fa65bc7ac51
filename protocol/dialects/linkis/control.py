"""Control of a task, an extension of ours: ``entrance/{id}/hold`` and the like, events, output.

``hold``, ``resume``, ``suspend``, ``signal``, ``limit``, ``tag`` and ``delete`` are POSTs,
``events`` and ``output`` GETs. What they need is in the body or in the query, by the same names.
Each is answered with the task: ``status`` is the word of the contract, which has none for a held or
a suspended task, and ``state`` is ours. ``output`` is bytes, and for HTTP alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from protocol.commands.control import (
    Hold,
    ReadEvents,
    ReadOutput,
    Resume,
    SetLimit,
    Signal,
    Suspend,
    Tag,
)
from protocol.commands.tasks import DeleteTask, Rerun
from protocol.control import EventPage, OpenedOutput, Stream, TaskEvent, signal_name
from protocol.dialect import Route
from protocol.dialects.linkis.envelope import success
from protocol.dialects.linkis.exec_id import ExecIds
from protocol.dialects.linkis.extras import words_of
from protocol.dialects.linkis.fields import Fields, invalid, whole
from protocol.dialects.linkis.signals import signal_of
from protocol.dialects.linkis.submission import body_of
from protocol.dialects.linkis.words import STATUS_WORDS
from protocol.errors import GatewayError, Kind
from protocol.http import Reply, Request
from protocol.tasks import ByNumber, Task

__all__ = ["control_rows"]

_REQUEST_ID = 128
_EVENTS = 100


def control_rows(ids: ExecIds) -> tuple[Route[Any], ...]:
    """The rows of the table."""
    calls = _Control(ids)
    return (
        *(
            Route("POST", f"/entrance/{{id}}/{name}", parse, calls.render)
            for name, parse in (
                ("hold", lambda request: Hold(calls.ref(request))),
                ("resume", lambda request: Resume(calls.ref(request))),
                ("suspend", lambda request: Suspend(calls.ref(request))),
                ("signal", calls.parse_signal),
                ("limit", calls.parse_limit),
                ("tag", calls.parse_tag),
                ("delete", lambda request: DeleteTask(calls.ref(request))),
            )
        ),
        Route("POST", "/entrance/{id}/rerun", calls.parse_rerun, calls.render_other),
        Route("GET", "/entrance/{id}/events", calls.parse_events, calls.render_events),
        Route("GET", "/entrance/{id}/output", calls.parse_output, calls.render_output),
    )


class _Control:
    """The calls.

    Args:
        ids: names and finds tasks.
    """

    def __init__(self, ids: ExecIds) -> None:
        self._ids = ids

    def ref(self, request: Request) -> ByNumber:
        """The task that the path names."""
        return self._ids.ref(request.params["id"], request.query.get("taskID", ""))

    def parse_signal(self, request: Request) -> Signal:
        """``signal`` is a name or a number; ``all`` is for every process of the task.

        ``requestId`` makes a repetition safe.
        """
        fields = _fields(request)
        everybody = _truth(fields, "all")
        request_id = fields.text("requestId", longest=_REQUEST_ID)
        return Signal(self.ref(request), signal_of(fields), everybody, request_id)

    def parse_limit(self, request: Request) -> SetLimit:
        """``seconds`` of running time, 0 for no limit but the gateway's."""
        fields = _fields(request)
        if fields.values.get("seconds") in (None, ""):
            raise invalid(fields.path("seconds"), "must not be empty")
        return SetLimit(self.ref(request), fields.seconds("seconds"))

    def parse_tag(self, request: Request) -> Tag:
        """``add`` and ``remove`` are lists of words, or words with commas between."""
        fields = _fields(request)
        return Tag(self.ref(request), words_of(fields, "add"), words_of(fields, "remove"))

    def parse_rerun(self, request: Request) -> Rerun:
        """``executionCode`` is run in place of the task's own; ``requestId`` as in a submit."""
        fields = _fields(request)
        code = fields.text("executionCode")
        return Rerun(self.ref(request), code, fields.text("requestId", longest=_REQUEST_ID))

    def render_other(self, task: Task, request: Request) -> Reply:
        """A task that is not the one in the path."""
        return success(request, "OK", self._task(task))

    def render(self, task: Task, request: Request) -> Reply:
        """The task as it then is."""
        self._check(task, request)
        return success(request, "OK", self._task(task))

    def parse_events(self, request: Request) -> ReadEvents:
        """``after`` is the ``next`` of the page before, ``size`` how many at most."""
        after, size = whole(request.query, "after", 0), whole(request.query, "size", _EVENTS)
        return ReadEvents(self.ref(request), after, size)

    def render_events(self, page: EventPage, request: Request) -> Reply:
        """The events, oldest first."""
        self._check(page.task, request)
        events = [_event(event) for event in page.events]
        data = {**self._task(page.task), "events": events, "next": page.next, "more": page.more}
        return success(request, "OK", data)

    def parse_output(self, request: Request) -> ReadOutput:
        """``stream`` is ``stdout`` or ``stderr``; ``first`` and ``last`` are offsets of bytes."""
        if request.websocket:
            raise GatewayError(Kind.UNSUPPORTED, "output is for HTTP; subscribe to the log instead")
        query = request.query
        try:
            stream = Stream(query.get("stream", "") or Stream.OUT)
        except ValueError as error:
            raise invalid("stream", "must be stdout or stderr") from error
        first, last = whole(query, "first", 0), whole(query, "last", -1)
        return ReadOutput(self.ref(request), stream, first, last)

    def render_output(self, found: OpenedOutput, request: Request) -> Reply:
        """The bytes. Headers say where they begin, and whether they go to the end of all."""
        self._check(found.task, request)
        headers = {
            "X-Narthex-First": str(found.first),
            "X-Narthex-Next": str(found.first + found.length),
            "X-Narthex-Complete": "true" if found.complete else "false",
            "X-Content-Type-Options": "nosniff",
            "Content-Disposition": "attachment",
        }
        media = "application/octet-stream"
        return Reply(200, found.chunks, media, headers, length=found.length)

    def _check(self, task: Task, request: Request) -> None:
        self._ids.check(task, request.params["id"], request.query.get("taskID", ""))

    def _task(self, task: Task) -> dict[str, object]:
        return {
            "execID": self._ids.of(task),
            "taskID": task.number,
            "status": STATUS_WORDS[task.state],
            "state": task.state.value,
            "limitSeconds": task.seconds,
            "tags": list(task.tags),
        }


def _fields(request: Request) -> Fields:
    """What a request says, in its body or in its query; the body counts if both do."""
    query: dict[str, Any] = dict(request.query)
    if not request.body.strip():
        return Fields(query)
    fields, _ = body_of(request)
    return Fields({**query, **fields.values})


def _truth(fields: Fields, name: str) -> bool:
    value = fields.values.get(name)
    if value in (None, "", "false"):
        return False
    return True if value == "true" else fields.flag(name, default=False)


def _event(event: TaskEvent) -> dict[str, object]:
    """An event; what does not belong to its kind is left out."""
    shown: Mapping[str, object] = {
        "state": event.state.value if event.state else "",
        "who": event.who,
        "reason": event.reason,
        "seconds": event.seconds if event.event == "limit" else "",
        "signal": signal_name(event.signal) if event.signal else "",
        "all": event.tree,
        "add": list(event.tags),
        "remove": list(event.removed),
    }
    shown = {name: value for name, value in shown.items() if value not in ("", False, [])}
    return {"n": event.number, "t": event.at_ms, "event": event.event, **shown}
