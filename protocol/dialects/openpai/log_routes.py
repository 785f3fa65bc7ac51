"""Logs of tasks at the addresses that job documents name, for clients that know nothing else.

Contract 4.4, *log URLs*: the folder itself lists what is in it, and the names that clients append
give plain text, by byte offset from either end. Who is logged in is told addresses that hold a
proof, so that a browser and a client without a token can follow them for an hour.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from protocol.command import Command, Then
from protocol.commands.control import ReadOutput
from protocol.commands.links import CheckLink
from protocol.commands.logs import LogRead
from protocol.commands.results import ReadWholeLog
from protocol.control import OpenedOutput, Stream
from protocol.dialects.openpai.bodies import json_reply
from protocol.dialects.openpai.documents import log_folder, tries
from protocol.dialects.openpai.faults import PaiError, bad_parameters
from protocol.dialects.openpai.job_routes import (
    Shown,
    found_member,
    log_scope,
    reading,
    showing,
)
from protocol.errors import Kind, Subject
from protocol.groups import Attempt, Group, MemberState
from protocol.http import Reply, Request
from protocol.media import JsonValue
from protocol.tasks import ById

__all__ = ["parse_folder", "parse_linked_log", "parse_log", "render_folder", "render_log"]

_NAMES = {"user.pai.stdout": Stream.OUT, "user.pai.stderr": Stream.ERR, "user.pai.all": None}
_PROOF = "~"
"""What a proof in an address begins with."""
_TAIL = 16_384
_LONGEST = 15
_TEXT = "text/plain; charset=utf-8"


def _no_log() -> PaiError:
    return PaiError(
        Kind.NOT_FOUND, "NoTaskLogError", 404, "Log of task is not found.", Subject.TASK
    )


def parse_folder(request: Request) -> Command[Shown]:
    """The logs of a try of a task."""
    return showing(request, attempt=_number(request, "attempt") + 1)


def render_folder(shown: Shown, request: Request) -> Reply:
    """Where each of them is."""
    member, number, attempt = _found(shown.group, request)
    base = log_folder(shown.group, member, number, attempt, shown.place)
    tail = "?tail-mode=true" if request.query.get("tail-mode") == "true" else ""
    locations: list[JsonValue] = [
        {"name": name.rpartition(".")[2], "uri": f"{base}{name}{tail}"} for name in _NAMES
    ]
    return json_reply({"locations": locations})


def parse_log(request: Request) -> Command[Any]:
    """One log of a try, from ``start`` on: negative counts from the end.

    An address that proves something is a folder as well, for who is logged in anyway.
    """
    name = request.params["file"].rstrip("/")
    if name.startswith(_PROOF) and "/" not in name:
        return parse_folder(request)
    read = _reader(request, name)
    return reading(request, read, attempt=_number(request, "attempt") + 1)


def parse_linked_log(request: Request) -> Command[Any]:
    """The same by an address that proves that its reader may: a browser sends nothing else."""
    link = request.params["link"]
    if not link.startswith(_PROOF):
        raise _no_log()
    read = _reader(request, request.params["file"])

    def proven(group: Group) -> Command[Any]:
        return Then(CheckLink(log_scope(group), link.removeprefix(_PROOF)), lambda _: read(group))

    return reading(request, proven, attempt=_number(request, "attempt") + 1)


def _reader(request: Request, name: str) -> Callable[[Group], Command[Any]]:
    """What reads the log of that name, once its job is there."""
    if name not in _NAMES:
        raise _no_log()
    stream = _NAMES[name]
    first = _start(request)

    def read(group: Group) -> Command[Any]:
        task = ById(_found(group, request)[0].task_id)
        return ReadWholeLog(task) if stream is None else ReadOutput(task, stream, first)

    return read


def _found(group: Group, request: Request) -> tuple[MemberState, int, Attempt]:
    """The try that a request names, its number from 0, and the attempt of the job it was in."""
    found = found_member(group, request)
    number = _number(request, "try")
    if found is not None:
        member, attempt = found
        tried = tries(member)
        if number < len(tried) and tried[number].task is not None:
            return tried[number], number, attempt
    raise _no_log()


def render_log(result: OpenedOutput | LogRead | Shown, request: Request) -> Reply:
    """Its bytes, as plain text."""
    if isinstance(result, Shown):
        return render_folder(result, request)
    if isinstance(result, OpenedOutput):
        return Reply(200, result.chunks, _TEXT, length=result.length)
    data = b"".join(
        block.data if block.more else block.data + b"\n" for block in result.page.blocks
    )
    first = _start(request)
    return Reply(200, data[first:] if first else data, _TEXT)


def _number(request: Request, name: str) -> int:
    text = request.params[name]
    if not text.isascii() or not text.isdigit() or len(text) > _LONGEST:
        raise _no_log()
    return int(text)


def _start(request: Request) -> int:
    if request.query.get("tail-mode") == "true":
        return -_TAIL
    text = request.query.get("start", "0") or "0"
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > _LONGEST:
        raise bad_parameters('"start" must be an integer')
    return int(text)
