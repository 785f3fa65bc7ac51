"""The spans of a task that has ended, from the facts in its run directory, and what runs are told.

Everything follows from what is on disk, ids included, so it makes no difference how many gateways
and runners there were meanwhile, and spans that are told twice are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from engines.rundir.archive import Damaged
from engines.rundir.directory import SHIM, RunDir
from engines.rundir.facts import Exit
from engines.rundir.replay import Replay
from engines.rundir.spans import SPANS, SPANS_VARIABLE, NotedSpan, read_spans
from gateway.runner.run.classify_exit import FinalState, begun_ms
from gateway.stores.spec import TaskSpec
from gateway.tracing.tracer import Attribute, Span
from protocol.tasks import TaskState
from protocol.trace_context import TraceContext, derived_id

__all__ = ["task_spans", "trace_environment"]

_Facts = dict[str, Attribute]

_NS = 1_000_000
_RUN = "run"


def trace_environment(spec: TaskSpec, directory: Path) -> dict[str, str]:
    """The variables that let a run go on with the trace; none while tracing is off.

    TRACEPARENT and TRACESTATE are as OpenTelemetry reads them from an environment. What the file
    NARTHEX_SPANS is told of becomes spans as well.
    """
    place = _inside(spec)
    if place is None:
        return {}
    state = {"TRACESTATE": place.state} if place.state else {}
    return {
        "TRACEPARENT": place.traceparent,
        **state,
        SPANS_VARIABLE: str(directory / SPANS),
    }


def task_spans(spec: TaskSpec, run: RunDir, end: Exit, verdict: FinalState) -> list[Span]:
    """What became of a task: ``queue``, ``start``, ``run``, ``first line``, ``kill`` and its own.

    Blocks. What cannot be read is left out.
    """
    place = spec.traced
    if place is None:
        return []
    return list(_spans(spec, run, end, verdict, place))


def _spans(
    spec: TaskSpec, run: RunDir, end: Exit, verdict: FinalState, place: TraceContext
) -> Iterator[Span]:
    task: _Facts = {
        "narthex.task.id": spec.task_id,
        "narthex.task.number": spec.number,
    }

    def span(name: str, start_ms: int, end_ms: int) -> Span:
        end_ms = max(start_ms, end_ms)
        made = derived_id(spec.task_id, name)
        return Span(name, place, made, start_ms * _NS, end_ms * _NS, task)

    begun = begun_ms(run, end)
    taken = _written_ms(run.file(SHIM)) or begun or end.ended_ms
    yield span("queue", spec.created_ms, taken)
    outcome = verdict.outcome
    fault = "" if verdict.state is TaskState.SUCCEEDED else outcome.message
    if not begun:
        yield replace(span("start", taken, end.ended_ms), fault=fault)
    else:
        yield span("start", taken, begun)
        facts: _Facts = {
            "narthex.state": str(verdict.state),
            "narthex.reason": str(outcome.reason),
        }
        code: _Facts = {} if outcome.exit_code is None else {"process.exit.code": outcome.exit_code}
        whole = span(_RUN, begun, end.ended_ms)
        attributes = {**task, **facts, **code, "narthex.engine": spec.engine}
        yield replace(whole, fault=fault, attributes=attributes)
    inside = place.below(derived_id(spec.task_id, _RUN)) if begun else place
    if first := _first_line_ms(run):
        yield replace(span("first line", begun or first, first), parent=inside)
    request = run.kill_request()
    if request is not None and request.requested_ms:
        who: _Facts = {
            "narthex.who": request.who,
            "narthex.grace_seconds": request.grace_seconds,
        }
        kill = span("kill", request.requested_ms, end.ended_ms)
        yield replace(kill, attributes={**task, **who})
    for at, noted in enumerate(_noted(run)):
        yield Span(
            noted.name,
            inside,
            derived_id(spec.task_id, noted.name, str(at)),
            noted.start_ms * _NS,
            max(noted.start_ms, noted.end_ms) * _NS,
            {**noted.facts, **task},
            noted.fault,
        )


def _inside(spec: TaskSpec) -> TraceContext | None:
    """Where what happens within the run hangs."""
    place = spec.traced
    return place and place.below(derived_id(spec.task_id, _RUN))


def _first_line_ms(run: RunDir) -> int:
    """When the first line was recorded, 0 if there is none that can be read."""
    try:
        with Replay(run) as replay:
            blocks = replay.read(1, 0, 1, 1).blocks
    except (Damaged, OSError):
        return 0
    return blocks[0].marks[0].time_ms if blocks and blocks[0].marks else 0


def _written_ms(path: str) -> int:
    """When a file was written, 0 if it is not there."""
    try:
        return int(Path(path).lstat().st_mtime * 1000)
    except OSError:
        return 0


def _noted(run: RunDir) -> list[NotedSpan]:
    try:
        return read_spans(run.file(SPANS))
    except OSError:
        return []
