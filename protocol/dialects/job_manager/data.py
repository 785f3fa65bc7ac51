"""The data manager: files up and down, and what is known of them."""

from __future__ import annotations

import re
from email.message import Message

from protocol.commands.objects import (
    DataObject,
    DeleteData,
    DescribeData,
    OpenData,
    OpenedData,
    StoreData,
)
from protocol.dialects.job_manager.bodies import refused, said
from protocol.dialects.job_manager.words import seconds, uuid
from protocol.errors import GatewayError, Kind
from protocol.http import Reply, Request

__all__ = [
    "parse_describe",
    "parse_open",
    "parse_remove",
    "parse_store",
    "render_describe",
    "render_open",
    "render_remove",
    "render_store",
]

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{1,70}", re.ASCII)


def parse_store(request: Request) -> StoreData:
    """``POST /data``: the raw bytes of one file, or a form with one or more."""
    if request.chunks is None:
        raise GatewayError(Kind.UNSUPPORTED, "files are uploaded by an HTTP request")
    content_type = _header(request, "content-type")
    if content_type.get_content_type() == "multipart/form-data":
        return StoreData(request.chunks, boundary=_boundary(content_type))
    name = request.query.get("name") or _header(request, "content-disposition").get_filename()
    return StoreData(request.chunks, name=name or "")


def render_store(objects: tuple[DataObject, ...], request: Request, *, address: str) -> Reply:
    """201 with the file, or with the ids of several; files are found below ``address``."""
    del request
    if len(objects) != 1:
        return said(201, {"ids": [stored.id for stored in objects]})
    stored = objects[0]
    return said(201, _known(stored), {"Location": f"{address}/{stored.id}"})


def parse_open(request: Request) -> OpenData:
    """``GET`` and ``HEAD /data/<id>``, also ``?stream=stderr``; one range is honoured."""
    stream = request.query.get("stream", "stdout")
    if stream not in {"stdout", "stderr"}:
        raise GatewayError(Kind.INVALID, "stream must be stdout or stderr", field="stream")
    span = _span(request)
    first, last = span or (0, -1)
    return OpenData(_object(request), first, last, errors=stream == "stderr")


def render_open(opened: OpenedData, request: Request) -> Reply:
    """The bytes: all of them (200), a stretch (206) or none that were asked for (416)."""
    stored, ranged = opened.object, _span(request) is not None
    if ranged and opened.length == 0:
        return refused(
            416,
            Kind.INVALID,
            "the range lies behind the end",
            {"Content-Range": f"bytes */{stored.size}"},
        )
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="{stored.name}"',
        "X-Content-Type-Options": "nosniff",
    }
    if ranged:
        last = opened.offset + opened.length - 1
        headers["Content-Range"] = f"bytes {opened.offset}-{last}/{stored.size}"
    return Reply(
        206 if ranged else 200,
        opened.chunks,
        "application/octet-stream",
        headers,
        length=opened.length,
    )


def parse_describe(request: Request) -> DescribeData:
    """``GET /data/<id>/info``."""
    return DescribeData(_object(request))


def render_describe(stored: DataObject, request: Request) -> Reply:
    """All that is known of a file."""
    del request
    about = _known(stored) | {
        "created": seconds(stored.created_ms),
        "kind": "answer" if stored.answer else "upload",
    }
    if stored.answer:
        about["truncated"] = stored.truncated
    return said(200, about)


def parse_remove(request: Request) -> DeleteData:
    """``DELETE /data/<id>``."""
    return DeleteData(_object(request))


def render_remove(stored: DataObject, request: Request) -> Reply:
    """200 with the id of what is gone."""
    del request
    return said(200, {"id": stored.id})


def _known(stored: DataObject) -> dict[str, object]:
    return {
        "id": stored.id,
        "name": stored.name,
        "size": stored.size,
        "sha256": stored.sha256 or None,
    }


def _object(request: Request) -> str:
    return uuid(request.params["id"], "id")


def _header(request: Request, name: str) -> Message:
    """A header with parameters, readable: Content-Type and Content-Disposition share a grammar."""
    message = Message()
    value = request.headers.get(name)
    if value is not None:
        message[name] = value
    return message


def _boundary(content_type: Message) -> str:
    boundary = content_type.get_boundary("")
    if not _BOUNDARY.fullmatch(boundary):
        raise GatewayError(
            Kind.INVALID, "multipart/form-data without a usable boundary", field="Content-Type"
        )
    return boundary


def _span(request: Request) -> tuple[int, int] | None:
    """The stretch that is asked for, as OpenData wants it; None for the whole file.

    RFC 9110: a range that is not understood is ignored, as are several at once (a server may) and
    one that holds only if the file is what the client thinks, which we have no mark for.
    """
    found = _RANGE.fullmatch(request.headers.get("range", ""))
    if not found or "if-range" in request.headers:
        return None
    first, last = found.groups()
    if first and (not last or int(first) <= int(last)):
        return int(first), int(last) if last else -1
    if not first and last and int(last) > 0:
        return -int(last), -1
    return None
