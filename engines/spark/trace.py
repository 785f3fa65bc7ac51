"""The trace of a statement in Spark: where its jobs find it, and the spans that they are.

``spark.narthex.traceparent`` is a property of every job and a setting of the session, for listeners
and code that go on with the trace. Nothing is asked of Spark unless there is a trace. Runs in the
driver, with nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Any

from engines.rundir.spans import SPANS_VARIABLE, NotedSpan, note_spans

__all__ = ["PROPERTY", "note_jobs", "traced"]

PROPERTY = "spark.narthex.traceparent"
_VARIABLE = "TRACEPARENT"
_MOST = 200
_SUCCEEDED = "SUCCEEDED"


@contextlib.contextmanager
def traced(session: Any, context: Any, errors: tuple[type[Exception], ...]) -> Iterator[None]:
    """Lets Spark know of the trace for the length of a statement.

    ``context`` is None where there is none. ``errors`` are how Spark says that it cannot answer.
    """
    trace = os.environ.get(_VARIABLE, "")
    if not trace:
        yield
        return
    with contextlib.suppress(*errors):
        session.conf.set(PROPERTY, trace)
        if context is not None:
            context.setLocalProperty(PROPERTY, trace)
    try:
        yield
    finally:
        with contextlib.suppress(*errors):
            session.conf.unset(PROPERTY)
            if context is not None:
                context.setLocalProperty(PROPERTY, None)


def note_jobs(context: Any, jobs: Iterable[int]) -> None:
    """Notes a span for each job that has ended; of very many the newest."""
    path = os.environ.get(SPANS_VARIABLE, "")
    if not path:
        return
    store = context._jsc.sc().statusStore()
    found = [_span(number, store.job(number)) for number in sorted(jobs)[-_MOST:]]
    with contextlib.suppress(OSError):
        note_spans(path, [span for span in found if span.end_ms])


def _span(number: int, job: Any) -> NotedSpan:
    status = str(job.status().toString())
    return NotedSpan(
        f"spark job {number}",
        _time(job.submissionTime()),
        _time(job.completionTime()),
        "" if status == _SUCCEEDED else f"the job has {status.lower()}",
        {"spark.job.name": str(job.name()), "spark.job.tasks": str(job.numTasks())},
    )


def _time(moment: Any) -> int:
    """The milliseconds of an optional moment, 0 for none."""
    return int(moment.get().getTime()) if moment.isDefined() else 0
