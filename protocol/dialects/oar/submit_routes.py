"""Submitting jobs: one, or an array of them that is accepted whole or taken back.

OAR document, *POST /jobs*. The first job of an array gives it its number. If the core refuses one
of the others, those that were accepted are killed again before the refusal is told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from protocol.command import Command, Each, Given, Then
from protocol.commands.history import ReadSubmission, Submission
from protocol.commands.rules import ApplyRules
from protocol.commands.tasks import Kill
from protocol.dialects.oar.admission import admitted_job, draft_of
from protocol.dialects.oar.asking import as_admin, job_number, on_job
from protocol.dialects.oar.collection import link
from protocol.dialects.oar.faults import OarError, bad_query, oar_error
from protocol.dialects.oar.formats import Answer, address, hash_of, now_of
from protocol.dialects.oar.job_script import command_of
from protocol.dialects.oar.submission import Job, executed, read_job
from protocol.errors import GatewayError, Kind
from protocol.http import Request
from protocol.media import JsonObject
from protocol.rules import Admitted
from protocol.tasks import ById, Task

__all__ = [
    "Submitted",
    "parse_resubmit",
    "parse_submit",
    "render_resubmitted",
    "render_submitted",
    "resubmitted",
]


@dataclass(frozen=True, slots=True)
class Submitted:
    """Jobs that were accepted, in the order of the array, and what they came from."""

    tasks: tuple[Task, ...]
    job: Job


def parse_submit(request: Request) -> Command[Submitted]:
    """Asks for what a hash says; with ``resubmit`` for another run of a job."""
    data = hash_of(request, "submission")
    resubmit = data.get("resubmit")
    if resubmit not in {None, "", 0, "0"} if isinstance(resubmit, str | int | None) else False:
        number = str(resubmit)
        if not number.isdecimal() or len(number) > 15:  # noqa: PLR2004 - digits of a number
            raise bad_query("resubmit takes the number of a job")
        return resubmitted(int(number), request)
    return _submitting(read_job(data, request.now_ms), request)


def parse_resubmit(request: Request) -> Command[Submitted]:
    """Asks for another run of a job."""
    return resubmitted(job_number(request), request)


def resubmitted(number: int, request: Request) -> Command[Submitted]:
    """Another run of a job that has ended, which only its owner may ask for."""

    def known(submission: Submission) -> Command[Submitted]:
        words = submission.task.client
        asked = words.get("asked")
        command = command_of(submission.code)
        if submission.task.owner != request.user or not command:
            raise oar_error("You are not the right user.")
        if not submission.task.state.final:
            raise oar_error(f"the job {number} is not in the right state")
        if words.get("start"):
            raise oar_error("a reservation cannot be resubmitted")
        what = "script" if words.get("script") else "command"
        data = dict(asked) if isinstance(asked, dict) else {}
        data |= {what: command, "resubmit": number}
        job = read_job(data, request.now_ms)
        if job.script:
            job = replace(job, parameters=(str(words.get("parameter", "")),))
        return _submitting(job, request)

    def further(task: Task) -> Command[Submitted]:
        return Then(ReadSubmission(ById(task.id)), known)

    return on_job(number, further)


def render_submitted(found: Submitted, request: Request) -> Answer:
    """The id of the job, or of the first of an array, and what OAR's command prints."""
    first = found.tasks[0].number
    lines = list(found.job.says)
    if found.job.start:
        lines.append("Reservation mode: waiting validation...")
    lines += [f"OAR_JOB_ID={task.number}" for task in found.tasks]
    if found.job.array:
        lines.append(f"OAR_ARRAY_ID={first}")
    if found.job.start:
        lines.append("Reservation valid --> OK")
    one = address(request, f"/jobs/{first}")
    links = [link("self", one)]
    value: JsonObject = {
        "id": first,
        "links": list(links),
        "api_timestamp": now_of(request),
        "cmd_output": "\n".join(lines) + "\n",
    }
    return Answer(value, 201, one)


def render_resubmitted(found: Submitted, request: Request) -> Answer:
    """The id of the new job, with a link to the old one."""
    answer = render_submitted(found, request)
    old = link("parent", address(request, f"/jobs/{found.job.resubmit}"))
    value = answer.value if isinstance(answer.value, dict) else {}
    links = value.get("links")
    more = [*links, old] if isinstance(links, list) else [old]
    return replace(answer, value={**value, "links": list(more), "status": "submitted"})


def _submitting(job: Job, request: Request) -> Command[Submitted]:
    def admitted(found: Admitted) -> Command[Submitted]:
        ruled = admitted_job(job, found)
        if ruled.queue == "admin":
            return as_admin(
                lambda: _accepted(ruled, request.user),
                lambda: bad_query("Error: the admin queue is for administrators alone"),
            )
        return _accepted(ruled, request.user)

    return Then(ApplyRules(draft_of(job)), admitted, quick=True)


def _accepted(job: Job, user: str) -> Command[Submitted]:
    def further(first: Task) -> Command[Submitted]:
        if not job.array:
            return Given(Submitted((first,), job))
        places = range(1, len(job.parameters))
        rest = Each(tuple(executed(job, user, at, first.number) for at in places))
        return Then(rest, lambda found: _whole(job, first, found))

    return Then(executed(job, user), further, quick=not job.array)


def _whole(job: Job, first: Task, found: tuple[Task | GatewayError, ...]) -> Command[Submitted]:
    """All jobs of an array, or the refusal of one after the others were taken back."""
    refusals = [one for one in found if isinstance(one, GatewayError)]
    tasks = (first, *(one for one in found if not isinstance(one, GatewayError)))
    if not refusals:
        return Given(Submitted(tasks, job))

    def refuse(_killed: object) -> Command[Submitted]:
        raise _of_array(refusals[0])

    return Then(Each(tuple(Kill(ById(task.id), 0.0) for task in tasks)), refuse)


def _of_array(error: GatewayError) -> GatewayError:
    if error.kind is not Kind.INVALID or isinstance(error, OarError):
        return error
    return bad_query(error.message)
