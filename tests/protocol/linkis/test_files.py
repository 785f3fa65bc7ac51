"""Users' files in the words of the web clients: contract, sections 6.5 and 8a, as tables."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from protocol.accounts import Principal, Role
from protocol.command import Command
from protocol.commands.files import (
    CheckFile,
    ListFolder,
    MakeFolder,
    OpenFile,
    ReadFile,
    ReceiveFiles,
    RemoveFile,
    RenameFile,
    WriteFile,
)
from protocol.commands.login import Hello, WhoAmI
from protocol.errors import GatewayError, Kind
from protocol.files import FileContent, FileEntry, FilePath, Folder, OpenedFile, file_path, file_url
from tests.protocol.linkis.scenes import ROOT, data_of, request, said

FILES = f"{ROOT}/filesystem"
ANN = FilePath("ann", ())
SCRIPT = FilePath("ann", ("a.sql",))
EMPTY = WriteFile(SCRIPT, b"", create=True)


def parsed(method: str, name: str, query: Mapping[str, str], body: object = None) -> Command[Any]:
    """The command that a call means."""
    found, asked = request(method, f"{FILES}/{name}", query, body)
    return found.route.parse(asked)


def kind_of(path: str) -> Kind:
    """The kind of refusal of a path."""
    with pytest.raises(GatewayError) as error:
        file_url(path)
    assert error.value.message
    return error.value.kind


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("file:///ann", ANN),
        ("file:///ann/", ANN),
        ("file://ann/a.sql", SCRIPT),
        ("file:/ann//a.sql/", SCRIPT),
        ("/a.sql", FilePath("", ("a.sql",))),
        ("a:b/c", None),
        ("b/a:c", FilePath("", ("b", "a:c"))),
        ("file:///ann/ü b", FilePath("ann", ("ü b",))),
        ("file:///ann/...", FilePath("ann", ("...",))),
    ],
)
def test_paths_are_names_below_a_root(text: str, path: FilePath | None) -> None:
    """A path is an owner and names; without a scheme it counts from the asker's root."""
    if path is None:
        assert kind_of(text) is Kind.INVALID
    else:
        assert file_url(text) == path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "file:///ann/..",
        "file:///ann/a/../b",
        "file:///ann/./b",
        "file:///ann/a\0",
        "file:///ann/a\nb",
        "file:///ann/\u202etxt.exe",
        "file:///ann/\ud800",
        "file:///ann/.narthex-x",
        f"file:///ann/{'ü' * 128}",
        f"file:///ann{'/a' * 33}",
        f"/{'a/' * 2100}",
        "hdfs:///ann",
        "http://ann/x",
    ],
)
def test_names_that_no_file_can_have(text: str) -> None:
    """What goes up, hides something or is too long is refused as invalid."""
    assert kind_of(text) is Kind.INVALID


def test_a_path_without_an_owner_is_nowhere() -> None:
    """The folder of all roots is nobody's."""
    assert kind_of("file:///") is Kind.NOT_FOUND
    assert file_path("ann", "").child("x") == FilePath("ann", ("x",))


@pytest.mark.parametrize(
    ("method", "name", "given", "command"),
    [
        ("GET", "getUserRootPath", {"pathType": "file"}, WhoAmI()),
        ("GET", "getDirFileTrees", {"path": "file:///ann"}, ListFolder(ANN)),
        ("GET", "getDirFileTrees", {"path": "hdfs:///ann"}, Hello()),
        ("GET", "openFile", {"path": "file:///ann/a.sql"}, ReadFile(SCRIPT)),
        ("GET", "isExist", {"path": "file:///ann/a.sql"}, CheckFile(SCRIPT)),
        ("GET", "fileInfo", {"path": "file:///ann/a.sql"}, CheckFile(SCRIPT)),
        ("GET", "formate", {"path": "file:///ann/a.sql"}, ReadFile(SCRIPT)),
        ("GET", "download", {"path": "file:///ann/a.sql"}, OpenFile(SCRIPT)),
        ("POST", "download", {"path": "file:///ann/a.sql"}, OpenFile(SCRIPT)),
        ("POST", "createNewDir", {"path": "file:///ann/a.sql"}, MakeFolder(SCRIPT)),
        ("POST", "createNewFile", {"path": "file:///ann/a.sql"}, EMPTY),
        ("POST", "deleteDirOrFile", {"path": "file:///ann/a.sql"}, RemoveFile(SCRIPT)),
        (
            "POST",
            "rename",
            {"oldDest": "file:///ann/a.sql", "newDest": "file:///ann/b"},
            RenameFile(SCRIPT, FilePath("ann", ("b",))),
        ),
    ],
)  # fmt: skip
def test_section_8a_the_calls_of_the_side_bar(
    method: str, name: str, given: Mapping[str, str], command: Command[Any]
) -> None:
    """Each call is the verb that it stands for, wrapped or bare."""
    if method == "GET":
        assert parsed(method, name, given) == command
    else:
        assert parsed(method, name, {}, given) == command
        assert parsed(method, name, {}, {"method": "x", "data": given}) == command


def test_section_8a_roots() -> None:
    """Each kind of root has a field of its own; the one of HDFS is an empty folder."""
    principal = Principal("ann", Role.USER)
    path = f"{FILES}/getUserRootPath"
    assert data_of("GET", path, principal) == {"userLocalRootPath": "file:///ann"}
    hdfs = data_of("GET", path, principal, {"pathType": "hdfs"})["userHDFSRootPath"]
    tree = data_of("GET", f"{FILES}/getDirFileTrees", None, {"path": hdfs})["dirFileTrees"]
    assert (tree["name"], tree["children"], tree["isLeaf"]) == ("ann", [], False)


def test_section_8a_the_tree() -> None:
    """A folder has its children one level deep, a file is a leaf, and paths come back as sent."""
    entry = FileEntry(ANN, folder=True, size=0, modified_ms=5)
    found = Folder(entry, (FileEntry(SCRIPT, folder=False, size=3, modified_ms=7),))
    tree = data_of("GET", f"{FILES}/getDirFileTrees", found, {"path": "file:///ann"})
    assert tree["dirFileTrees"] == {
        "name": "ann",
        "path": "file:///ann",
        "properties": {"size": "0", "modifytime": "5"},
        "isLeaf": False,
        "parentPath": None,
        "children": [
            {
                "name": "a.sql",
                "path": "file:///ann/a.sql",
                "properties": {"size": "3", "modifytime": "7"},
                "children": None,
                "isLeaf": True,
                "parentPath": "file:///ann",
            }
        ],
    }


@pytest.mark.parametrize(
    ("suffix", "head"),
    [
        ("sql", '--@set a=1\n--@set b=[1]\n--@conf {"x":{"y":1}}\n'),
        ("py", '#@set a=1\n#@set b=[1]\n#@conf {"x":{"y":1}}\n'),
        ("scala", '//@set a=1\n//@set b=[1]\n//@conf {"x":{"y":1}}\n'),
        ("txt", ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("as_text", [False, True])
def test_section_6_5_a_script_is_saved_and_opened(suffix: str, head: str, *, as_text: bool) -> None:
    """Variables stand before a script as directives of its language, and come back apart."""
    params: object = {"variable": {"a": "1", "b": [1]}, "configuration": {"x": {"y": 1}}}
    if as_text:
        params = '{"variable": {"a": "1", "b": [1]}, "configuration": {"x": {"y": 1}}}'
    place = f"file:///ann/a.{suffix}"
    body = {"path": place, "scriptContent": "one\ntwo", "params": params}
    command = parsed("POST", "saveScript", {}, body)
    path = FilePath("ann", (f"a.{suffix}",))
    assert command == WriteFile(path, f"{head}one\ntwo".encode())
    found = FileContent(FileEntry(path, folder=False, size=1, modified_ms=1), f"{head}one".encode())
    data = data_of("GET", f"{FILES}/openFile", found, {"path": place})
    assert data["fileContent"] == [["one"]]
    kept = {"variable": {"a": "1", "b": "[1]"}, "configuration": {"x": {"y": 1}}}
    assert data["params"] == (kept if head else {"variable": {}, "configuration": {}})


@pytest.mark.parametrize(
    ("text", "shown", "variables"),
    [
        ("", "", {}),
        ("--@set a=1", "", {"a": "1"}),
        ("--@set a=1\r\nx", "x", {"a": "1"}),
        ("--@conf {]}\nx", "--@conf {]}\nx", {}),
        ("x\n--@set a=1", "x\n--@set a=1", {}),
        ("\xc3\xbc", "ü", {}),
    ],
)
def test_section_6_5_scripts_that_others_wrote(
    text: str, shown: str, variables: Mapping[str, str]
) -> None:
    """Only whole directives at the beginning are taken out."""
    entry = FileEntry(SCRIPT, folder=False, size=1, modified_ms=1)
    data = text.encode("latin-1")
    opened = data_of("GET", f"{FILES}/openFile", FileContent(entry, data), {"path": "/a.sql"})
    assert opened["fileContent"] == [[shown]]
    assert opened["params"]["variable"] == variables


@pytest.mark.parametrize("params", ["", "{}", None, {}])
def test_section_6_5_a_script_without_variables(params: object) -> None:
    """Nothing is put before the text if nothing was given."""
    body = {"path": "file:///ann/a.sql", "scriptContent": "x", "params": params}
    assert parsed("POST", "saveScript", {}, body) == WriteFile(SCRIPT, b"x")


@pytest.mark.parametrize("variable", [{"a b": "1"}, {"a": "1\n2"}, {"": "1"}])
def test_section_6_5_variables_that_are_no_line(variable: Mapping[str, str]) -> None:
    """A variable that would not come back is refused."""
    body = {"path": "file:///ann/a.sql", "scriptContent": "x", "params": {"variable": variable}}
    with pytest.raises(GatewayError) as error:
        parsed("POST", "saveScript", {}, body)
    assert error.value.field == "params.variable"


def test_section_6_5_what_is_there() -> None:
    """Existence is a boolean, and what is not there has no facts."""
    entry = FileEntry(SCRIPT, folder=False, size=3, modified_ms=7)
    query = {"path": "/a.sql"}
    assert data_of("GET", f"{FILES}/isExist", entry, query) == {"isExist": True}
    assert data_of("GET", f"{FILES}/isExist", None, query) == {"isExist": False}
    assert data_of("GET", f"{FILES}/fileInfo", entry, query) == {
        "path": "file:///ann/a.sql",
        "name": "a.sql",
        "isLeaf": True,
        "size": 3,
        "modifytime": 7,
    }
    with pytest.raises(GatewayError) as error:
        data_of("GET", f"{FILES}/fileInfo", None, query)
    assert error.value.kind is Kind.NOT_FOUND
    found, asked = request("POST", f"{FILES}/createNewDir")
    assert said(found.route.render(None, asked))["data"] == {}


async def pieces() -> AsyncIterator[bytes]:
    """The bytes of a body."""
    yield b"x"


@pytest.mark.parametrize(
    ("query", "kind", "path"),
    [
        ({"path": "file:///ann"}, 'multipart/form-data; boundary="b b"', None),
        ({"path": "file:///ann"}, "multipart/form-data; boundary=b", ANN),
        ({}, "multipart/form-data; boundary=b", None),
        ({}, "application/json", None),
        ({}, "multipart/form-data", None),
    ],
)
def test_section_6_5_upload(query: Mapping[str, str], kind: str, path: FilePath | None) -> None:
    """The folder is in the query, or in the form if it is not; the body must be a form."""
    found, asked = request("POST", f"{FILES}/upload", query)
    assert found.route.streams
    chunks = pieces()
    sent = replace(asked, headers={"content-type": kind}, chunks=chunks)
    if kind.endswith("=b"):
        assert found.route.parse(sent) == ReceiveFiles(path, chunks, "b")
        with pytest.raises(GatewayError):
            found.route.parse(asked)
    else:
        with pytest.raises(GatewayError) as error:
            found.route.parse(sent)
        assert error.value.kind is Kind.INVALID


def test_section_6_5_download() -> None:
    """A file comes as bytes to be saved; on a websocket it does not come."""
    entry = FileEntry(FilePath("ann", ("a.html",)), folder=False, size=3, modified_ms=7)
    found, asked = request("GET", f"{FILES}/download", {"path": "/a.html"})
    reply = found.route.render(OpenedFile(entry, pieces()), asked)
    assert (reply.content_type, reply.length) == ("application/octet-stream", 3)
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    with pytest.raises(GatewayError) as error:
        found.route.parse(replace(asked, websocket=True))
    assert error.value.kind is Kind.UNSUPPORTED
