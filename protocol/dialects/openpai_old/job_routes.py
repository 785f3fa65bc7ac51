"""``/api/job``: jobs without a namespace, which the versioned generations show as legacy.

OpenPAI rest-server document of the first release, *API: job*. Four names are taken by other routes
of the job manager and are refused, so that no job exists that cannot be reached.
"""

from __future__ import annotations

from collections.abc import Callable

from protocol.accounts import Principal
from protocol.command import Command, Given, Then
from protocol.commands.groups import DeleteGroup, GroupRef, ListGroups, ReadGroup
from protocol.commands.login import WhoAmI
from protocol.dialects.openpai.asking import answered, asked
from protocol.dialects.openpai.bodies import json_reply, said
from protocol.dialects.openpai.documents import old_detail, old_row
from protocol.dialects.openpai.faults import PaiError
from protocol.dialects.openpai.names import FRAMEWORK_SEPARATOR, JOB_NAME
from protocol.dialects.openpai.submission import SPACE
from protocol.dialects.openpai.submit_routes import SubmitRoutes
from protocol.dialects.openpai_old.refusal import invalid, old_error
from protocol.errors import GatewayError, Kind, Subject
from protocol.groups import Group
from protocol.http import Reply, Request

__all__ = [
    "TAKEN",
    "parse_delete",
    "parse_list",
    "parse_read",
    "render_deleted",
    "render_detail",
    "render_list",
    "render_submitted",
    "submit_parser",
]

TAKEN = frozenset({"list_jobs", "job_info", "cancel", "delete", "run", "data"})
_MOST = 1_000


def _not_found(name: str) -> PaiError:
    return old_error(500, "JobNotFound", f"could not find job {name}", Kind.NOT_FOUND)


def submit_parser(submit: SubmitRoutes) -> Callable[[Request], Command[Group]]:
    """A parser of ``PUT /api/job/<name>``."""

    def parse(request: Request) -> Command[Group]:
        name = request.params["job"]
        if name in TAKEN or JOB_NAME.fullmatch(name) is None:
            raise invalid()
        try:
            command = submit.parse_old(request)
        except PaiError as error:
            if error.kind is Kind.TOO_LARGE:
                raise
            raise invalid() from error
        return answered(command, _refused)

    return parse


def _refused(error: GatewayError) -> GatewayError:
    if error.kind is Kind.CONFLICT and error.subject is Subject.GROUP:
        return old_error(500, "DuplicateJobSubmission", "duplicate job submission", error.kind)
    if error.kind in {Kind.INVALID, Kind.FORBIDDEN, Kind.NOT_FOUND, Kind.TOO_LARGE}:
        return old_error(500, "JobUpdateError", "job updated error", error.kind)
    return error


def render_submitted(group: Group, request: Request) -> Reply:
    """The job is there."""
    del request
    return said(f"update job {group.name} successfully", 200)


def parse_list(request: Request) -> Command[tuple[Group, ...]]:
    """Jobs without a namespace."""
    del request
    return ListGroups(everybody=True, dialect=SPACE, limit=_MOST)


def render_list(groups: tuple[Group, ...], request: Request) -> Reply:
    """Newest first; unlike the original, which answered 500 where there were none."""
    del request
    return json_reply([old_row(one) for one in groups if FRAMEWORK_SEPARATOR not in one.name])


def _reading(request: Request, then: Callable[[Group], Command[Group]]) -> Command[Group]:
    name = request.params["job"]

    def refused(error: GatewayError) -> GatewayError:
        return _not_found(name) if error.kind is Kind.NOT_FOUND else error

    if FRAMEWORK_SEPARATOR in name:
        raise _not_found(name[:200])
    return asked(ReadGroup(GroupRef(name=name, space=SPACE)), refused, then)


def parse_read(request: Request) -> Command[Group]:
    """One job."""
    return _reading(request, Given)


def render_detail(group: Group, request: Request) -> Reply:
    """All that is known of it, flat."""
    del request
    return json_reply(old_detail(group))


def parse_delete(request: Request) -> Command[Group]:
    """A job is forgotten; one that goes on is ended first."""
    ref = GroupRef(name=request.params["job"], space=SPACE)

    def known(group: Group) -> Command[Group]:
        def who(principal: Principal) -> Command[Group]:
            if not principal.admin and principal.name != group.owner:
                message = "job deleted error, cannot delete other user's job"
                raise old_error(401, "JobDeleteError", message, Kind.FORBIDDEN)
            return DeleteGroup(ref, kill=True)

        return Then(WhoAmI(), who)

    return _reading(request, known)


def render_deleted(group: Group, request: Request) -> Reply:
    """It is gone, or on its way."""
    del request
    return said(f"deleted job {group.name} successfully", 200)
