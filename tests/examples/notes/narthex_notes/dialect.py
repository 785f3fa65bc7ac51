"""The dialect: two addresses, in JSON, and no websocket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from narthex_notes.note import AddNote, ListNotes, Note
from protocol.dialect import Route
from protocol.errors import GatewayError, Kind
from protocol.http import Reply, Request
from protocol.media import decode_object, encode_json
from protocol.tasks import ByNumber

__all__ = ["NotesDialect"]

_STATUS = {Kind.UNAUTHENTICATED: 401, Kind.FORBIDDEN: 403, Kind.NOT_FOUND: 404, Kind.INTERNAL: 500}


class NotesDialect:
    """``GET`` and ``POST <mount>/tasks/<number>/notes``."""

    name = "notes"
    cookie = ""

    def __init__(self, settings: Mapping[str, object]) -> None:
        del settings  # its mount is the switchboard's affair
        path = "/tasks/{number}/notes"
        self.routes: Sequence[Route[Any]] = (
            Route("POST", path, _parse_add, lambda note, request: _render_list((note,), request)),
            Route("GET", path, lambda request: ListNotes(_task(request)), _render_list),
        )

    def credential(self, headers: Mapping[str, str]) -> None:
        """No headers of its own."""

    def refuse(self, error: GatewayError, request: Request) -> Reply:
        """The sentence, and a status."""
        del request
        return Reply(_STATUS.get(error.kind, 400), encode_json({"error": error.message}))


def _task(request: Request) -> ByNumber:
    number = request.params["number"]
    if not (number.isascii() and number.isdecimal() and len(number) < 16):
        raise GatewayError(Kind.NOT_FOUND, "there is no such task")
    return ByNumber(int(number))


def _parse_add(request: Request) -> AddNote:
    text = decode_object(request.body).get("text")
    if not isinstance(text, str):
        raise GatewayError(Kind.INVALID, "text must be a text", field="text")
    return AddNote(_task(request), text)


def _render_list(notes: Sequence[Note], _request: Request) -> Reply:
    return Reply(200, encode_json([{"at": note.at_ms, "text": note.text} for note in notes]))
