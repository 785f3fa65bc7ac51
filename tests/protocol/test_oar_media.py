"""Media of the OAR dialect (contract, section 13): which command a request is, and its answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from protocol.command import Reworded, Then
from protocol.commands.control import ReadOutput
from protocol.commands.files import (
    ChangeMode,
    CheckFile,
    ListFolder,
    OpenFile,
    ReadTail,
    ReceiveFile,
    RemoveFile,
)
from protocol.control import Stream
from protocol.dialect import Route
from protocol.dialects.oar.faults import OarError
from protocol.dialects.oar.media_routes import MOST_LINES, media_routes
from protocol.errors import GatewayError, Kind
from protocol.file_modes import read_mode
from protocol.files import FileContent, FileEntry, FilePath, Folder
from protocol.http import Request
from protocol.media import decode_json
from protocol.routing import Found, Router
from protocol.tasks import ById, Task, TaskId, TaskState

ROUTER = Router(tuple(media_routes("/oarapi")))
JSON = {"accept": "application/json"}
BYTES = {"content-type": "application/octet-stream"}


async def nothing() -> AsyncIterator[bytes]:
    """A body of no bytes."""
    for piece in b"":
        yield bytes((piece,))


def found(method: str, path: str, **said: Any) -> tuple[Route[Any], Request]:  # noqa: ANN401 - a request's fields
    """The row for a request of ann's, and the request."""
    match = ROUTER.match(method, f"/oarapi/media/{path}")
    assert isinstance(match, Found)
    request = Request(method, f"/oarapi/media/{path}", match.params, user="ann", **said)
    return match.route, replace(request, base="http://gate", target=request.path)


def asked(method: str, path: str, **said: Any) -> Any:  # noqa: ANN401 - a command
    """The command that a request is."""
    route, request = found(method, path, headers=said.pop("headers", JSON), **said)
    command = route.parse(request)
    assert isinstance(command, Reworded)
    if isinstance(command.command, Then):
        entry = FileEntry(at("x"), folder=False, size=0, modified_ms=0)
        assert isinstance(command.command.first, CheckFile)
        return command.command.next(entry)
    return command.command


def refusal(method: str, path: str, **said: Any) -> tuple[int, str]:  # noqa: ANN401 - as above
    """Status and message of a refusal before anything is asked for."""
    with pytest.raises(OarError) as error:
        asked(method, path, **said)
    return error.value.status, error.value.message


def at(*parts: str) -> FilePath:
    """A place in the caller's home."""
    return FilePath("", parts)


def test_paths_are_the_callers_own() -> None:
    """Section 13: ~ is the home of the caller, an absolute path has to lie below it."""
    assert asked("GET", "ls/~") == ListFolder(at())
    assert asked("GET", "~/a/b") == OpenFile(at("a", "b"))
    assert asked("GET", "home/ann/a") == OpenFile(at("a"))
    assert asked("DELETE", "~/a") == RemoveFile(at("a"))
    for path in ("etc/passwd", "home/bo/a", "~bo/a", "home", "root"):
        assert refusal("GET", path)[0] == 403
    for path in ("~/../x", "~/.", "~/a\0b", "~/.narthex-x", "~/" + "a/" * 40):
        assert refusal("GET", path)[0] == 403


def test_the_last_lines_of_a_file() -> None:
    """Section 13: tail=n; 0 or not a number is the whole; it is capped."""
    assert asked("GET", "~/o", query={"tail": "20"}) == ReadTail(at("o"), 20)
    assert asked("GET", "~/o", query={"tail": "999999999"}) == ReadTail(at("o"), MOST_LINES)
    for text in ("0", "x", "-3", "", "1e9", "9" * 99):
        assert asked("GET", "~/o", query={"tail": text}) == OpenFile(at("o"))


def test_a_format_has_to_be_chosen() -> None:
    """Section 13: as everywhere; an extension of the name will do."""
    assert refusal("GET", "~/o", headers={})[0] == 406
    assert refusal("GET", "ls/~", headers={"accept": "*/*"})[0] == 406
    assert asked("GET", "~/o.yaml", headers={}) == OpenFile(at("o.yaml"))
    assert asked("DELETE", "~/o", headers={"content-type": "application/json"})


def test_files_are_put() -> None:
    """Section 13: bytes or a form; force replaces; any other type is 406."""
    chunks = nothing()
    put = asked("POST", "~/a", headers=BYTES, chunks=chunks)
    assert put == ReceiveFile(at("a"), chunks, "", create=True)
    assert not asked("POST", "force/~/a", headers=BYTES, chunks=chunks).create
    form = {"content-type": "multipart/form-data; boundary=xyz"}
    assert asked("POST", "~/a", headers=form, chunks=chunks).boundary == "xyz"
    assert refusal("POST", "~/a", headers={"content-type": "application/json"}, chunks=chunks) == (
        406,
        "A file is sent as application/octet-stream or multipart/form-data",
    )
    assert refusal("POST", "~", headers=BYTES, chunks=chunks)[0] == 403
    no_boundary = {"content-type": "multipart/form-data"}
    assert refusal("POST", "~/a", headers=no_boundary, chunks=chunks)[0] == 400


def test_modes() -> None:
    """Section 13: a mode is needed; what is none is 400."""
    json = {"content-type": "application/json"}
    for body in (b'{"mode": "755"}', b'{"mode": 755}'):
        command = asked("POST", "chmod/~/a", headers=json, body=body)
        assert command == ChangeMode(at("a"), read_mode("755"))
    for body in (b"{}", b'{"mode": true}', b'{"mode": ["a"]}', b"[]", b""):
        assert refusal("POST", "chmod/~/a", headers=json, body=body)[0] == 400
    with pytest.raises(GatewayError) as error:
        asked("POST", "chmod/~/a", headers=json, body=b'{"mode": "4755"}')
    assert error.value.kind is Kind.INVALID


@pytest.mark.parametrize(
    ("method", "path", "kind", "status", "message"),
    [
        ("GET", "ls/~/x", Kind.NOT_FOUND, 404, "Path not found: /~/x"),
        ("GET", "~/x", Kind.NOT_FOUND, 404, "File not found: /~/x"),
        ("DELETE", "~/x", Kind.NOT_FOUND, 404, "File not found: /~/x"),
        ("POST", "~/x", Kind.CONFLICT, 403, "File already exists"),
        ("DELETE", "~", Kind.INVALID, 403, "This cannot be done with a home itself"),
    ],
)
def test_refusals_of_the_core_are_told_with_the_path(
    method: str, path: str, kind: Kind, status: int, message: str
) -> None:
    """Section 13: statuses and texts."""
    headers = BYTES if method == "POST" else JSON
    route, request = found(method, path, headers=headers, chunks=nothing())
    command = route.parse(request)
    assert isinstance(command, Reworded)
    error = command.words(GatewayError(kind, "no"))
    assert isinstance(error, OarError)
    assert (error.status, error.message) == (status, message)


def test_a_listing() -> None:
    """Section 13: by name, hidden ones left out, mode and size as numbers, no size of a folder."""
    entry = FileEntry(at(), folder=True, size=0, modified_ms=0)
    children = (
        FileEntry(at("d"), folder=True, size=0, modified_ms=5000, mode=0o40700),
        FileEntry(at(".h"), folder=False, size=1, modified_ms=0),
        FileEntry(at("a"), folder=False, size=3, modified_ms=4321, mode=0o100600),
    )
    route, request = found("GET", "ls/~", headers=JSON)
    body = route.render(Folder(entry, children), request).body
    assert isinstance(body, bytes)
    reported = decode_json(body)
    assert isinstance(reported, dict)
    assert reported["items"] == [
        {"name": "a", "type": "f", "mode": 33152, "size": 3, "mtime": 4},
        {"name": "d", "type": "d", "mode": 16832, "size": None, "mtime": 5},
    ]
    assert reported["total"] == 2
    assert reported["links"] == [{"rel": "self", "href": "/oarapi/media/ls/~"}]


def test_what_is_read_is_never_shown() -> None:
    """Section 13: bytes; a browser saves them."""
    route, request = found("GET", "~/x.html", headers={})
    entry = FileEntry(at("x.html"), folder=False, size=8, modified_ms=0)
    reply = route.render(FileContent(entry, b"<script>"), request)
    assert (reply.body, reply.content_type) == (b"<script>", "application/octet-stream")
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_what_was_put_has_an_address() -> None:
    """Section 13: 201 with the location, in the format that was asked for."""
    route, request = found("POST", "~/a b", headers={**BYTES, **JSON}, chunks=nothing())
    reply = route.render(FileEntry(at("a b"), folder=False, size=0, modified_ms=0), request)
    assert (reply.status, reply.headers["Location"]) == (201, "media/~/a%20b")
    assert isinstance(reply.body, bytes)
    assert b'"success":"true"' in reply.body
    assert b'"/oarapi/media/~/a%20b"' in reply.body


def test_a_file_that_is_not_there_may_be_what_a_job_prints() -> None:
    """Section 13: a name with a number is looked for among one's own jobs, any other is 404."""
    route, request = found("GET", "~/OAR.12.stdout", headers=JSON, query={"tail": "20"})
    command = route.parse(request)
    assert isinstance(command, Reworded)
    then = command.command
    assert isinstance(then, Then)
    looked = then.next(None)
    assert isinstance(looked, Then)
    words = {"stdout": "OAR.%jobid%.stdout", "stderr": "e.%jobid%", "directory": ""}
    own = Task(
        TaskId("t"), 12, "ann", "shell", "bash", TaskState.RUNNING, 0, dialect="oar", client=words
    )
    assert looked.next(own) == ReadOutput(ById(TaskId("t")), Stream.OUT, lines=20)
    for other in (replace(own, owner="bo"), replace(own, number=13), replace(own, dialect="x")):
        with pytest.raises(GatewayError) as error:
            looked.next(other)
        assert error.value.kind is Kind.NOT_FOUND
    route, request = found("GET", "~/notes", headers=JSON)
    command = route.parse(request)
    assert isinstance(command, Reworded)
    assert isinstance(command.command, Then)
    with pytest.raises(GatewayError):
        command.command.next(None)


def test_a_page_of_another_site_puts_and_changes_nothing() -> None:
    """Section 14: a form that a browser sends with a password needs the token of a page of ours."""
    browser = {"authorization": "Basic YW5uOng=", "user-agent": "Mozilla/5.0"}
    for path, kind in (
        ("chmod/~/a", "application/x-www-form-urlencoded"),
        ("~/a", "multipart/form-data; boundary=x"),
        ("force/~/a", "multipart/form-data; boundary=x"),
    ):
        headers = {**browser, **JSON, "content-type": kind}
        status, _ = refusal("POST", path, headers=headers, body=b"mode=755", chunks=nothing())
        assert status == 403
    assert asked("POST", "~/a", headers={**browser, **BYTES}, chunks=nothing())
