"""One job as it is told: short in lists, full with all its fields, and as a row of the table.

OAR document, *GET /jobs*, *GET /jobs/details* and *GET /jobs/<id>*. What its owner wrote is told
to the owner alone: to all others ``command`` and ``initial_request`` are empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocol.commands.board import PublicTask
from protocol.commands.resources import TaskAllotment
from protocol.control import TaskEvent
from protocol.dialects.oar.collection import link
from protocol.dialects.oar.formats import address, now_of
from protocol.dialects.oar.job_events import shown_events
from protocol.dialects.oar.job_place import launching_directory
from protocol.dialects.oar.job_script import command_of
from protocol.dialects.oar.leaf import full_leaf, node_of
from protocol.dialects.oar.resource_request import duration_text
from protocol.dialects.oar.words import exit_code, state_name
from protocol.http import Request
from protocol.media import JsonObject, JsonValue
from protocol.tasks import TaskState

__all__ = [
    "Known",
    "array_of",
    "full",
    "held_nodes",
    "held_resources",
    "in_oar_structure",
    "job_links",
    "row",
    "short",
    "state_of",
]

_OAR_NAMES = {
    "id": "Job_Id",
    "type": "jobType",
    "launching_directory": "launchingDirectory",
    "start_time": "startTime",
    "stop_time": "stopTime",
    "submission_time": "submissionTime",
    "scheduled_start": "scheduledStart",
}


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a job: ``code`` is empty for who is not its owner.

    ``waiting`` is why it does not start, ``seconds`` its present limit, 0 if that was not asked.
    """

    task: PublicTask
    code: str = ""
    allotment: TaskAllotment | None = None
    events: tuple[TaskEvent, ...] = ()
    waiting: str = ""
    seconds: float = 0.0


def state_of(task: PublicTask) -> str:
    """What OAR calls its state; an accepted reservation waits like any other job."""
    return state_name(task.state, task.outcome)


def array_of(task: PublicTask) -> int:
    """The array that a job belongs to: the number of its first job, its own if it is alone."""
    return _whole(task.client, "array") or task.number


def job_links(number: int, request: Request) -> list[JsonValue]:
    """The links of a job."""
    one = address(request, f"/jobs/{number}")
    return [
        link("self", one),
        link("collection", f"{one}/resources", "resources"),
        link("collection", f"{one}/nodes", "nodes"),
    ]


def short(task: PublicTask, request: Request) -> JsonObject:
    """An item of ``/jobs``."""
    return {
        "id": task.number,
        "state": state_of(task),
        "owner": task.owner,
        "name": _text(task.client, "name") or None,
        "queue": _text(task.client, "queue"),
        "submission": task.created_ms // 1000,
        "api_timestamp": now_of(request),
        "links": job_links(task.number, request),
    }


def full(known: Known, request: Request) -> JsonObject:
    """A job with all its fields."""
    task, words = known.task, known.task.client
    started = task.started_ms // 1000
    return {
        "id": task.number,
        "array_id": array_of(task),
        "array_index": _whole(words, "index") or 1,
        "name": _text(words, "name") or None,
        "project": _text(words, "project"),
        "queue": _text(words, "queue"),
        "owner": task.owner,
        "state": state_of(task),
        "message": _message(known),
        "type": "PASSIVE",
        "reservation": _reservation(task),
        "command": command_of(known.code),
        "launching_directory": launching_directory(_text(words, "directory"), task.owner),
        "initial_request": _initial(known),
        "properties": _text(words, "properties"),
        "wanted_resources": _text(words, "wanted"),
        "walltime": _walltime(known) or None,
        "submission_time": task.created_ms // 1000,
        "start_time": started,
        "stop_time": task.finished_ms // 1000,
        "scheduled_start": started or _whole(words, "start") or None,
        "exit_code": exit_code(task.outcome),
        "resubmit_job_id": _whole(words, "resubmit"),
        "stdout_file": _file(task, "stdout"),
        "stderr_file": _file(task, "stderr"),
        "types": _list(words, "types"),
        "dependencies": _list(words, "after"),
        "events": shown_events(task, known.events),
        "cpuset_name": f"{task.owner}_{task.number}",
        "api_timestamp": now_of(request),
        "links": job_links(task.number, request),
    }


def held_resources(known: Known, request: Request) -> list[JsonValue]:
    """What a job was given."""
    return [
        {**full_leaf(leaf, request), "status": "assigned"}
        for leaf in (known.allotment.leaves if known.allotment else ())
    ]


def held_nodes(known: Known, request: Request) -> list[JsonValue]:
    """The nodes of what a job was given."""
    return [
        {
            "network_address": name,
            "status": "assigned",
            "api_timestamp": now_of(request),
            "links": [link("self", address(request, f"/resources/nodes/{name}"))],
        }
        for name in _nodes(known)
    ]


def row(task: PublicTask, request: Request) -> JsonObject:
    """A row of ``/jobs/table``."""
    shown = full(Known(task), request)
    return {
        "job_id": task.number,
        "job_name": shown["name"],
        "job_user": task.owner,
        "job_type": shown["type"],
        "queue_name": shown["queue"],
        "job_env": "",
        "job_group": "",
        "info_type": "",
        "checkpoint": _whole(task.client, "checkpoint"),
        "checkpoint_signal": _whole(task.client, "signal"),
        "accounted": "NO",
        "notify": None,
        "file_id": None,
        "scheduler_info": shown["message"],
        "suspended": "YES" if task.state is TaskState.SUSPENDED else "NO",
        "uri": address(request, f"/jobs/{task.number}"),
        "assigned_moldable_job": 0,
        **{
            name: shown[name]
            for name in (
                [
                    "id",
                    "array_id",
                    "state",
                    "project",
                    "command",
                    "properties",
                    "reservation",
                    "message",
                    "initial_request",
                    "launching_directory",
                    "submission_time",
                    "start_time",
                    "stop_time",
                    "exit_code",
                    "resubmit_job_id",
                    "walltime",
                    "links",
                    "api_timestamp",
                ]
            )
        },
        "stdout_file": _text(task.client, "stdout"),
        "stderr_file": _text(task.client, "stderr"),
    }


def in_oar_structure(shown: JsonObject, known: Known) -> JsonObject:
    """A job under the names of ``structure=oar``."""
    leaves = known.allotment.leaves if known.allotment else ()
    return {_OAR_NAMES.get(name, name): value for name, value in shown.items()} | {
        "job_user": known.task.owner,
        "assigned_resources": [leaf.id for leaf in leaves],
        "assigned_network_address": list(_nodes(known)),
    }


def _walltime(known: Known) -> int:
    """The limit that counts: one that was set since, that of the alternative, or the asked one."""
    asked = _whole(known.task.client, "walltime")
    if known.seconds and int(known.seconds) != asked:
        return int(known.seconds)
    given = int(known.allotment.seconds) if known.allotment else 0
    return given or asked


def _nodes(known: Known) -> list[str]:
    """The nodes of its resources; of a job on a cluster, which has none of ours, what it has."""
    if known.allotment is None:
        return []
    return list(dict.fromkeys((*map(node_of, known.allotment.leaves), *known.allotment.nodes)))


def _message(known: Known) -> str:
    """Human text: how much for how long, and why it waits or how it ended."""
    task, words = known.task, known.task.client
    kind = "R" if _whole(words, "start") else "B"
    parts = [f"W={duration_text(_whole(words, 'walltime'))}", f"J={kind}"]
    if known.allotment and known.allotment.leaves:
        parts.insert(0, f"R={len(known.allotment.leaves)}")
    for letter, name in (("N", "name"), ("Q", "queue"), ("P", "project")):
        if text := _text(words, name):
            parts.append(f"{letter}={text}")
    if types := _list(words, "types"):
        parts.append("T=" + "|".join(map(str, types)))
    note = known.waiting or (task.outcome.message if task.outcome else "")
    return ",".join(parts) + (f" ({note})" if note else "")


def _reservation(task: PublicTask) -> str:
    return "Scheduled" if _whole(task.client, "start") else "None"


def _initial(known: Known) -> str:
    """The command line that asks for the same; empty without the code."""
    command = command_of(known.code)
    if not command:
        return ""
    asked = known.task.client.get("asked")
    words = ["oarsub"]
    for name, value in asked.items() if isinstance(asked, Mapping) else ():
        several = value if isinstance(value, list | tuple) else [value]
        words += [f"--{name}={one}" for one in several]
    return " ".join([*words, command])


def _file(task: PublicTask, name: str) -> str:
    return _text(task.client, name).replace("%jobid%", str(task.number))


def _text(words: Mapping[str, object], name: str) -> str:
    value = words.get(name, "")
    return value if isinstance(value, str) else ""


def _whole(words: Mapping[str, object], name: str) -> int:
    value = words.get(name, 0)
    return value if isinstance(value, int) else 0


def _list(words: Mapping[str, object], name: str) -> list[JsonValue]:
    value = words.get(name)
    found = value if isinstance(value, list | tuple) else ()
    return [one for one in found if isinstance(one, str | int)]
