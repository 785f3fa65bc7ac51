"""The routes that read and end jobs: lists, details, configurations, attempts, stop and delete.

Contract 1.6, 1.7 and 1.9. Each route names a job by its framework (``owner~job``), or by a user and
a short name; ``_named`` makes the same reference of both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from protocol.accounts import Principal
from protocol.command import MOST_EACH, Command, Each, Given, Then
from protocol.commands.control import ReadEvents
from protocol.commands.groups import (
    AnnotateGroup,
    DeleteGroup,
    GroupRef,
    KillGroup,
    ListGroups,
    ReadGroup,
    TagGroup,
)
from protocol.commands.links import SignLink
from protocol.commands.login import WhoAmI
from protocol.control import EventPage
from protocol.dialects.openpai.asking import asked
from protocol.dialects.openpai.bodies import body_object, json_reply, said
from protocol.dialects.openpai.documents import (
    LogPlace,
    attempt_document,
    detail,
    row,
    task_retries,
    tries,
)
from protocol.dialects.openpai.events import event_rows
from protocol.dialects.openpai.faults import PaiError, bad_parameters
from protocol.dialects.openpai.job_lists import page, read_list_query
from protocol.dialects.openpai.job_states import EXECUTION_TYPE
from protocol.dialects.openpai.names import framework_name, split_framework
from protocol.dialects.openpai.submission import SPACE
from protocol.errors import GatewayError, Kind, Subject
from protocol.groups import Attempt, Group, MemberState
from protocol.http import Reply, Request
from protocol.media import JsonObject, JsonValue
from protocol.tasks import ById

__all__ = [
    "Shown",
    "found_member",
    "log_scope",
    "named",
    "no_job",
    "parse_attempt",
    "parse_delete",
    "parse_detail",
    "parse_events",
    "parse_execution_type",
    "parse_list",
    "parse_read",
    "parse_ssh",
    "parse_tag",
    "parse_untag",
    "reading",
    "render_attempt",
    "render_attempts",
    "render_config",
    "render_deleted",
    "render_detail",
    "render_detail_now",
    "render_events",
    "render_execution_type",
    "render_execution_type_now",
    "render_list",
    "render_list_now",
    "render_nothing",
    "render_protocol",
    "render_tagged",
    "render_task_attempts",
    "showing",
]

_MOST = 1_000
_TEXT = "text/plain; charset=utf-8"
_YAML = "text/yaml; charset=utf-8"
_LONGEST = 6
_EVENTS = 100
_LONGEST_TAG = 256


def named(request: Request) -> tuple[GroupRef, str]:
    """Which job a request speaks of, and what its sentences call it."""
    job = request.params["job"]
    user = request.params.get("user", "")
    framework = framework_name(user, job) if user else job
    return GroupRef(name=framework, space=SPACE), job


def no_job(name: str) -> PaiError:
    """There is no such job for this caller."""
    return PaiError(Kind.NOT_FOUND, "NoJobError", 404, f"Job {name} is not found.", Subject.GROUP)


@dataclass(frozen=True, slots=True)
class Shown:
    """A job that is to be shown, and where its logs are for who asked."""

    group: Group
    place: LogPlace


def showing(request: Request, attempt: int = 0) -> Command[Shown]:
    """Reads the job of a request; who is logged in is given addresses of logs that prove it."""

    def signed(group: Group) -> Command[Shown]:
        if not request.user:
            return Given(Shown(group, LogPlace(request.base)))
        sign = SignLink(log_scope(group))
        return Then(
            sign, lambda word: Given(Shown(group, LogPlace(request.base, word))), quick=True
        )

    return reading(request, signed, attempt)


def log_scope(group: Group) -> str:
    """What an address of a log proves: that its reader may read the logs of this job."""
    return f"{SPACE} logs {group.id}"


def reading(
    request: Request, then: Callable[[Group], Command[Any]] | None = None, attempt: int = 0
) -> Command[Any]:
    """Reads the job of a request; what follows is asked with it."""
    ref, name = named(request)

    def translate(error: GatewayError) -> GatewayError:
        return no_job(name) if error.kind is Kind.NOT_FOUND else error

    read = ReadGroup(ref, attempt)
    return asked(read, translate, then or Given)


# Lists ----------------------------------------------------------------------------------------


def parse_list(request: Request) -> Command[tuple[Group, ...]]:
    """All jobs that may be seen, or those of the user in the address or the query."""
    query = read_list_query(request)
    users = query.users
    of = request.params.get("user") or (users[0] if len(users) == 1 else "")
    return ListGroups(everybody=True, of=of, dialect=SPACE, limit=_MOST)


def render_list(groups: tuple[Group, ...], request: Request) -> Reply:
    """Rows, newest first; below a user those of the user's namespace, where legacy jobs are not."""
    user = request.params.get("user")
    rows = [row(one) for one in groups if not user or split_framework(one.name)[0] == user]
    return json_reply(page(read_list_query(request), rows))


def render_list_now(groups: tuple[Group, ...], request: Request) -> Reply:
    """The same for clients that know the word STOPPING."""
    rows = [row(group, stopping=True) for group in groups]
    return json_reply(page(read_list_query(request), rows))


# One job --------------------------------------------------------------------------------------


def parse_read(request: Request) -> Command[Group]:
    """One job."""
    return reading(request)


def parse_detail(request: Request) -> Command[Shown]:
    """One job, to be shown with its logs."""
    return showing(request)


def render_detail(shown: Shown, request: Request) -> Reply:
    """Its detail."""
    return json_reply(detail(shown.group, request.params["job"], shown.place))


def render_detail_now(shown: Shown, request: Request) -> Reply:
    """The same for clients that know the word STOPPING."""
    return json_reply(detail(shown.group, request.params["job"], shown.place, stopping=True))


def render_config(group: Group, request: Request) -> Reply:
    """What was sent, as it was sent but for its secrets."""
    return _text(group, request, "config", _TEXT)


def render_protocol(group: Group, request: Request) -> Reply:
    """The job as a protocol, whatever it was sent as."""
    return _text(group, request, "protocol", _YAML)


def _text(group: Group, request: Request, key: str, kind: str) -> Reply:
    text = group.client.get(key)
    name = request.params["job"]
    if not isinstance(text, str) or not text:
        message = f"Config of job {name} is not found."
        raise PaiError(Kind.NOT_FOUND, "NoJobConfigError", 404, message, Subject.GROUP)
    return Reply(200, text.encode(), kind)


def parse_ssh(request: Request) -> Command[Any]:
    """Nothing here listens for ssh, and a job that is not there is told first."""
    name = request.params["job"]

    def none(_group: Group) -> Command[Any]:
        message = f"SSH info of job {name} is not found."
        raise PaiError(Kind.NOT_FOUND, "NoJobSshInfoError", 404, message, Subject.GROUP)

    return reading(request, none)


def render_nothing(_result: object, _request: Request) -> Reply:
    """Never sent: the route always refuses."""
    return json_reply({})


# Ending ---------------------------------------------------------------------------------------


def parse_execution_type(request: Request) -> Command[Group]:
    """STOP ends a job; START changes nothing, for a stop is never taken back.

    Of a job that has ended what was asked is kept and shown, and nothing else changes.
    """
    value = body_object(request).get("value")
    if value not in ("START", "STOP"):
        raise bad_parameters('"value" must be one of [START, STOP]')
    ref, name = named(request)
    note = AnnotateGroup(ref, {EXECUTION_TYPE: str(value)})

    def act(group: Group) -> Command[Group]:
        if group.state.final:
            return note
        return Given(group) if value == "START" else Then(KillGroup(ref), killed, quick=True)

    def killed(group: Group) -> Command[Group]:
        # It may have ended by itself a moment before.
        return Given(group) if group.killed_ms else note

    return _owned(request, f"execute job {name}", act)


def render_execution_type(group: Group, request: Request) -> Reply:
    """What the first generation says, with the name as the request had it."""
    del group
    return said(f"execute job {request.params['job']} successfully", 200)


def render_execution_type_now(group: Group, request: Request) -> Reply:
    """What the second generation says."""
    del request
    message = f"Execute job {group.name} successfully."
    return json_reply({"status": 202, "message": message}, 202)


def parse_delete(request: Request) -> Command[Group]:
    """Forgets a job and its configuration; one that goes on is ended first."""
    ref, name = named(request)

    def act(group: Group) -> Command[Group]:
        del group
        return DeleteGroup(ref, kill=True)

    return _owned(request, f"remove job {name}", act)


def render_deleted(group: Group, request: Request) -> Reply:
    """It is gone, or on its way."""
    del group
    return said(f"deleted job {request.params['job']} successfully", 202)


def parse_tag(request: Request) -> Command[Group]:
    """Puts a word on a job."""
    ref, name = named(request)
    tag = _tag(request)
    return _owned(request, f"add tag to job {name}", lambda _group: TagGroup(ref, add=(tag,)))


def parse_untag(request: Request) -> Command[Group]:
    """Takes a word off a job."""
    ref, name = named(request)
    tag = _tag(request)

    def act(group: Group) -> Command[Group]:
        if tag not in group.tags:
            message = f"Tag {tag} of job {name} is not found."
            raise PaiError(Kind.NOT_FOUND, "NoTagError", 404, message, Subject.GROUP)
        return TagGroup(ref, remove=(tag,))

    return _owned(request, f"delete tag from job {name}", act)


def _tag(request: Request) -> str:
    tag = body_object(request).get("value")
    if not isinstance(tag, str) or not tag or "," in tag or not tag.isprintable():
        raise bad_parameters('"value" must be a tag: a text without commas')
    if len(tag) > _LONGEST_TAG:
        raise bad_parameters(f'"value" has at most {_LONGEST_TAG} characters')
    return tag


def render_tagged(group: Group, request: Request) -> Reply:
    """The word is on it, or off."""
    what = "Add" if request.method == "PUT" else "Delete"
    return json_reply({"status": 200, "message": f"{what} tag of job {group.name} successfully."})


def _owned(request: Request, what: str, act: Callable[[Group], Command[Group]]) -> Command[Group]:
    """What only the owner of a job and administrators may do."""
    user = request.user

    def known(group: Group) -> Command[Group]:
        def who(principal: Principal) -> Command[Group]:
            if not principal.admin and principal.name != group.owner:
                message = f"User {user} is not allowed to {what}."
                raise PaiError(Kind.FORBIDDEN, "ForbiddenUserError", 403, message, Subject.GROUP)
            return act(group)

        return Then(WhoAmI(), who)

    return reading(request, known)


# Attempts, tasks, events ----------------------------------------------------------------------


def _index(request: Request, name: str) -> int:
    text = request.params[name]
    if not text.isascii() or not text.isdigit() or len(text) > _LONGEST:
        raise no_job(request.params["job"])
    return int(text)


def parse_attempt(request: Request) -> Command[Shown]:
    """One attempt of a job, counted from 0."""
    return showing(request, attempt=_index(request, "attempt") + 1)


def render_attempt(shown: Shown, request: Request) -> Reply:
    """The detail, as it was in that attempt."""
    name = request.params["job"]
    found = _attempt(shown.group, _index(request, "attempt"))
    if found is None:
        raise no_job(name)
    return json_reply(detail(shown.group, name, shown.place, found, stopping=True))


def render_attempts(shown: Shown, request: Request) -> Reply:
    """Every attempt of a job in short, oldest first."""
    name, attempts = request.params["job"], shown.group.attempts
    return json_reply([detail(shown.group, name, shown.place, one) for one in attempts])


def _attempt(group: Group, index: int) -> Attempt | None:
    for one in group.attempts:
        if one.number == index + 1:
            return one
    return None


def found_member(group: Group, request: Request) -> tuple[MemberState, Attempt] | None:
    """The task that a request names, in the attempt that it names."""
    attempt = _attempt(group, _index(request, "attempt"))
    index = _index(request, "index")
    for member in attempt.members if attempt else ():
        if (member.key.role, member.key.index) == (request.params["role"], index):
            return (member, attempt) if attempt else None
    return None


def render_task_attempts(shown: Shown, request: Request) -> Reply:
    """What became of one task in one attempt of its job, the newest try first."""
    group = shown.group
    found = found_member(group, request)
    if found is None:
        raise no_job(request.params["job"])
    member, attempt = found
    tried = [
        attempt_document(group, one, number, attempt, shown.place)
        for number, one in enumerate(tries(member))
    ]
    latest = tried[-1]
    owner, job = split_framework(group.name)
    document: JsonObject = {
        "username": owner or group.owner,
        "jobName": job,
        "jobAttemptId": attempt.number - 1,
        "taskRoleName": member.key.role,
        "taskIndex": member.key.index,
        "taskUid": str(member.task_id),
        "taskState": latest["attemptState"],
        **task_retries(member),
        "createdTime": tried[0]["createdTime"],
        "launchedTime": tried[0]["launchedTime"],
        "completedTime": latest["completedTime"],
        "attempts": list(reversed(tried)),
    }
    return json_reply(document)


def parse_events(request: Request) -> Command[tuple[Group, Sequence[EventPage | GatewayError]]]:
    """What happened to the tasks of the latest attempt, and what this node does not do of a job."""

    def next_of(group: Group) -> Command[tuple[Group, Sequence[EventPage | GatewayError]]]:
        members = group.latest.members if group.latest else ()
        tasks = [tried.task_id for one in members for tried in tries(one) if tried.task]
        reads = Each(tuple(ReadEvents(ById(one), limit=_EVENTS) for one in tasks[:MOST_EACH]))
        return Then(reads, lambda pages: Given((group, pages)))

    return reading(request, next_of)


def render_events(
    found: tuple[Group, Sequence[EventPage | GatewayError]], request: Request
) -> Reply:
    """The warnings of the job and the events of all its tasks by time."""
    group, pages = found
    kind = request.query.get("type", "")
    rows = [one for one in event_rows(group, pages) if kind in ("", one["type"])]
    data: list[JsonValue] = list(rows)
    return json_reply({"totalCount": len(rows), "data": data})
