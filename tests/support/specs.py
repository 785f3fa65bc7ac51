"""Specs of tasks for tests: only what a test names differs from the rest."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator, Mapping

from gateway.stores.spec import TaskSpec
from protocol.tasks import TaskId

__all__ = ["LATER_MS", "NOW_MS", "make_spec", "task_id_at"]

NOW_MS = 1_700_000_000_000
LATER_MS = 4_000_000_000_000

_numbers: Iterator[int] = itertools.count(1)


def task_id_at(time_ms: int = NOW_MS) -> TaskId:
    """A fresh version 7 UUID made at a time."""
    random = uuid.uuid4().int & ((1 << 62) - 1)
    return TaskId(str(uuid.UUID(int=time_ms << 80 | 7 << 76 | 2 << 62 | random)))


def make_spec(  # noqa: PLR0913  # a test names the few that it is about
    owner: str = "ann",
    number: int = 0,
    *,
    name: str = "",
    code: str = "true",
    dialect: str = "",
    created_ms: int = NOW_MS,
    expires_ms: int = LATER_MS,
    request_id: str = "",
    body_hash: str = "",
    client: Mapping[str, object] | None = None,
) -> TaskSpec:
    """A spec with a fresh id and, if none is given, a fresh number."""
    return TaskSpec(
        task_id=task_id_at(created_ms),
        number=number or next(_numbers),
        owner=owner,
        engine="shell",
        language="shell",
        code=code,
        created_ms=created_ms,
        expires_ms=expires_ms,
        name=name,
        dialect=dialect,
        client=client or {},
        request_id=request_id,
        body_hash=body_hash,
    )
