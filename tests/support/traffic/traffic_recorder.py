"""Keeps what a gateway answers, once for each shape. Runs inside of the gateway that is tested."""

from __future__ import annotations

import os
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

MOST_BYTES = 1 << 17
MOST_SHAPES = 1000
MOST_LARGE = 20
WIDEST = 40
"""So much of a long list, or of a map of names, says what it is like."""


class Recorder:
    """Appends to a file of this process in a folder."""

    def __init__(self, folder: str) -> None:
        Path(folder).mkdir(exist_ok=True)
        self._path = Path(folder) / f"{os.getpid()}.jsonl"
        self._seen: set[object] = set()
        self._counts: dict[object, int] = {}
        self._large = 0

    def reply(self, hit: Hit, reply: Reply) -> None:
        """Takes a reply of a route."""
        media = reply.content_type.partition(";")[0].strip().lower()
        body = reply.body if isinstance(reply.body, bytes) else b""
        place = (hit.dialect.name, hit.route.method, hit.route.template, reply.status, media)
        value = None
        if media == "application/json" and 0 < len(body) <= MOST_BYTES:
            value = orjson.loads(body)
        self._keep(("reply", *place, bool(body)), value)

    def message(self, frame: Send) -> None:
        """Takes a message of a websocket. Of long ones, which are pages of lines, only a few."""
        if len(frame.frame) > MOST_BYTES:
            return
        if len(frame.frame) > MOST_BYTES >> 3:
            self._large += 1
            if self._large > MOST_LARGE:
                return
        data = frame.frame
        if isinstance(data, str) or frame.text:
            value = as_object(orjson.loads(data))
        else:
            value = as_object(decode_msgpack(data))
        verb = str(value.get("method", "")).rpartition("/")[2]
        self._keep(("message", verb), value)

    def _keep(self, place: tuple[object, ...], value: object) -> None:
        shape = (place, shape_of(value))
        if shape in self._seen or self._counts.get(place, 0) >= MOST_SHAPES:
            return
        self._seen.add(shape)
        self._counts[place] = self._counts.get(place, 0) + 1
        with self._path.open("ab") as file:
            file.write(orjson.dumps({"place": place, "value": value}, default=repr) + b"\n")


def shape_of(value: object) -> object:
    """What a value is like: the names of members, the kinds of items, the types of the rest."""
    if isinstance(value, dict):
        return tuple((str(name), shape_of(value[name])) for name in [*value][:WIDEST])
    if isinstance(value, list | tuple):
        return frozenset(map(shape_of, value[:WIDEST]))
    return type(value).__name__


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
