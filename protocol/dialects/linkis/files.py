"""The calls below ``filesystem/`` on a user's own files and, by the same paths, on results.

Follows the contract, sections 6.3 to 6.5 and 8a. A user's root is ``file:///<user>``; a path
without a scheme counts from it. There is no HDFS here: its root is an empty folder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.message import Message
from typing import Any

from protocol.accounts import Principal
from protocol.charsets import charset_of, encoded
from protocol.command import Command
from protocol.commands.files import (
    CheckFile,
    ListFolder,
    MakeFolder,
    OpenFile,
    ReceiveFiles,
    RemoveFile,
    RenameFile,
    WriteFile,
)
from protocol.commands.login import Hello, WhoAmI
from protocol.commands.results import ListResults
from protocol.dialects.linkis.envelope import success
from protocol.dialects.linkis.fields import Fields
from protocol.dialects.linkis.results_export import attachment
from protocol.dialects.linkis.results_paths import results_ref
from protocol.dialects.linkis.scripts import put_together
from protocol.dialects.linkis.submission import body_of
from protocol.errors import GatewayError, Kind
from protocol.files import FileEntry, FilePath, Folder, OpenedFile, file_url
from protocol.http import Reply, Request
from protocol.media import as_object, decode_json

_HDFS = re.compile(r"hdfs:/*", re.ASCII)
_LONGEST_SHOWN = 200
_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,./:=?-]{1,70}")


def parse_root(_request: Request) -> WhoAmI:
    """Asks whose root it is."""
    return WhoAmI()


def render_root(principal: Principal, request: Request) -> Reply:
    """The root of the kind that was asked for."""
    if request.query.get("pathType", "file") == "hdfs":
        return success(request, "OK", {"userHDFSRootPath": f"hdfs:///{principal.name}"})
    return success(request, "OK", {"userLocalRootPath": f"file:///{principal.name}"})


def parse_tree(request: Request) -> Command[Any]:
    """The folder, or the directory of a task's results, that the path names."""
    path = request.query.get("path", "")
    if (ref := results_ref(path)) is not None:
        return ListResults(ref)
    return Hello() if _HDFS.match(path) else ListFolder(file_url(path))


def render_tree(found: Folder | None, request: Request) -> Reply:
    """What is in a folder of files, one level deep."""
    if found is None:
        path = request.query.get("path", "")
        tree = _node(path, path.rstrip("/").rpartition("/")[2], None, leaf=False, parent=None)
        return success(request, "OK", {"dirFileTrees": tree | {"children": []}})
    root = _entry_node(found.entry, None)
    children = [_entry_node(child, str(root["path"])) for child in found.children]
    return success(request, "OK", {"dirFileTrees": root | {"children": children}})


def parse_save(request: Request) -> WriteFile:
    """A script with its variables and configuration."""
    fields = body_of(request)[0]
    path = file_url(fields.needed("path"))
    params = fields.values.get("params")
    if isinstance(params, str):
        # The web clients send an object as the text of one.
        params = decode_json(params) if params.strip() else None
    shown = Fields(as_object(params) if params is not None else {}, "params.")
    text = put_together(path, fields.text("scriptContent"), shown)
    codec = charset_of(fields.text("charset"), fields.path("charset"))
    return WriteFile(path, encoded(text, codec, fields.path("charset")))


def render_done(_result: object, request: Request) -> Reply:
    """It is done, and there is no more to say."""
    return success(request, "OK", {})


def parse_check(request: Request) -> CheckFile:
    """The path whose existence is asked for."""
    return CheckFile(file_url(request.query.get("path", "")))


def render_exists(found: FileEntry | None, request: Request) -> Reply:
    """Whether it is there."""
    return success(request, "OK", {"isExist": found is not None})


def render_info(found: FileEntry | None, request: Request) -> Reply:
    """What is known of it."""
    if found is None:
        path = request.query.get("path", "")[:_LONGEST_SHOWN]
        raise GatewayError(
            Kind.NOT_FOUND, f"there is no such file or folder: {path!r}", field="path"
        )
    data: dict[str, object] = {
        "path": _text(found.path),
        "name": found.name,
        "isLeaf": not found.folder,
        "size": found.size,
        "modifytime": found.modified_ms,
    }
    return success(request, "OK", data)


def parse_new_folder(request: Request) -> MakeFolder:
    """A folder that is to be made."""
    return MakeFolder(file_url(body_of(request)[0].needed("path")))


def parse_new_file(request: Request) -> WriteFile:
    """An empty file that is to be made."""
    return WriteFile(file_url(body_of(request)[0].needed("path")), b"", create=True)


def parse_rename(request: Request) -> RenameFile:
    """The old path and the new one."""
    fields = body_of(request)[0]
    return RenameFile(
        file_url(fields.needed("oldDest"), "oldDest"), file_url(fields.needed("newDest"), "newDest")
    )


def parse_remove(request: Request) -> RemoveFile:
    """The file or folder that is to go."""
    return RemoveFile(file_url(body_of(request)[0].needed("path")))


def parse_upload(request: Request) -> ReceiveFiles:
    """Files for a folder, whose path is in the query or in the form."""
    if request.chunks is None:
        raise GatewayError(Kind.UNSUPPORTED, "files can be sent over HTTP only")
    path = request.query.get("path", "")
    return ReceiveFiles(
        file_url(path) if path else None, request.chunks, _boundary(request.headers)
    )


def parse_download(request: Request) -> OpenFile:
    """The file in the query or in the body."""
    if request.websocket:
        raise GatewayError(Kind.UNSUPPORTED, "a file can be asked for over HTTP only")
    path = request.query.get("path", "")
    return OpenFile(file_url(path or body_of(request)[0].needed("path")))


def render_download(found: OpenedFile, request: Request) -> Reply:
    """The bytes, to be saved and never to be shown."""
    del request
    headers = attachment(found.entry.name)
    return Reply(200, found.chunks, "application/octet-stream", headers, length=found.entry.size)


def _text(path: FilePath) -> str:
    return "/".join(("file://", path.owner, *path.parts))


def _entry_node(entry: FileEntry, parent: str | None) -> dict[str, object]:
    properties = {"size": str(entry.size), "modifytime": str(entry.modified_ms)}
    name = entry.name or entry.path.owner
    return _node(_text(entry.path), name, properties, leaf=not entry.folder, parent=parent)


def _node(
    path: str, name: str, properties: dict[str, str] | None, *, leaf: bool, parent: str | None
) -> dict[str, object]:
    return {
        "name": name,
        "path": path,
        "properties": properties,
        "children": None,
        "isLeaf": leaf,
        "parentPath": parent,
    }


def _boundary(headers: Mapping[str, str]) -> str:
    message = Message()
    message["Content-Type"] = headers.get("content-type", "")
    boundary = message.get_boundary("")
    if message.get_content_type() != "multipart/form-data" or not _BOUNDARY.fullmatch(boundary):
        raise GatewayError(Kind.INVALID, "the body must be multipart/form-data")
    return boundary
