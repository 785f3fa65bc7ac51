"""Filters, order and pages of job lists: the query of ``GET /api/v2/jobs``.

Contract 1.7, K3. The first generation knows ``username`` alone; the others do no harm there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from protocol.dialects.openpai.faults import bad_parameters
from protocol.http import Request
from protocol.media import JsonObject, JsonValue

__all__ = ["ListQuery", "page", "read_list_query"]

_MOST = 50_000
_DEFAULT = 5_000
_LONGEST = 9
_ORDERS = {
    "jobName": "name",
    "submissionTime": "submissionTime",
    "username": "username",
    "vc": "virtualCluster",
    "retries": "retries",
    "totalTaskNumber": "totalTaskNumber",
    "totalGpuNumber": "totalGpuNumber",
    "state": "state",
    "completionTime": "completedTime",
    "jobPriority": "jobPriority",
}


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What of a list is asked for; what is empty fits anything."""

    users: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    not_tags: tuple[str, ...] = ()
    keyword: str = ""
    order: str = "submissionTime"
    ascending: bool = False
    limit: int = _DEFAULT
    offset: int = 0
    count: bool = False


def read_list_query(request: Request) -> ListQuery:
    """The query of a request.

    Raises:
        PaiError: InvalidParametersError.
    """
    query = request.query
    field, _, direction = query.get("order", "submissionTime,DESC").partition(",")
    if field not in _ORDERS or direction.upper() not in {"", "ASC", "DESC"}:
        raise bad_parameters('"order" must be a field and ASC or DESC')
    limit = _number(query.get("limit"), "limit", _DEFAULT)
    if limit > _MOST:
        raise bad_parameters(f"Limit exceeds max number {_MOST}.")
    return ListQuery(
        users=_words(query.get("username", "")),
        queues=_words(query.get("vc", "")),
        states=_words(query.get("state", "")),
        priorities=_words(query.get("jobPriority", "")),
        tags=_words(query.get("tagsContain", "")),
        not_tags=_words(query.get("tagsNotContain", "")),
        keyword=query.get("keyword", ""),
        order=field,
        ascending=direction.upper() == "ASC",
        limit=limit,
        offset=_number(query.get("offset"), "offset", 0),
        count=query.get("withTotalCount", "") == "true",
    )


def page(query: ListQuery, rows: Sequence[JsonObject]) -> JsonValue:
    """The rows that fit, ordered and cut as the query asks."""
    found = [one for one in rows if _fits(query, one)]
    found.sort(key=_key(_ORDERS[query.order]), reverse=not query.ascending)
    shown: list[JsonValue] = list(found[query.offset : query.offset + query.limit])
    return {"totalCount": len(found), "data": shown} if query.count else shown


def _fits(query: ListQuery, row: JsonObject) -> bool:
    found = row["tags"]
    tags = found if isinstance(found, list) else []
    return (
        (not query.users or row["username"] in query.users)
        and (not query.queues or row["virtualCluster"] in query.queues)
        and (not query.states or row["state"] in query.states)
        and (not query.priorities or row["jobPriority"] in query.priorities)
        and (not query.tags or any(one in tags for one in query.tags))
        and not any(one in tags for one in query.not_tags)
        and any(query.keyword in str(row[name]) for name in ("name", "username", "virtualCluster"))
    )


def _key(name: str) -> Callable[[JsonObject], tuple[bool, float, str]]:
    """Orders numbers as numbers and what is not there first."""

    def key(row: JsonObject) -> tuple[bool, float, str]:
        value = row.get(name)
        if isinstance(value, int | float):
            return (True, value, "")
        return (value is not None, 0.0, "" if value is None else str(value))

    return key


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


def _number(text: str | None, name: str, default: int) -> int:
    if text is None or text == "":
        return default
    if not text.isascii() or not text.isdigit() or len(text) > _LONGEST:
        raise bad_parameters(f'"{name}" must be a number larger than or equal to 0')
    return int(text)
