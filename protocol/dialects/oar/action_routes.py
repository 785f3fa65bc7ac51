"""What is done with jobs: deleted, checkpointed, held, resumed, signalled, given another walltime.

OAR document, *POST /jobs/<id>/deletions/new* and those that follow it. The texts are those of OAR's
own commands, because clients look for parts of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from protocol.command import Command, Each, Given, Then
from protocol.commands.board import PublicTask
from protocol.commands.control import Hold, Resume, SetLimit, Signal, Suspend
from protocol.commands.tasks import Kill
from protocol.control import SIGNALS
from protocol.dialects.oar.asking import as_admin, job_number, no_job, on_job, on_own_job
from protocol.dialects.oar.collection import link
from protocol.dialects.oar.faults import OarError, bad_query, missing, oar_error
from protocol.dialects.oar.formats import Answer, address, hash_of, now_of
from protocol.dialects.oar.job_lists import Wanted, listed
from protocol.dialects.oar.resource_request import duration, duration_text
from protocol.dialects.oar.submit_routes import (
    Submitted,
    render_resubmitted,
    resubmitted,
)
from protocol.dialects.oar.words import CHECKPOINT
from protocol.errors import GatewayError, Kind
from protocol.http import Request
from protocol.media import JsonObject
from protocol.tasks import ById, Task, TaskState

__all__ = ["ACTIONS", "action", "array_action", "parse_method", "parse_signal", "render_done"]

_S = TaskState
_WAITING = frozenset({_S.ACCEPTED, _S.QUEUED, _S.RETRYING})
_BEGUN = frozenset({_S.STARTING, _S.RUNNING})
_WALLTIME = re.compile(r"\s*+([+-]?)\s*+([0-9:]+)\s*", re.ASCII)
_DEFAULT_SIGNAL = 12


@dataclass(frozen=True, slots=True)
class Done:
    """An action that was registered; ``text`` is what OAR's command prints."""

    job: int
    status: str
    text: str
    deletion: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """One kind of action: what it asks of the core for a job, and the words it is told in."""

    command: Callable[[Task, Request], Command[Task]]
    status: str
    text: str
    deletion: bool = False
    admin: bool = False

    def on(self, task: Task, request: Request) -> Command[Done]:
        """The action on a job that the caller may act on."""
        text = self.text.format(id=task.number)
        done = Done(task.number, self.status, text, self.deletion)

        def asked() -> Command[Done]:
            return Then(self.command(task, request), lambda _task: Given(done))

        resumed = task.state is _S.SUSPENDED and self is ACTIONS["resumptions"]
        if self.admin or resumed:
            reason = "resume Suspended jobs" if resumed else "use '-r' option"
            return as_admin(asked, lambda: _refused(f"only oar or root users can {reason}."))
        return asked()


def _kill(task: Task, _request: Request) -> Command[Task]:
    if task.state.final or task.state is _S.KILLING:
        raise OarError(Kind.CONFLICT, "Oardel error", "This job was already killed.")
    return Kill(ById(task.id))


def _checkpoint(task: Task, request: Request) -> Command[Task]:
    if task.state is not _S.RUNNING:
        raise _refused(f"The job {task.number} is not in the right state (not running).")
    number = task.client.get("signal")
    signal = number if isinstance(number, int) else _DEFAULT_SIGNAL
    return Signal(ById(task.id), signal, tree=True, request_id=f"{CHECKPOINT}{request.now_ms}")


def _hold(task: Task, _request: Request) -> Command[Task]:
    if task.state is _S.HELD:
        return Hold(ById(task.id))
    if task.state not in _WAITING:
        raise _refused(
            f"Cannot hold {task.number} : the job is not in the right state (try '-r' option)."
        )
    return Hold(ById(task.id))


def _hold_running(task: Task, request: Request) -> Command[Task]:
    if task.state in _BEGUN:
        return Suspend(ById(task.id))
    return _hold(task, request)


def _resume(task: Task, _request: Request) -> Command[Task]:
    if task.state not in {_S.HELD, _S.SUSPENDED}:
        raise _refused(
            f"Cannot resume {task.number} : the job is not in the Hold or Suspended state."
        )
    return Resume(ById(task.id))


def _signal(number: int, task: Task, _request: Request) -> Command[Task]:
    if task.state is not _S.RUNNING:
        raise _refused(f"The job {task.number} is not in the right state (not running).")
    if number not in SIGNALS.values():
        raise _refused(f"Signal {number} cannot be sent: there is deletion to end a job")
    return Signal(ById(task.id), number, tree=True)


ACTIONS: Mapping[str, Action] = {
    "deletions": Action(
        _kill,
        "Delete request registered",
        "Deleting the job = {id} ...REGISTERED.\n"
        "The job(s) [ {id} ] will be deleted in the near future.\n",
        deletion=True,
    ),
    "checkpoints": Action(
        _checkpoint,
        "Checkpoint request registered",
        "Checkpointing the job {id} ...DONE.\nThe job {id} was notified to checkpoint itself.\n",
    ),
    "holds": Action(
        _hold, "Hold request registered", "[{id}] Hold request was sent to the OAR server.\n"
    ),
    "rholds": Action(
        _hold_running,
        "Hold request registered",
        "[{id}] Hold request was sent to the OAR server.\n",
        admin=True,
    ),
    "resumptions": Action(
        _resume, "Resume request registered", "[{id}] Resume request was sent to the OAR server.\n"
    ),
}
"""The actions that have addresses of their own, by the word in them."""
_METHODS = {
    "delete": "deletions",
    "checkpoint": "checkpoints",
    "hold": "holds",
    "rhold": "rholds",
    "resume": "resumptions",
}


def action(name: str, request: Request) -> Command[Done]:
    """Asks for an action on one job."""
    return _acting(ACTIONS[name], job_number(request), request)


def array_action(name: str, request: Request) -> Command[tuple[Done, ...]]:
    """Asks for an action on all jobs of an array that have not ended; refused if one is."""
    array, kind = job_number(request), ACTIONS[name]

    wanted = Wanted(states=None, array=array)

    def further(tasks: Sequence[PublicTask]) -> Command[tuple[Done, ...]]:
        found = [task for task in tasks if wanted.fits(task)]
        live = [task.number for task in found if not task.state.final]
        if not found:
            raise no_job(array)
        if not live:
            raise _refused("This job was already killed.")
        return Then(Each(tuple(_acting(kind, number, request) for number in live)), _all)

    return listed(wanted, further)


def parse_signal(request: Request) -> Command[Done]:
    """Asks for a signal to a running job."""
    text = request.params["signal"]
    if not (text.isascii() and text.isdigit() and len(text) < 4):  # noqa: PLR2004 - of a signal
        raise OarError(
            Kind.NOT_FOUND, "Not found", f"No way to handle your request {request.path[:200]}"
        )
    return _acting(_signalling(int(text)), job_number(request), request)


def parse_method(request: Request) -> Command[Done | Submitted]:
    """Asks for what ``method`` in the body names."""
    number = job_number(request)
    data = hash_of(request, "job action")
    method = data.get("method")
    if not isinstance(method, str) or not method:
        raise missing("The method of a job action is missing")
    if method in _METHODS:
        return _acting(ACTIONS[_METHODS[method]], number, request)
    if method == "signal":
        signal = data.get("signal")
        if not isinstance(signal, int | str) or not re.fullmatch("[0-9]{1,3}", str(signal)):
            raise OarError(Kind.INVALID, "Invalid Field", "The signal is a number")
        return _acting(_signalling(int(signal)), number, request)
    if method == "resubmit":
        return resubmitted(number, request)
    if method == "walltime-change":
        return _walltime(number, data, request)
    raise bad_query(f"Could not understand {method[:60]} method")


def render_method(done: Done | Submitted, request: Request) -> Answer:
    """The answer to what ``method`` named."""
    if isinstance(done, Submitted):
        return render_resubmitted(done, request)
    return render_done(done, request)


def render_done(done: Done, request: Request) -> Answer:
    """What was registered."""
    value: JsonObject = {
        "id": done.job,
        "status": done.status,
        "cmd_output": done.text,
        "links": [link("self", address(request, f"/jobs/{done.job}"))],
        "api_timestamp": now_of(request),
    }
    return Answer(value | ({"oardel_output": done.text} if done.deletion else {}), 202)


def render_array(done: tuple[Done, ...], request: Request) -> Answer:
    """What was registered for the jobs of an array."""
    first = Done(
        job_number(request),
        done[0].status,
        "".join(one.text for one in done),
        done[0].deletion,
    )
    return render_done(first, request)


def _signalling(number: int) -> Action:
    return Action(
        partial(_signal, number),
        "Signal sending request registered",
        f"Signaling the job {{id}} with {number} signal.\nDONE.\n"
        f"The job {{id}} was notified to signal itself with {number}.\n",
    )


def _acting(kind: Action, number: int, request: Request) -> Command[Done]:
    return on_own_job(
        number,
        request,
        lambda task: kind.on(task, request),
        lambda: OarError(
            Kind.INVALID,
            "Oardel error" if kind.deletion else "Oar error",
            f"Job {number}: You are not the right user.",
        ),
    )


def _all(found: tuple[Done | GatewayError, ...]) -> Command[tuple[Done, ...]]:
    done: list[Done] = []
    for one in found:
        if isinstance(one, GatewayError):
            raise one
        done.append(one)
    return Given(tuple(done))


def _walltime(number: int, data: JsonObject, request: Request) -> Command[Done]:
    text = str(data.get("walltime", ""))
    found = _WALLTIME.fullmatch(text)
    if not text:
        raise missing("The walltime of a walltime change is missing")
    if found is None:
        raise bad_query(f"{text[:60]!r} is no walltime: [+|-]h[:m[:s]]")
    seconds = duration(found[2])

    def further(task: Task) -> Command[Done]:
        if task.owner != request.user:
            raise OarError(Kind.FORBIDDEN, "Forbidden", f"job {number} does not belong to you")
        if task.state is not _S.RUNNING:
            raise OarError(Kind.FORBIDDEN, "Forbidden", f"job {number} is not running")
        change = {"+": seconds, "-": -seconds}.get(found[1])
        limit = seconds if change is None else int(task.seconds) + change
        if limit <= 0:
            raise bad_query("the walltime would be over before the job began")
        text = (
            f"Walltime change request accepted for job {number},"
            f" the walltime is now {duration_text(limit)}.\n"
        )
        done = Done(number, "Accepted", text)
        return Then(SetLimit(ById(task.id), float(limit)), lambda _task: Given(done))

    return on_job(number, further)


def _refused(reason: str) -> OarError:
    return oar_error(reason)
