"""The messages of the websocket, both ways: what is asked and how an answer is taken apart.

Follows the Linkis entrance contract and our subscribe extension. No I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import orjson

from gateway.client import reading
from gateway.client.call import ENTRANCE, task_path
from gateway.client.reading import Document
from gateway.client.submission import Submission, body_of

__all__ = [
    "SOCKET_PATH",
    "Message",
    "ack_frame",
    "execute_frame",
    "parse_message",
    "subscribe_frame",
]

# Without resume: what is pushed to a browser of the same user is not taken away from it.
SOCKET_PATH = "/ws/api/entrance/connect?resume=false"


@dataclass(frozen=True, slots=True)
class Message:
    """A websocket message, taken apart: ``verb`` is the last word of its method."""

    verb: str
    exec_id: str
    status: int
    text: str
    data: Document


def execute_frame(submission: Submission) -> str:
    """The message that submits code; the request id serves as its tag too."""
    data, tag = body_of(submission), submission.request_id
    return _frame(f"{ENTRANCE}/execute", data, tag, submission.trace)


def subscribe_frame(
    task: str, line: int, part: int, *, partial: bool = False, credit: int = 0
) -> str:
    """The message that asks for all lines from ``line`` on, as they come.

    ``part`` is the first part wanted of a long line, 0 for the whole of it. ``partial`` asks for
    glimpses of the line that has not ended; ``credit`` is how many lines may come ahead of the
    last ``ack_frame``, 0 for any number.
    """
    data: dict[str, object] = {"fromLine": line, "format": "lines", "text": "raw"}
    if part:
        data["fromPart"] = part
    if partial:
        data["partial"] = True
    if credit:
        data["credit"] = credit
    return _frame(task_path(task, "subscribe"), data)


def ack_frame(task: str, line: int, part: int) -> str:
    """The message that says that all before ``line``, and its first ``part`` parts, are done."""
    data: dict[str, object] = {"line": line, "part": part} if part else {"line": line - 1}
    return _frame(task_path(task, "ack"), data)


def parse_message(frame: str | bytes) -> Message:
    """Takes a websocket message apart."""
    document = reading.decode(frame)
    method = reading.text(document, "method", "").rstrip("/")
    head, _, verb = method.rpartition("/")
    return Message(
        verb,
        unquote(head.rpartition("/")[2]),
        reading.number(document, "status", 0) if document.get("status") != -1 else -1,
        reading.refusal(document),
        reading.section(document, "data"),
    )


def _frame(
    method: str, data: Mapping[str, object], tag: str = "", trace: Mapping[str, str] | None = None
) -> str:
    envelope: dict[str, object] = {"method": method, "data": data, **(trace or {})}
    if tag:
        envelope["websocketTag"] = tag
    return orjson.dumps(envelope).decode()
