"""The documents of jobs: rows of a list, the detail, attempts and tasks.

Contract 4.3 and 4.4; fields of later versions are sent as well, since today's clients read them.
Times are ms since the epoch, null for what has not happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from protocol.dialects.openpai.exit_specs import exit_spec, exit_type
from protocol.dialects.openpai.job_states import (
    execution_type,
    job_exit_code,
    job_state,
    retry_details,
    sub_state,
    task_exit_code,
    task_state,
    triggered_by,
)
from protocol.dialects.openpai.names import split_framework
from protocol.groups import Attempt, Cause, Group, GroupState, MemberState
from protocol.media import JsonObject, JsonValue
from protocol.tasks import Task, TaskState

__all__ = [
    "LogPlace",
    "attempt_document",
    "detail",
    "log_folder",
    "old_detail",
    "old_row",
    "row",
    "task_retries",
    "tries",
]

_EVERYTHING = 1.0
_UNKNOWN_FAILURE = 255


def row(group: Group, *, stopping: bool = False) -> JsonObject:
    """One job of a list."""
    owner, job = split_framework(group.name)
    roles = _roles(group)
    details = retry_details(group)
    found: JsonObject = {
        "name": job,
        "username": group.owner,
        "state": job_state(group, stopping=stopping),
        "subState": sub_state(group),
        "executionType": execution_type(group),
        "retries": sum(details.values()),
        "retryDetails": dict(details),
        "retryDelayTime": None,
        "createdTime": group.created_ms,
        "completedTime": group.ended_ms or None,
        "appExitCode": job_exit_code(group, group.latest),
        "virtualCluster": str(group.client.get("queue", "default")),
        "totalGpuNumber": sum(_number(one, "gpu") * _number(one, "instances") for one in roles),
        "totalTaskNumber": sum(group.roles.values()),
        "totalTaskRoleNumber": len(group.roles),
        "debugId": group.id,
        "frameworkName": group.name,
        "tags": list(group.tags),
        "submissionTime": group.created_ms,
        "launchedTime": group.attempts[0].begun_ms if group.attempts else None,
        "jobPriority": None,
    }
    if not owner:
        found["legacy"] = True
    elif owner != group.owner:
        found["namespace"] = owner
    return found


def detail(
    group: Group,
    name: str,
    place: LogPlace,
    attempt: Attempt | None = None,
    *,
    stopping: bool = False,
) -> JsonObject:
    """A job with its tasks in one attempt, the latest unless another is given.

    ``name`` is how the request named it; ``place`` is where its logs are.
    """
    shown = attempt or group.latest
    code = job_exit_code(group, shown)
    details = retry_details(group)
    trigger = triggered_by(shown)
    launched, completed = _times(shown)
    status: JsonObject = {
        "name": name,
        "username": group.owner,
        "state": job_state(group, stopping=stopping),
        "subState": sub_state(group),
        "executionType": execution_type(group),
        "retries": sum(details.values()),
        "retryDetails": dict(details),
        "createdTime": group.created_ms,
        "completedTime": group.ended_ms or None,
        "appId": f"application_{group.id}",
        "appProgress": _progress(group, shown),
        "appTrackingUrl": "",
        "appLaunchedTime": launched,
        "appCompletedTime": completed if group.state.final else None,
        "appExitCode": code,
        "appExitSpec": None if code is None else exit_spec(code),
        "appExitDiagnostics": _diagnostics(group, shown),
        "appExitMessages": _messages(group, code, trigger),
        "appExitTriggerMessage": _trigger_message(trigger),
        "appExitTriggerTaskRoleName": trigger.key.role if trigger else None,
        "appExitTriggerTaskIndex": trigger.key.index if trigger else None,
        "appExitType": None if code is None else exit_type(code),
        "virtualCluster": str(group.client.get("queue", "default")),
        "debugId": group.id,
        "tags": list(group.tags),
        "submissionTime": group.created_ms,
        "launchedTime": launched,
        "attemptId": shown.number - 1 if shown else 0,
        "attemptState": job_state(group, stopping=stopping),
        "appCreatedTime": shown.begun_ms if shown else None,
    }
    return {"name": name, "jobStatus": status, "taskRoles": _task_roles(group, shown, place)}


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where the logs of a job are: ``base`` is the public address of the dialect's paths.

    ``word`` is a proof that stands in the addresses, for who cannot send one; empty for none.
    """

    base: str
    word: str = ""


def tries(member: MemberState) -> tuple[MemberState, ...]:
    """A member as it was in each of its tries in one attempt of the job, in order."""
    earlier = (replace(member, task_id=one.task_id, task=one.task) for one in member.earlier)
    return (*earlier, member)


def attempt_document(
    group: Group, member: MemberState, number: int, attempt: Attempt, place: LogPlace
) -> JsonObject:
    """One try of one task in one attempt of its job, as the history of attempts shows it."""
    task = member.task
    code = task_exit_code(task, group)
    return {
        "attemptId": number,
        "attemptState": task_state(task, group),
        "containerId": str(member.task_id),
        "containerIp": member.address or "127.0.0.1",
        "containerNodeName": member.node or "127.0.0.1",
        "containerPorts": _ports(member),
        "containerLog": log_folder(group, member, number, attempt, place),
        "containerExitCode": code,
        "containerExitSpec": None if code is None else exit_spec(code),
        "containerExitDiagnostics": _outcome(task),
        "createdTime": task.created_ms if task else None,
        "launchedTime": (task.started_ms or None) if task else None,
        "completedTime": (task.finished_ms or None) if task else None,
    }


def task_retries(member: MemberState) -> JsonObject:
    """How often a task was run again by itself; the platform's troubles are not held against it."""
    counted = sum(1 for one in member.earlier if one.cause is not Cause.PLATFORM)
    return {"retries": len(member.earlier), "accountableRetries": counted}


def log_folder(
    group: Group, member: MemberState, number: int, attempt: Attempt, place: LogPlace
) -> str:
    """Where the log of a try is: an address that ends in a slash, for clients append names."""
    proof = f"~{place.word}/" if place.word else ""
    return (
        f"{place.base}/api/v2/jobs/{group.name}/attempts/{attempt.number - 1}"
        f"/taskRoles/{member.key.role}/taskIndex/{member.key.index}/attempts/{number}/logs/{proof}"
    )


def old_row(group: Group) -> JsonObject:
    """One job of a list of the generation before the first."""
    code = job_exit_code(group, group.latest)
    return {
        "name": group.name,
        "username": group.owner,
        "state": sub_state(group),
        "createdTime": group.created_ms,
        "completedTime": group.ended_ms or None,
        "appTrackingUrl": "",
        "appExitType": None if code is None else exit_type(code),
        "retries": sum(retry_details(group).values()),
    }


def old_detail(group: Group) -> JsonObject:
    """A job as the generation before the first shows it: flat."""
    shown = group.latest
    code = job_exit_code(group, shown)
    launched, completed = _times(shown)
    return {
        **old_row(group),
        "appId": f"application_{group.id}",
        "appProgress": _progress(group, shown),
        "appLaunchedTime": launched,
        "appCompletedTime": completed if group.state.final else None,
        "appExitCode": code,
        "appExitDiagnostics": _diagnostics(group, shown),
    }


def _task_roles(group: Group, attempt: Attempt | None, place: LogPlace) -> JsonObject:
    found: dict[str, list[JsonValue]] = {role: [] for role in group.roles}
    for member in attempt.members if attempt else ():
        found[member.key.role].append(_task(group, member, attempt, place) if attempt else {})
    if attempt is None or not attempt.members:
        for role, size in group.roles.items():
            found[role] = [_unmade(index) for index in range(size)]
    return {
        role: {"taskRoleStatus": {"name": role}, "taskStatuses": tasks}
        for role, tasks in found.items()
    }


def _task(group: Group, member: MemberState, attempt: Attempt, place: LogPlace) -> JsonObject:
    latest = attempt_document(group, member, len(member.earlier), attempt, place)
    return {
        "taskIndex": member.key.index,
        "taskState": latest["attemptState"],
        "containerId": latest["containerId"],
        "containerIp": latest["containerIp"],
        "containerPorts": latest["containerPorts"],
        "containerGpus": 0,
        "containerLog": latest["containerLog"],
        "containerExitCode": latest["containerExitCode"],
        "taskUid": latest["containerId"],
        "containerNodeName": latest["containerNodeName"],
        "containerExitSpec": latest["containerExitSpec"],
        "containerExitDiagnostics": latest["containerExitDiagnostics"],
        **task_retries(member),
        "createdTime": latest["createdTime"],
        "launchedTime": latest["launchedTime"],
        "completedTime": latest["completedTime"],
        "attemptId": latest["attemptId"],
        "attemptState": latest["attemptState"],
        "currentAttemptLaunchedTime": latest["launchedTime"],
        "currentAttemptCompletedTime": latest["completedTime"],
    }


def _unmade(index: int) -> JsonObject:
    """A task before its job's first attempt."""
    return {
        "taskIndex": index,
        "taskState": "WAITING",
        "containerId": "",
        "containerIp": "",
        "containerPorts": {},
        "containerGpus": 0,
        "containerLog": "",
        "containerExitCode": None,
    }


def _ports(member: MemberState) -> JsonObject:
    return {label: ",".join(map(str, numbers)) for label, numbers in member.ports.items()}


def _roles(group: Group) -> Sequence[Mapping[str, object]]:
    found = group.client.get("roles")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _number(role: Mapping[str, object], key: str) -> int:
    value = role.get(key)
    return value if isinstance(value, int) else 0


def _times(attempt: Attempt | None) -> tuple[int | None, int | None]:
    """When the first task of an attempt started and its last one ended."""
    tasks = [one.task for one in attempt.members if one.task] if attempt else []
    started = [task.started_ms for task in tasks if task.started_ms]
    ended = [task.finished_ms for task in tasks if task.finished_ms]
    return (min(started) if started else None, max(ended) if ended else None)


def _progress(group: Group, attempt: Attempt | None) -> float:
    if group.state.final:
        return _EVERYTHING
    tasks = [one.task for one in attempt.members] if attempt else []
    if not tasks:
        return 0.0
    done = sum(_done(task) for task in tasks)
    return round(done / len(tasks), 4)


def _done(task: Task | None) -> float:
    if task is None:
        return 0.0
    return 1.0 if task.state.final else task.progress.fraction or 0.0


def _diagnostics(group: Group, attempt: Attempt | None) -> str:
    """Why a job waits, or how it ended; what this node did not do stands before it."""
    parts = []
    if group.client.get("impossible"):
        parts.append(str(group.client["impossible"]))
    warnings = group.client.get("warnings")
    parts += map(str, warnings if isinstance(warnings, list) else ())
    if group.state is GroupState.WAITING:
        parts += _waiting(attempt)
    trigger = triggered_by(attempt)
    if group.state.final and trigger is not None:
        parts.append(f"{trigger.key}: {_outcome(trigger.task)}")
    return "\n".join(part for part in parts if part)


def _waiting(attempt: Attempt | None) -> Sequence[str]:
    tasks = [one.task for one in attempt.members if one.task] if attempt else []
    reasons = (task.waiting_reason for task in tasks if not task.state.final)
    return tuple(dict.fromkeys(reason for reason in reasons if reason))[:3]


def _outcome(task: Task | None) -> str:
    if task is None or task.outcome is None:
        return ""
    outcome = task.outcome
    if outcome.message:
        return outcome.message
    if outcome.signal is not None:
        return f"ended by signal {outcome.signal}"
    return "" if outcome.exit_code is None else f"ended with exit code {outcome.exit_code}"


def _messages(group: Group, code: int | None, trigger: MemberState | None) -> JsonObject:
    """What the parts of OpenPAI would have said about the end."""
    runtime: JsonValue = None
    if code is not None and code > 0 and trigger is not None:
        runtime = {"exitCode": _UNKNOWN_FAILURE, "originalUserExitCode": code}
    ended_by_platform = code is not None and code < 0
    launcher = exit_spec(code)["reason"] if ended_by_platform and code is not None else None
    failed = trigger is not None and group.state is GroupState.FAILED
    container = _outcome(trigger.task) if failed and trigger is not None else None
    return {"container": container, "runtime": runtime, "launcher": launcher}


def _trigger_message(trigger: MemberState | None) -> str | None:
    if trigger is None:
        return None
    ended = trigger.task is not None and trigger.task.state is TaskState.SUCCEEDED
    policy = "minSucceededTaskCount" if ended else "minFailedTaskCount"
    return f"task {trigger.key} has ended and {policy} of its role was reached"
