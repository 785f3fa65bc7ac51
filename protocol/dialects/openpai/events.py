"""Events of a job: what this node does not do of what it asks for, and what happened to its tasks.

Contract 1.9 and 5.4: what is not acted on is said in an event, never silently.
"""

from __future__ import annotations

from collections.abc import Sequence

from protocol.control import EventPage
from protocol.errors import GatewayError
from protocol.groups import Group
from protocol.media import JsonObject

__all__ = ["event_rows"]


def event_rows(group: Group, pages: Sequence[EventPage | GatewayError]) -> list[JsonObject]:
    """Warnings first, then the events of all tasks by time. Tasks without a page are left out."""
    rows: list[JsonObject] = []
    for one in pages:
        if isinstance(one, GatewayError):
            continue
        for event in one.events:
            role, index = one.task.client.get("role"), one.task.client.get("index")
            rows.append(
                {
                    **_row(group, f"{one.task.id}-{event.number}", event.at_ms),
                    "taskRoleName": role if isinstance(role, str) else None,
                    "taskIndex": index if isinstance(index, int) else None,
                    "reason": event.event,
                    "message": event.reason,
                }
            )
    rows.sort(key=lambda row: str(row["firstTimestamp"]).zfill(20))
    return [*_warnings(group), *rows]


def _warnings(group: Group) -> Sequence[JsonObject]:
    found = group.client.get("warnings")
    texts = [str(one) for one in found] if isinstance(found, list) else []
    if group.client.get("impossible"):
        texts.insert(0, str(group.client["impossible"]))
    return [
        {
            **_row(group, f"{group.id}-{number}", group.created_ms),
            "type": "Warning",
            "reason": "NotSupported",
            "message": text,
        }
        for number, text in enumerate(texts)
    ]


def _row(group: Group, uid: str, at_ms: int) -> JsonObject:
    return {
        "uid": uid,
        "frameworkName": group.name,
        "podUid": None,
        "taskroleName": None,
        "taskRoleName": None,
        "taskIndex": None,
        "type": "Normal",
        "reason": "",
        "message": "",
        "firstTimestamp": at_ms,
        "lastTimestamp": at_ms,
        "count": 1,
        "sourceComponent": "gateway",
        "sourceHost": "127.0.0.1",
    }
