"""The span of a submission: from the request to the task that is durable, or the refusal.

A task keeps its place in the trace, which is below this span: everything else that becomes of it is
told by the runner that sees its end, whichever that is.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Mapping
from dataclasses import replace

from gateway.journal import bound_values
from gateway.tracing.current import current, new_trace
from gateway.tracing.tracer import Attribute, Span, Tracer
from protocol.errors import GatewayError
from protocol.tasks import Task, TaskId
from protocol.trace_context import TraceContext, derived_id

__all__ = ["accepted", "place_of"]

_SPAN = "accept"
_OF_AUDIT = {"request": "narthex.request", "socket": "narthex.socket"}
"""By which the line of the audit is found that tells of the same request."""


def place_of(task_id: TaskId) -> TraceContext:
    """Where what becomes of a task hangs: below the span of its submission."""
    return (current() or new_trace()).below(derived_id(task_id, _SPAN))


async def accepted(tracer: Tracer, owner: str, work: Awaitable[Task]) -> Task:
    """What ``work`` makes of a submission, with a span for it."""
    context = current() or new_trace()
    span = Span(
        _SPAN,
        context,
        derived_id(new_trace().trace_id),
        time.time_ns(),
        0,
        {"narthex.owner": owner, **_ids()},
        serves=True,
    )
    try:
        task = await work
    except GatewayError as error:
        tracer.emit(replace(span, end_ns=time.time_ns(), fault=error.message))
        raise
    of_task: dict[str, Attribute] = {
        "narthex.task.id": task.id,
        "narthex.task.number": task.number,
        "narthex.engine": task.engine,
        "narthex.repeated": task.repeated,
    }
    tracer.emit(
        replace(
            span,
            # A repetition finds the task of another request, whose span has that id.
            span_id=span.span_id if task.repeated else derived_id(task.id, _SPAN),
            end_ns=time.time_ns(),
            attributes={**span.attributes, **of_task},
        )
    )
    return task


def _ids() -> Mapping[str, Attribute]:
    known = bound_values()
    return {
        name: value for key, name in _OF_AUDIT.items() if isinstance(value := known.get(key), str)
    }
