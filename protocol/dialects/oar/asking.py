"""Commands as this API asks for them: on a job by its number, and for its administrators.

Any job may be looked at by its number, so that a refusal can say whose it is; whether something is
done with it is decided by who asks, here and again by the core.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from protocol.command import Command, Then
from protocol.commands.directory import ReadProfile
from protocol.commands.tasks import ReadTask
from protocol.dialects.oar.faults import OarError, not_found
from protocol.dialects.oar.words import NAME
from protocol.directory import Profile
from protocol.errors import GatewayError, Kind, Subject
from protocol.http import Request
from protocol.tasks import ByNumber, Task

__all__ = ["as_admin", "job_number", "no_job", "on_job", "on_own_job", "only_oar"]

R = TypeVar("R")
_LONGEST = 15


def job_number(request: Request) -> int:
    """The number of the job that a path names.

    Raises:
        OarError: 404 if it is none.
    """
    text = request.params["id"]
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST and int(text)):
        raise not_found("Not found", f"No way to handle your request {request.path[:200]}")
    return int(text)


def on_job(number: int, further: Callable[[Task], Command[R]]) -> Command[R]:
    """Goes on with a job of this API, whosever it is."""

    def checked(task: Task) -> Command[R]:
        if task.dialect != NAME:
            raise no_job(number)
        return further(task)

    return Then(ReadTask(ByNumber(number)), checked, quick=True)


def on_own_job(
    number: int,
    request: Request,
    further: Callable[[Task], Command[R]],
    refusal: Callable[[], OarError],
) -> Command[R]:
    """Goes on with a job of the caller, or for an administrator with anybody's."""

    def checked(task: Task) -> Command[R]:
        if task.owner == request.user:
            return further(task)
        return as_admin(lambda: further(task), refusal)

    return on_job(number, checked)


def as_admin(
    further: Callable[[], Command[R]], refusal: Callable[[], OarError] | None = None
) -> Command[R]:
    """Goes on if the caller is an administrator."""

    def checked(profile: Profile) -> Command[R]:
        if profile.admin:
            return further()
        if refusal is not None:
            raise refusal()
        raise only_oar()

    return Then(ReadProfile(), checked, quick=True)


def only_oar() -> OarError:
    """What is told to who is no administrator; clients look for 401."""
    return OarError(
        Kind.FORBIDDEN, "Permission denied", "Only the oar user can do this", status=401
    )


def no_job(number: int) -> GatewayError:
    """There is no such job."""
    return not_found("Not found", f"Job {number} not found", Subject.TASK)
