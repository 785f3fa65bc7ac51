"""Keeps what a gateway answers, once for each shape. Runs inside of the gateway that is tested."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from gateway.transport.http import HttpHandler
from gateway.transport.outbox import Outbox
from gateway.transport.sanic_adapter import Exchange, Head
from gateway.transport.switchboard import Hit
from protocol.dialect import Send
from protocol.http import Reply
from protocol.media import as_object, decode_msgpack

__all__ = ["install"]

# This folder is on the path of a gateway, and the packages of the tests are not.
shape_of: Callable[[object], object] = importlib.import_module("shapes").shape_of
MOST_BYTES = 1 << 17
MOST_SHAPES = 1000
MOST_LARGE = 20
VERB = re.compile(r'"method": ?"[^"]*/(\w+)"')
ALWAYS = 300
SELDOM = 16
"""After so many replies of one kind without anything new, one in so many is looked at."""


class Recorder:
    """Appends to a file of this process in a folder."""

    def __init__(self, folder: str) -> None:
        self._path = Path(folder) / f"{os.getpid()}-{time.monotonic_ns()}.jsonl"
        self._seen: set[object] = set()
        self._counts: dict[object, int] = {}
        self._dull: dict[object, int] = {}
        self._large = 0

    def reply(self, hit: Hit, reply: Reply) -> None:
        """Takes a reply of a route."""
        media = reply.content_type.partition(";")[0].strip().lower()
        body = reply.body if isinstance(reply.body, bytes) else b""
        place = (hit.dialect.name, hit.route.method, hit.route.template, reply.status, media)
        if self._skips(place):
            return
        value = None
        if media == "application/json" and 0 < len(body) <= MOST_BYTES:
            value = orjson.loads(body)
        self._keep(place, ("reply", *place, bool(body)), value)

    def message(self, frame: Send) -> None:
        """Takes a message of a websocket. Of long ones, which are pages of lines, only a few."""
        if len(frame.frame) > MOST_BYTES:
            return
        if len(frame.frame) > MOST_BYTES >> 3:
            self._large += 1
            if self._large > MOST_LARGE:
                return
        data = frame.frame
        kind = verb_at_sight(data)
        if kind and self._skips(kind):
            return
        if isinstance(data, str) or frame.text:
            value = as_object(orjson.loads(data))
        else:
            value = as_object(decode_msgpack(data))
        verb = str(value.get("method", "")).rpartition("/")[2]
        self._keep(kind, ("message", verb), value)

    def _skips(self, kind: object) -> bool:
        """Whether this one need not be looked at; floods are of one kind."""
        dull = self._dull[kind] = self._dull.get(kind, 0) + 1
        return dull > ALWAYS and dull % SELDOM != 0

    def _keep(self, kind: object, place: tuple[object, ...], value: object) -> None:
        shape = (place, shape_of(value))
        if shape in self._seen or self._counts.get(place, 0) >= MOST_SHAPES:
            return
        self._seen.add(shape)
        self._counts[place] = self._counts.get(place, 0) + 1
        self._dull[kind] = 0
        record = orjson.dumps({"place": place, "value": value}, default=repr) + b"\n"
        # Tests let files, descriptors and disks be used up: what cannot be kept is let go.
        with contextlib.suppress(OSError):
            opened = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
            try:
                os.write(opened, record)
            finally:
                os.close(opened)


def verb_at_sight(data: str | bytes) -> str:
    """The verb of a message, if its method stands where it mostly does; else empty."""
    head = data[:400] if isinstance(data, str) else data[:400].decode("latin-1")
    found = VERB.search(head)
    return found[1] if found else ""


def install(folder: str) -> None:
    """Has this process keep what it answers."""
    recorder = Recorder(folder)
    routed, put = HttpHandler._routed, Outbox.put

    async def answered(
        handler: HttpHandler, exchange: Exchange, head: Head, hit: Hit, host: str
    ) -> Reply:
        reply = await routed(handler, exchange, head, hit, host)
        recorder.reply(hit, reply)
        return reply

    def sent(outbox: Outbox, frame: Send) -> None:
        recorder.message(frame)
        put(outbox, frame)

    changed: Any = HttpHandler
    changed._routed = answered
    changed = Outbox
    changed.put = sent
