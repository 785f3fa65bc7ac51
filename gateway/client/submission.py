"""What is asked to be run, and the body that asks for it, over HTTP and by websocket alike.

Follows the Linkis entrance contract and our extensions of its ``execute``.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from os import PathLike, fspath
from pathlib import Path, PurePath
from typing import TypedDict, Unpack

from gateway.client.files import Source
from gateway.client.task_ref import TaskLike, task_text

__all__ = ["Asked", "Submission", "body_of", "submission_of"]

_FIRST: Mapping[str, str] = {"spark": "sql"}
"""The language of an engine whose name is none."""
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9_-]")


Inputs = (
    Mapping[str, str]
    | Mapping[str, bytes]
    | Mapping[str, Path]
    | Mapping[str, Source]
    | Sequence[str | PathLike[str]]
)
"""Files of a task: paths here, or names there with paths or bytes."""


class Asked(TypedDict, total=False):
    """What a task may have besides its code, by name, for ``execute``, ``run`` and ``stream``.

    ``engine`` is ``shell`` if none is named, and ``language`` that of the engine. ``session`` names
    one of the user's warm sessions of the engine; ``none`` is for a process of its own, which is
    also what Python code with ``args``, ``stdin`` or files gets. ``args`` are what its program is
    given besides the code, ``stdin`` is the text that it reads. ``env`` are variables of its
    environment, ``secrets`` such whose values are shown nowhere, ``conf`` settings of its engine.
    ``timeout`` and ``queue_timeout`` limit in seconds how long it may run and wait.

    ``name`` is a name for people, ``tags`` are words on it, and each of ``labels`` is a tag
    ``key=value``. It waits in ``queue`` for the end of the tasks in ``after`` and for the time
    ``start_at`` (a datetime, or ms since the epoch); with ``hold`` also until it is resumed.
    ``request_id`` makes a repetition of the call safe.

    ``workdir`` is a folder of the user's files that it works in. ``inputs`` are uploaded into it
    before: paths of files here, or a mapping of names there to paths or bytes. ``outputs`` are
    patterns of the files that ``fetch`` copies back. With either and no ``workdir`` it has a folder
    of its own, ``tasks/<request_id>``, that stays until it is removed.

    ``traceparent`` and ``tracestate`` say below which span its own hang, as W3C's trace context has
    them; they count while the gateway's tracing is on.
    """

    engine: str
    language: str
    session: str
    args: Sequence[str]
    stdin: str | None
    env: Mapping[str, str] | None
    secrets: Mapping[str, str] | None
    conf: Mapping[str, str] | None
    timeout: float
    queue_timeout: float
    name: str
    tags: Sequence[str]
    labels: Mapping[str, str] | None
    queue: str
    after: Sequence[TaskLike]
    start_at: datetime | int
    hold: bool
    request_id: str
    workdir: str
    inputs: Inputs
    outputs: Sequence[str]
    traceparent: str
    tracestate: str


@dataclass(frozen=True, slots=True)
class Submission:
    """Code that is to be run; the same request id again gives the same task: a retry is safe.

    ``push`` asks a websocket for the task's changes of state and progress besides its lines.
    ``session`` names a warm session, ``none`` a process of its own; empty is the engine's default.
    ``hold`` keeps it from being started until it is resumed. ``env`` are variables of its
    environment, ``secrets`` such whose values are kept in the task alone, ``conf`` settings of
    its engine. ``seconds`` limits its running time, ``queue_seconds`` its time before the start,
    0 for the gateway's limit and for none. The rest is as in ``Asked``.
    """

    engine: str
    language: str
    code: str
    request_id: str
    push: bool = True
    session: str = ""
    hold: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    conf: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    queue_seconds: float = 0.0
    name: str = ""
    tags: tuple[str, ...] = ()
    queue: str = ""
    after: tuple[str, ...] = ()
    start_at_ms: int = 0
    arguments: tuple[str, ...] = ()
    stdin: str | None = None
    workdir: str = ""
    inputs: tuple[tuple[str, Source], ...] = field(default=(), repr=False)
    outputs: tuple[str, ...] = ()
    traceparent: str = ""
    tracestate: str = ""

    @property
    def trace(self) -> dict[str, str]:
        """Its place in a trace: headers of HTTP, members of a message."""
        found = {"traceparent": self.traceparent, "tracestate": self.tracestate}
        return {name: value for name, value in found.items() if value}


def submission_of(code: str, *, push: bool = True, **asked: Unpack[Asked]) -> Submission:
    """The submission that somebody asks for; each has a request id, so that it may be repeated.

    Raises:
        Invalid: a task to wait for is none.
        TypeError: there is a name that no task may have.
    """
    if unknown := sorted(set(asked) - Asked.__optional_keys__):
        known = ", ".join(sorted(Asked.__optional_keys__))
        raise TypeError(f"a task has no {unknown[0]!r}: it may have {known}")
    engine = asked.get("engine") or "shell"
    request_id = asked.get("request_id") or uuid.uuid4().hex
    files = bool(asked.get("inputs") or asked.get("outputs"))
    folder = asked.get("workdir", "")
    if files and not folder:
        folder = "tasks/" + _NOT_PLAIN.sub("_", request_id)
    alone = bool(folder or asked.get("args") or asked.get("stdin") is not None)
    language = asked.get("language") or _FIRST.get(engine, "")
    session = asked.get("session", "")
    if alone and not session and "python" in {engine, language}:
        session = "none"
    labels = asked.get("labels") or {}
    return Submission(
        engine,
        language,
        code,
        request_id,
        push=push,
        session=session,
        hold=asked.get("hold", False),
        env=asked.get("env") or {},
        secrets=asked.get("secrets") or {},
        conf=asked.get("conf") or {},
        seconds=asked.get("timeout", 0.0),
        queue_seconds=asked.get("queue_timeout", 0.0),
        name=asked.get("name", ""),
        tags=(*asked.get("tags", ()), *(f"{name}={value}" for name, value in labels.items())),
        queue=asked.get("queue", ""),
        after=tuple(map(task_text, asked.get("after", ()))),
        start_at_ms=_milliseconds(asked.get("start_at", 0)),
        arguments=tuple(asked.get("args", ())),
        stdin=asked.get("stdin"),
        workdir=folder,
        inputs=_named(asked.get("inputs", ())),
        outputs=tuple(asked.get("outputs", ())),
        traceparent=asked.get("traceparent", ""),
        tracestate=asked.get("tracestate", ""),
    )


def body_of(submission: Submission) -> dict[str, object]:
    """The body of an ``execute``."""
    extras: dict[str, object] = {
        "hold": submission.hold,
        "taskName": submission.name,
        "tags": list(submission.tags),
        "queue": submission.queue,
        "after": list(submission.after),
        "startAt": submission.start_at_ms,
        "arguments": list(submission.arguments),
        "workdir": submission.workdir,
    }
    body: dict[str, object] = {
        **{name: value for name, value in extras.items() if value},
        "executeApplicationName": submission.engine,
        "runType": submission.language or submission.engine,
        "executionCode": submission.code,
        "requestId": submission.request_id,
        "params": _params(submission),
        # What a person typed is run to the letter.
        "variables": False,
    }
    if submission.stdin is not None:
        body["stdin"] = submission.stdin
    return body if submission.push else body | {"push": False}


def _params(submission: Submission) -> dict[str, object]:
    """What the task may have, in the three maps of the contract: those that are needed."""
    special: dict[str, object] = {"session": submission.session} if submission.session else {}
    special |= {f"env.{name}": value for name, value in submission.env.items()}
    special |= {f"secret.{name}": value for name, value in submission.secrets.items()}
    runtime: dict[str, object] = {}
    if submission.seconds:
        runtime["timeout"] = submission.seconds
    if submission.queue_seconds:
        runtime["jobQueuingTimeout"] = submission.queue_seconds
    maps = {"startup": dict(submission.conf), "runtime": runtime, "special": special}
    configuration = {name: value for name, value in maps.items() if value}
    return {"configuration": configuration} if configuration else {}


def _named(inputs: Inputs) -> tuple[tuple[str, Source], ...]:
    """Each input with its name in the folder of the task."""
    if isinstance(inputs, Mapping):
        return tuple(inputs.items())
    if isinstance(inputs, str):
        inputs = (inputs,)
    return tuple((PurePath(fspath(path)).name, path) for path in inputs)


def _milliseconds(moment: datetime | int) -> int:
    """A time in ms since the epoch; one without a zone is of this place."""
    if isinstance(moment, datetime):
        return int(moment.timestamp() * 1000)
    return moment
