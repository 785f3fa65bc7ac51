"""Virtual clusters: contract 1.5 and 3.3. A virtual cluster is a queue with a share and a ceiling.

The shares of all others are taken from the default cluster's, which nobody can change; with each
cluster comes a group of users of its name that may submit to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from protocol.accounts import Principal
from protocol.command import Command, Given, Then
from protocol.commands.directory import DropGroup, ListUserGroups, PutGroup
from protocol.commands.login import Hello, WhoAmI
from protocol.commands.queues import (
    DropQueue,
    ListQueues,
    PutQueue,
    QueueReport,
    SetQueueStatus,
)
from protocol.dialects.openpai.asking import answered, asked
from protocol.dialects.openpai.bodies import body_object, json_reply, said
from protocol.dialects.openpai.config_v1 import Fields
from protocol.dialects.openpai.faults import PaiError, bad_parameters
from protocol.dialects.openpai.names import QUEUE_NAME
from protocol.directory import UserGroup
from protocol.errors import GatewayError, Kind, Subject
from protocol.http import Reply, Request
from protocol.media import JsonObject
from protocol.resources import DEFAULT_QUEUE, Queue, QueueStatus

__all__ = [
    "parse_list",
    "parse_nodes",
    "parse_put",
    "parse_read",
    "parse_remove",
    "parse_status",
    "parse_units",
    "render_list",
    "render_nodes",
    "render_put",
    "render_read",
    "render_removed",
    "render_status",
    "render_units",
]

_WHOLE = 100.0
_NAME_RULE = "VC name should only contain alpha-numeric and underscore characters"
_ADDRESS = "127.0.0.1"
_NOT_HERE = "NotImplemented" + "Error"  # a word of OpenPAI's, no exception of ours


def document(report: QueueReport, reports: Sequence[QueueReport]) -> JsonObject:
    """A virtual cluster as clients see one. GPUs are 0, for this node has none to give."""
    queue = report.queue
    total = max((one.ceiling_slots for one in reports), default=report.ceiling_slots)
    share = _remainder(reports) if queue.name == DEFAULT_QUEUE else queue.share
    used: JsonObject = _resources(report.used_memory_mb, report.used_slots)
    whole: JsonObject = _resources(0, total)
    status = "RUNNING"
    if queue.status is QueueStatus.STOPPED:
        status = "DRAINING" if report.running or report.waiting else "STOPPED"
    return {
        "capacity": share,
        "maxCapacity": queue.ceiling,
        "usedCapacity": round(report.used_slots * _WHOLE / total, 2) if total else 0,
        "numActiveJobs": report.running,
        "numPendingJobs": report.waiting,
        "numJobs": report.running + report.waiting,
        "resourcesUsed": used,
        "resourcesTotal": whole,
        "resourcesGuaranteed": _resources(0, report.share_slots),
        "dedicated": False,
        "nodeList": [_ADDRESS],
        "status": status,
        "description": queue.description,
    }


def _resources(memory: int, cores: int) -> JsonObject:
    """Amounts under the names of both generations."""
    return {
        "memory": memory, "vCores": cores, "GPUs": 0, "cpu": cores, "gpu": 0,
    }  # fmt: skip


def _remainder(reports: Sequence[QueueReport]) -> float:
    """What the shares of the others leave to the default cluster."""
    others = sum(one.queue.share for one in reports if one.queue.name != DEFAULT_QUEUE)
    return max(0.0, _WHOLE - others)


def parse_list(request: Request) -> Command[tuple[QueueReport, ...]]:
    """All clusters."""
    del request
    return ListQueues()


def render_list(reports: tuple[QueueReport, ...], request: Request) -> Reply:
    """Their documents under their names."""
    del request
    return json_reply({one.queue.name: document(one, reports) for one in reports})


def parse_read(request: Request) -> Command[tuple[QueueReport, ...]]:
    """One cluster; its figures need the others'."""
    _check_name(request.params["vc"])
    return ListQueues()


def render_read(reports: tuple[QueueReport, ...], request: Request) -> Reply:
    """The document."""
    return json_reply(document(_one(reports, request.params["vc"]), reports))


def _one(reports: Sequence[QueueReport], name: str) -> QueueReport:
    for one in reports:
        if one.queue.name == name:
            return one
    raise _unknown(name)


def _unknown(name: str) -> PaiError:
    message = f"Virtual cluster {name} is not found."
    return PaiError(Kind.NOT_FOUND, "NoVirtualClusterError", 404, message, Subject.QUEUE)


def _check_name(name: str) -> None:
    if QUEUE_NAME.fullmatch(name) is None:
        raise bad_parameters(_NAME_RULE)


def _forbidden(message: str, code: str = "ForbiddenUserError") -> PaiError:
    return PaiError(Kind.FORBIDDEN, code, 403, message, Subject.QUEUE)


def _by_admin(principal: Principal) -> None:
    if not principal.admin:
        raise _forbidden("Non-admin is not allow to do this operation.")


def parse_put(request: Request) -> Command[Queue]:
    """A cluster is made or changed, and its group with it."""
    name = request.params["vc"]
    _check_name(name)
    fields = Fields(body_object(request))
    fields.only(("vcCapacity", "vcMaxCapacity", "description", "externalName"))
    if "vcCapacity" not in fields.value:
        raise fields.wrong("vcCapacity", "is required")
    share = _percent(fields, "vcCapacity", 0.0, 0.0)
    ceiling = _percent(fields, "vcMaxCapacity", share, share)
    description = fields.text("description", "")
    external = fields.text("externalName", "")
    wanted = Queue(name, share, ceiling, description=description)

    def allowed(principal: Principal) -> Command[Queue]:
        _by_admin(principal)
        if name == DEFAULT_QUEUE:
            raise _forbidden("Don't allow to update default vc")
        return Then(ListQueues(), with_queues)

    def with_queues(reports: tuple[QueueReport, ...]) -> Command[Queue]:
        others = [one.queue for one in reports if one.queue.name not in {name, DEFAULT_QUEUE}]
        if sum(one.share for one in others) + share > _WHOLE:
            raise _forbidden("No enough quota in default vc.", "NoEnoughQuotaError")
        old = next((one.queue for one in reports if one.queue.name == name), None)
        queue = replace(wanted, status=old.status, priority=old.priority) if old else wanted

        def with_groups(groups: tuple[UserGroup, ...]) -> Command[Queue]:
            group = next((one for one in groups if one.name == name), None)
            if group is not None and name not in group.queues:
                message = f"Group name {name} already exists."
                raise PaiError(Kind.CONFLICT, "ConflictVcError", 409, message, Subject.USER_GROUP)
            grant = PutGroup(name, None, description, external, queues=(name,))
            return Then(PutQueue(queue), lambda _: Then(grant, lambda _: Given(queue)))

        return Then(ListUserGroups(), with_groups)

    return Then(WhoAmI(), allowed)


def _percent(fields: Fields, name: str, default: float, least: float) -> float:
    value = fields.value.get(name, default)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise fields.wrong(name, "must be a number") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise fields.wrong(name, "must be a number")
    if not least <= value <= _WHOLE:
        raise fields.wrong(name, f"must be from {least:g} to {_WHOLE:g}")
    return float(value)


def render_put(queue: Queue, request: Request) -> Reply:
    """It is as it was asked to be."""
    del request
    return said(f"Update vc: {queue.name} to capacity: {queue.share:g} successfully.", 201)


def parse_remove(request: Request) -> Command[Queue]:
    """A cluster without jobs goes, and its group with it."""
    name = request.params["vc"]
    _check_name(name)

    def refused(error: GatewayError) -> GatewayError:
        if error.kind is Kind.CONFLICT:
            message = f"Virtual cluster {name} has running jobs and cannot be removed."
            return _forbidden(message, "RemoveRunningVcError")
        return _unknown(name) if error.kind is Kind.NOT_FOUND else error

    def allowed(principal: Principal) -> Command[Queue]:
        _by_admin(principal)
        if name == DEFAULT_QUEUE:
            raise _forbidden("Don't allow to remove default vc.")
        return asked(DropQueue(name), refused, without_group)

    def without_group(queue: Queue) -> Command[Queue]:
        def next_of(groups: tuple[UserGroup, ...]) -> Command[Queue]:
            # Taken from it with the cluster; a group that grants nothing else goes as well.
            own = next((one for one in groups if one.name == name), None)
            if own is None or own.queues or own.admin:
                return Given(queue)
            return Then(DropGroup(name), lambda _none: Given(queue))

        return Then(ListUserGroups(), next_of)

    return Then(WhoAmI(), allowed)


def render_removed(queue: Queue, request: Request) -> Reply:
    """It is gone."""
    del request
    return said(f"Remove vc: {queue.name} successfully.", 201)


_STATUS: Mapping[str, QueueStatus] = {
    "running": QueueStatus.RUNNING,
    "stopped": QueueStatus.STOPPED,
}


def parse_status(request: Request) -> Command[Queue]:
    """A cluster drains, or takes jobs again."""
    name = request.params["vc"]
    _check_name(name)
    fields = Fields(body_object(request))
    fields.only(("vcStatus",))
    status = _STATUS.get(fields.text("vcStatus"))
    if status is None:
        raise fields.wrong("vcStatus", "must be one of [running, stopped]")

    def allowed(principal: Principal) -> Command[Queue]:
        _by_admin(principal)
        if name == DEFAULT_QUEUE:
            raise _forbidden("Don't allow to update default vc")
        return answered(SetQueueStatus(name, status), refused)

    def refused(error: GatewayError) -> GatewayError:
        return _unknown(name) if error.kind is Kind.NOT_FOUND else error

    return Then(WhoAmI(), allowed)


def render_status(queue: Queue, request: Request) -> Reply:
    """It is as it was asked to be."""
    del request
    return said(f"Update vc: {queue.name} to status: {queue.status.value} successfully.", 201)


def parse_nodes(request: Request) -> Command[None]:
    """The nodes."""
    del request
    return Hello()


def render_nodes(result: None, request: Request) -> Reply:
    """This one, and that it has no GPU."""
    del result, request
    return json_reply({_ADDRESS: {"gpuTotal": 0, "gpuUsed": 0, "gpuAvaiable": 0}})


def parse_units(request: Request) -> Command[None]:
    """Units of another scheduler."""
    del request
    raise PaiError(
        Kind.UNSUPPORTED,
        _NOT_HERE,
        400,
        "resource units are known to the HiveD scheduler alone",
    )


def render_units(result: None, request: Request) -> Reply:
    """Never sent: the route always refuses."""
    del result, request
    return json_reply({})
