"""A question to the gateway as a value: which request to make and how to read the reply.

No I/O: both clients carry out the same calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import quote

from gateway.client import reading
from gateway.client.errors import ClientError, refused
from gateway.client.reading import Document

__all__ = ["ENTRANCE", "ROOT", "SECONDS", "Call", "Reply", "task_path"]

ROOT = "/api/rest_j/v1"
ENTRANCE = f"{ROOT}/entrance"
SECONDS = 30.0
"""The deadline of a request that does not wait for anything."""
_BAD = 400

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer as it came."""

    code: int
    body: bytes
    cookies: Mapping[str, str] = field(default_factory=dict)
    retry_after: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """One HTTP request: ``seconds`` is the deadline for the whole of it.

    The answer to a ``raw`` one is bytes and has no envelope, unless it is a refusal.
    """

    method: str
    path: str
    read: Callable[[Document, Reply], T_co]
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = SECONDS
    raw: bool = False
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def parse(self, reply: Reply) -> T_co:
        """What was asked for; raises ClientError if the gateway refused."""
        if self.raw and reply.code < _BAD:
            return self.read({}, reply)
        try:
            document = reading.decode(reply.body)
        except ClientError as error:
            words = f"what answers there is no gateway: HTTP {reply.code} without an envelope"
            raise refused(words, code=reply.code, retry_after=reply.retry_after) from error
        number = document.get("status")
        if number != 0 or reply.code >= _BAD:
            raise refused(
                reading.refusal(document) or f"HTTP {reply.code}",
                status=number if isinstance(number, int) else 1,
                code=reply.code,
                retry_after=reply.retry_after,
                number=reading.error_number(document),
                field=reading.error_field(document),
            )
        return self.read(reading.section(document, "data"), reply)


def task_path(task: str, verb: str) -> str:
    """Where something is asked of a task."""
    return f"{ENTRANCE}/{quote(task, safe=':')}/{verb}"
