"""Files of users: listed, read, put, made executable and removed.

OAR document, *GET /media/ls/<file_path>* and those that follow it. A path is taken as absolute. The
home of who asks is ``~`` or ``/home/<user>``; there is nothing else below which a file could be,
and what a path may hold and how it is walked is the core's affair.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from email.message import Message
from typing import Any, TypeVar
from urllib.parse import quote

from protocol.command import Command, Reworded, Then
from protocol.commands.files import (
    ChangeMode,
    CheckFile,
    ListFolder,
    OpenFile,
    ReadTail,
    ReceiveFile,
    RemoveFile,
)
from protocol.control import OpenedOutput
from protocol.dialect import Route
from protocol.dialects.oar.collection import link, unpaged
from protocol.dialects.oar.faults import STATUS, OarError, bad_query, missing, not_found
from protocol.dialects.oar.formats import Answer, address, chosen, hash_of, now_of, reply_of
from protocol.dialects.oar.job_output import output_at
from protocol.dialects.oar.pages.form_token import check_form
from protocol.errors import GatewayError, Kind, Subject
from protocol.file_modes import read_mode
from protocol.files import FileContent, FileEntry, FilePath, Folder, OpenedFile, file_path
from protocol.http import Reply, Request
from protocol.media import JsonObject, JsonValue

__all__ = ["media_routes"]

R = TypeVar("R")

MOST_LINES = 100_000
"""How many lines of a file are told at once."""

_BYTES = "application/octet-stream"
_FORM = "multipart/form-data"
_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,./:=?-]{1,70}", re.ASCII)
_LINES = re.compile(r"[0-9]{1,9}", re.ASCII)
_FORMATS = (".yaml", ".json", ".html")
_HIDDEN = "."


def media_routes(base: str) -> Iterator[Route[Any]]:
    """The rows below a mount. A row whose name is literal comes before the one of all paths."""
    media, rest = f"{base}/media", "{path...}"
    yield Route("GET", f"{media}/ls/{rest}", _formatted(parse_list), render_list)
    for path, parse in ((f"{media}/force/{rest}", parse_force), (f"{media}/{rest}", parse_put)):
        if parse is parse_put:
            yield Route("POST", f"{media}/chmod/{rest}", _formatted(parse_mode), render_accepted)
        yield Route("POST", path, _formatted(parse), render_put, streams=True)
    yield Route("GET", f"{media}/{rest}", _formatted(parse_get), render_get)
    yield Route("DELETE", f"{media}/{rest}", _formatted(parse_delete), render_deleted)


def parse_list(request: Request) -> Command[Folder]:
    """Asks what is in a folder."""
    return _worded(ListFolder(_place(request)), "Path", request)


def render_list(folder: Folder, request: Request) -> Reply:
    """All that is not hidden, by name."""
    shown = (entry for entry in folder.children if not entry.name.startswith(_HIDDEN))
    items: list[JsonValue] = [_item(entry) for entry in sorted(shown, key=_name)]
    return reply_of(Answer(unpaged(items, request)), request, "GET")


def parse_get(request: Request) -> Command[Any]:
    """Asks for the bytes of a file, or for its last lines; also of one that a job prints into."""
    path = _place(request)
    text = request.query.get("tail", "")
    lines = int(text) if _LINES.fullmatch(text) else 0
    lines = min(lines, MOST_LINES)

    def further(found: FileEntry | None) -> Command[Any]:
        if found is None:
            return output_at(path, lines, request)
        return ReadTail(path, lines) if lines else OpenFile(path)

    return _worded(Then(CheckFile(path), further), "File", request)


def render_get(found: OpenedFile | FileContent | OpenedOutput, request: Request) -> Reply:
    """The bytes, to be saved and never to be shown."""
    del request
    headers = {"X-Content-Type-Options": "nosniff", "Allow": "GET, POST, DELETE"}
    if isinstance(found, FileContent):
        return Reply(200, found.data, _BYTES, headers)
    if isinstance(found, OpenedOutput):
        return Reply(200, found.chunks, _BYTES, headers, length=found.length)
    return Reply(200, found.chunks, _BYTES, headers, length=found.entry.size)


def parse_put(request: Request) -> Command[FileEntry]:
    """Asks for a file that is not there yet."""
    return _received(request, create=True)


def parse_force(request: Request) -> Command[FileEntry]:
    """Asks for a file, whatever is there."""
    return _received(request, create=False)


def render_put(entry: FileEntry, request: Request) -> Reply:
    """That it is there, and where."""
    path = _written(entry.path, request)
    value: JsonObject = {
        "status": "created",
        "success": "true",
        "links": [link("self", address(request, f"/media{path}"))],
        "api_timestamp": now_of(request),
    }
    return reply_of(Answer(value, 201, headers={"Location": f"media{path}"}), request)


def parse_mode(request: Request) -> Command[FileEntry]:
    """Asks for other permissions."""
    path = _place(request)
    mode = hash_of(request, "chmod").get("mode")
    if mode is None or mode == "":
        raise missing("A chmod needs a mode")
    if isinstance(mode, bool) or not isinstance(mode, str | int):
        raise bad_query("a mode is three octal digits, or who gets what, such as 'a+x'")
    return _worded(ChangeMode(path, read_mode(str(mode))), "File", request)


def render_accepted(_entry: FileEntry, _request: Request) -> Reply:
    """It was done, and there is no more to say."""
    return Reply(202, b"", "")


def parse_delete(request: Request) -> Command[None]:
    """Asks for a file to go, or for a folder with all that is in it."""
    return _worded(RemoveFile(_place(request)), "File", request)


def render_deleted(_nothing: None, _request: Request) -> Reply:
    """It is gone, and there is no more to say."""
    return Reply(204, b"", "")


def _formatted(parse: Callable[[Request], Command[R]]) -> Callable[[Request], Command[R]]:
    """Refuses what names no format first; the end of the file's name may be one."""

    def checked(request: Request) -> Command[R]:
        if not request.path.endswith(_FORMATS):
            chosen(request)
        check_form(request)
        return parse(request)

    return checked


def _received(request: Request, *, create: bool) -> Command[FileEntry]:
    path = _place(request)
    if not path.parts:
        raise _forbidden("A file needs a name")
    message = Message()
    message["Content-Type"] = request.headers.get("content-type", "")
    kind, boundary = message.get_content_type(), ""
    if kind == _FORM:
        boundary = message.get_boundary("")
        if not _BOUNDARY.fullmatch(boundary):
            raise bad_query("The form has no boundary")
    elif kind != _BYTES:
        raise OarError(
            Kind.UNSUPPORTED, "Bad content type", f"A file is sent as {_BYTES} or {_FORM}"
        )
    if request.chunks is None:
        raise missing("A file needs a body")
    return _worded(ReceiveFile(path, request.chunks, boundary, create), "File", request)


def _place(request: Request) -> FilePath:
    """The place below the caller's home that a path names.

    Raises:
        OarError: 403 for any other, and for what no file can be called.
    """
    names = request.params["path"].split("/")
    if names[0] == "~":
        below = names[1:]
    elif names[:1] == ["home"] and names[1:2] == [request.user]:
        below = names[2:]
    else:
        raise _forbidden(f"{_shown(request)} is not below your home")
    try:
        return file_path("", "/".join(below))
    except GatewayError as error:
        raise _forbidden(error.message) from error


def _worded(command: Command[R], what: str, request: Request) -> Command[R]:
    """The command, whose refusals are told with the path as it was asked for."""

    def words(error: GatewayError) -> GatewayError:
        match error.kind:
            case Kind.NOT_FOUND:
                return not_found("Not found", f"{what} not found: {_shown(request)}", Subject.FILE)
            case Kind.CONFLICT:
                return _forbidden("File already exists")
            case Kind.INVALID if not request.params.get("path", "").strip("~/"):
                return _forbidden("This cannot be done with a home itself")
            case _:
                return error

    return Reworded(command, words)


def _forbidden(message: str) -> OarError:
    return OarError(Kind.FORBIDDEN, "Forbidden", message, STATUS[Kind.FORBIDDEN], Subject.FILE)


def _shown(request: Request) -> str:
    return f"/{request.params['path']}"[:200]


def _written(path: FilePath, request: Request) -> str:
    names = ("~", *path.parts)
    del request
    return "".join(f"/{quote(name, safe='~')}" for name in names)


def _item(entry: FileEntry) -> JsonObject:
    return {
        "name": entry.name,
        "type": "d" if entry.folder else "f",
        "mode": entry.mode,
        "size": None if entry.folder else entry.size,
        "mtime": entry.modified_ms // 1000,
    }


def _name(entry: FileEntry) -> str:
    return entry.name
