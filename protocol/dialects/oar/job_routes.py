"""One job: what is known of it, and the resources and nodes that it was given.

OAR document, *GET /jobs/<id>* and below.
"""

from __future__ import annotations

from functools import partial

from protocol.command import Command, Each, Given, Then
from protocol.commands.board import PublicTask
from protocol.commands.control import ReadEvents
from protocol.commands.history import ReadSubmission, Submission
from protocol.commands.resources import ReadAllotment, TaskAllotment
from protocol.control import EventPage
from protocol.dialects.oar.asking import job_number, on_job
from protocol.dialects.oar.collection import unpaged
from protocol.dialects.oar.formats import Answer
from protocol.dialects.oar.job import Known, full, held_nodes, held_resources, in_oar_structure
from protocol.dialects.oar.resource_request import duration_text
from protocol.dialects.oar.structures import Structure, structure_of
from protocol.errors import GatewayError
from protocol.http import Request
from protocol.media import JsonObject
from protocol.tasks import ById, Task, TaskState

__all__ = [
    "parse_held",
    "parse_job",
    "render_details",
    "render_job",
    "render_nodes",
    "render_resources",
]

_MOST_EVENTS = 500
_Facts = Submission | EventPage | TaskAllotment | None


def parse_job(request: Request) -> Command[Known]:
    """Asks for all that is known of a job."""
    structure_of(request)
    return on_job(job_number(request), _facts)


def parse_held(request: Request) -> Command[Known]:
    """Asks for what a job was given."""

    def further(task: Task) -> Command[Known]:
        def known(allotment: TaskAllotment | None) -> Command[Known]:
            return Given(Known(PublicTask.of(task), "", allotment))

        return Then(ReadAllotment(ById(task.id)), known)

    return on_job(job_number(request), further)


def render_job(known: Known, request: Request) -> Answer:
    """The job, without what it was given."""
    shown = full(known, request)
    shown["walltime-change"] = _change(known)
    return Answer(_structured(shown, known, request))


def render_details(known: Known, request: Request) -> Answer:
    """The job with what it was given."""
    shown = full(known, request)
    shown["walltime-change"] = _change(known)
    shown["resources"] = held_resources(known, request)
    shown["nodes"] = held_nodes(known, request)
    return Answer(_structured(shown, known, request))


def render_resources(known: Known, request: Request) -> Answer:
    """The resources that a job was given."""
    return Answer(unpaged(held_resources(known, request), request))


def render_nodes(known: Known, request: Request) -> Answer:
    """The nodes of what a job was given."""
    return Answer(unpaged(held_nodes(known, request), request))


def _facts(task: Task) -> Command[Known]:
    ref = ById(task.id)
    facts: Each[_Facts] = Each(
        (ReadSubmission(ref), ReadEvents(ref, limit=_MOST_EVENTS), ReadAllotment(ref))
    )
    return Then(facts, partial(_known, task))


def _known(task: Task, found: tuple[_Facts | GatewayError, ...]) -> Command[Known]:
    submission, events, allotment = found
    return Given(
        Known(
            PublicTask.of(task),
            submission.code if isinstance(submission, Submission) else "",
            allotment if isinstance(allotment, TaskAllotment) else None,
            events.events if isinstance(events, EventPage) else (),
            task.waiting_reason,
            task.seconds,
        )
    )


def _change(known: Known) -> JsonObject:
    """By how much the walltime was changed; only that of a running job can be."""
    asked = known.task.client.get("walltime", 0)
    limit = known.seconds or (asked if isinstance(asked, int) else 0)
    granted = limit - (asked if isinstance(asked, int) else 0)
    running = known.task.state is TaskState.RUNNING
    return {
        "walltime": duration_text(limit),
        "possible": "UNLIMITED" if running else "FORBIDDEN",
        "granted": duration_text(granted),
        "granted_with_force": duration_text(0),
        "granted_with_delay_next_jobs": duration_text(0),
        "pending": duration_text(0),
        "force": "FORBIDDEN",
        "delay_next_jobs": "FORBIDDEN",
    }


def _structured(shown: JsonObject, known: Known, request: Request) -> JsonObject:
    if structure_of(request) is Structure.OAR:
        return in_oar_structure(shown, known)
    return shown
