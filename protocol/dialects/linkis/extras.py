"""What a submit of ours may say besides the contract: name, tags, order, input, folder and so on.

An extension, beside ``executionCode``: ``taskName`` is a label for people, of which several tasks
may have the same; ``tags`` are words that are on the task from the beginning; ``queue`` names where
it waits, ``after`` the tasks whose end it waits for, ``startAt`` a time (ms, epoch) before which it
does not start; ``arguments`` are given to the program and ``stdin`` is what it reads; ``workdir``
is a folder among the files of the task's owner that it works in.
"""

from __future__ import annotations

import re
from dataclasses import replace

from protocol.commands.tasks import Execute
from protocol.dialects.linkis.exec_id import ExecIds
from protocol.dialects.linkis.fields import Fields, invalid
from protocol.errors import GatewayError
from protocol.files import file_url
from protocol.resources import Wants

__all__ = ["EXTRAS", "TASK_NAME", "with_extras", "words_of"]

TASK_NAME = "taskName"
"""The word of a task that has a name."""

EXTRAS = frozenset(
    {TASK_NAME, "tags", "queue", "after", "startAt", "arguments", "stdin", "workdir"}
)
"""The keys beside the code."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}", re.ASCII)
_MOST_WORDS = 64
_MOST_ARGUMENTS = 1000
_MOST_MS = 1 << 53
_LONGEST_FOLDER = 4096


def with_extras(execute: Execute, fields: Fields, user: str = "") -> Execute:
    """The command with what a body says of these; ``user`` is who asks.

    Raises:
        GatewayError: INVALID, with the field; NOT_FOUND for what is no id in ``after``.
    """
    changed: dict[str, object] = {}
    name = fields.text(TASK_NAME)
    if name:
        if not _NAME.fullmatch(name):
            fault = "must be a letter and up to 63 letters, digits or characters of ._-"
            raise invalid(fields.path(TASK_NAME), fault)
        changed["client"] = {**execute.client, TASK_NAME: name}
    tags = words_of(fields, "tags")
    if tags:
        changed["tags"] = tags
    queue = fields.text("queue")
    if queue:
        changed["wants"] = replace(execute.wants or Wants(), queue=queue)
    after = words_of(fields, "after")
    if after:
        ids = ExecIds("")
        changed["after"] = tuple(map(ids.ref, after))
    start = fields.values.get("startAt")
    if start is not None:
        changed["start_at_ms"] = _time(fields, start)
    arguments = _texts(fields, "arguments", _MOST_ARGUMENTS)
    parameters: dict[str, object] = {"arguments": list(arguments)} if arguments else {}
    if fields.values.get("stdin") is not None:
        parameters["stdin"] = fields.text("stdin")
    folder = fields.text("workdir", longest=_LONGEST_FOLDER)
    if folder:
        changed["home"] = _folder(folder, fields.path("workdir"), execute.owner or user)
    if parameters:
        changed["parameters"] = {**execute.parameters, **parameters}
    return replace(execute, **changed) if changed else execute  # type: ignore[arg-type] # by name


def _folder(text: str, field: str, owner: str) -> str:
    """The names of a folder from the root of its owner; it may be nobody else's."""
    try:
        found = file_url(text, field)
    except GatewayError as error:
        raise GatewayError(error.kind, error.message, field=field) from error
    if not found.parts:
        raise invalid(field, "must name a folder below the root")
    if found.owner and owner and found.owner.lower() != owner.lower():
        raise invalid(field, "must be a folder of the task's owner")
    return "/".join(found.parts)


def words_of(fields: Fields, name: str) -> tuple[str, ...]:
    """A list of words, or words with commas between."""
    value = fields.values.get(name)
    if isinstance(value, str):
        words = [word for word in map(str.strip, value.split(",", _MOST_WORDS + 1)) if word]
        return _texts(Fields({name: list(words)}), name, _MOST_WORDS)
    return _texts(fields, name, _MOST_WORDS)


def _texts(fields: Fields, name: str, most: int) -> tuple[str, ...]:
    value = fields.values.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > most:
        raise invalid(fields.path(name), f"must be a list of at most {most} texts")
    texts = tuple(one for one in value if isinstance(one, str) and "\0" not in one)
    if len(texts) < len(value):
        raise invalid(fields.path(name), "must be a list of texts without NUL characters")
    return texts


def _time(fields: Fields, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_MS:
        raise invalid(fields.path("startAt"), "must be a time in ms since the epoch")
    return value
