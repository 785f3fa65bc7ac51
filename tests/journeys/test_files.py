"""Files of users through a served gateway, as the side bars of a web client use them."""

import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.journeys.strangers import stranger_token
from tests.support.served import Served
from tests.support.waiting import wait_until_sync

ROOT = "file:///admin"


class Bar:
    """One user's side bar; every call answers status, HTTP code and data."""

    def __init__(self, gateway: Served, token: str) -> None:
        self.url = f"{gateway.url}/api/rest_j/v1"
        self.http = httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=30)

    def got(self, name: str, **query: Any) -> tuple[int, Any]:  # noqa: ANN401 - httpx
        """A GET below ``filesystem``: status and data."""
        envelope = self.http.get(f"{self.url}/filesystem/{name}", params=query).json()
        return envelope["status"], envelope["data"]

    def sent(self, name: str, **body: Any) -> int:  # noqa: ANN401 - httpx
        """A POST below ``filesystem``: its status."""
        reply = self.http.post(f"{self.url}/filesystem/{name}", json=body)
        return int(reply.json()["status"])

    def names(self, path: str) -> list[str]:
        """What is in a folder."""
        status, data = self.got("getDirFileTrees", path=path)
        assert status == 0
        return [child["name"] for child in data["dirFileTrees"]["children"]]


@pytest.fixture
def bar(served: Served) -> Iterator[Bar]:
    """The administrator's side bar, which is empty at the end."""
    bar = Bar(served, served.token)
    yield bar
    for name in bar.names(ROOT):
        assert bar.sent("deleteDirOrFile", path=f"{ROOT}/{name}") == 0
    bar.http.close()


def test_the_side_bar(bar: Bar) -> None:
    """Roots, folders, files, names, what is there and what is not, and the way to the bin."""
    assert bar.got("getUserRootPath", pathType="file") == (0, {"userLocalRootPath": ROOT})
    hdfs = bar.got("getUserRootPath", pathType="hdfs")[1]["userHDFSRootPath"]
    assert bar.names(hdfs) == []
    assert bar.names(ROOT) == []
    assert bar.sent("createNewDir", path=f"{ROOT}/jobs") == 0
    assert bar.sent("createNewDir", path=f"{ROOT}/jobs") == 1
    assert bar.sent("createNewFile", path=f"{ROOT}/jobs/a.sql") == 0
    assert bar.sent("createNewFile", path=f"{ROOT}/jobs/a.sql") == 1
    assert bar.sent("createNewFile", path=f"{ROOT}/nowhere/a.sql") == 1
    assert bar.got("isExist", path=f"{ROOT}/jobs/a.sql") == (0, {"isExist": True})
    assert bar.got("isExist", path=f"{ROOT}/jobs/b.sql") == (0, {"isExist": False})
    rename = {"oldDest": f"{ROOT}/jobs/a.sql", "newDest": f"{ROOT}/b.sql"}
    assert bar.sent("rename", **rename) == 0
    assert bar.sent("rename", **rename) == 1
    assert bar.names(ROOT) == ["jobs", "b.sql"]
    _, data = bar.got("getDirFileTrees", path=ROOT)
    assert data["dirFileTrees"]["children"][1]["path"] == f"{ROOT}/b.sql"
    assert bar.got("fileInfo", path=f"{ROOT}/b.sql")[1]["size"] == 0
    assert bar.got("fileInfo", path=f"{ROOT}/c.sql")[0] == 1
    assert bar.sent("deleteDirOrFile", path=f"{ROOT}/jobs") == 0
    assert bar.sent("deleteDirOrFile", path=f"{ROOT}/jobs") == 1
    assert bar.sent("deleteDirOrFile", path=ROOT) == 2


def test_a_script_keeps_its_variables(bar: Bar) -> None:
    """What is saved with a script is opened with it, and its text is what it was."""
    text = "select '${a}'\n-- ü\n"
    params = {"variable": {"a": "1 = 2", "b": ""}, "configuration": {"runtime": {"x": 1}}}
    path = f"{ROOT}/with blank ü.sql"
    assert bar.sent("saveScript", path=path, scriptContent=text, params=params) == 0
    status, data = bar.got("openFile", path=path)
    assert (status, data["fileContent"], data["params"]) == (0, [[text]], params)
    assert bar.sent("saveScript", path=path, scriptContent="x", params="{}") == 0
    assert bar.got("openFile", path=path)[1]["fileContent"] == [["x"]]


def test_up_and_down(bar: Bar, served: Served) -> None:
    """An upload is streamed into the folder that the query or the form names, and comes back."""
    data = bytes(range(256)) * 5000
    address = f"{bar.url}/filesystem/upload"
    files = {"file": ("..\\a.bin", io.BytesIO(data))}
    assert bar.http.post(address, params={"path": ROOT}, files=files).json()["status"] == 0
    files = {"file": ("b.html", io.BytesIO(b"<script>"))}
    assert bar.http.post(address, data={"path": ROOT}, files=files).json()["status"] == 0
    assert bar.names(ROOT) == ["a.bin", "b.html"]
    reply = bar.http.get(f"{bar.url}/filesystem/download", params={"path": f"{ROOT}/a.bin"})
    assert reply.content == data
    reply = bar.http.post(f"{bar.url}/filesystem/download", json={"path": f"{ROOT}/b.html"})
    assert (reply.content, reply.headers["content-type"]) == (
        b"<script>",
        "application/octet-stream",
    )
    assert reply.headers["content-disposition"].startswith('attachment;filename="b.html"')
    assert list(served.data.glob("files/**/.narthex-*")) == []


def test_a_script_runs_by_its_path(bar: Bar) -> None:
    """Code that is absent is read from the script, whose variables count; a missing one is said."""
    saved = {"path": f"{ROOT}/a.sh", "scriptContent": "echo got ${who}"}
    assert bar.sent("saveScript", **saved, params={"variable": {"who": "me"}}) == 0
    body: dict[str, object] = {"executeApplicationName": "shell", "runType": "shell"}
    address = f"{bar.url}/entrance"
    for path in (f"{ROOT}/a.sh", "/a.sh"):
        asked = {"method": "x", "data": {**body, "source": {"scriptPath": path}}}
        exec_id = bar.http.post(f"{address}/execute", json=asked).json()["data"]["execID"]

        def log(exec_id: str = exec_id) -> str:
            reply = bar.http.get(f"{address}/{exec_id}/log", params={"size": 100})
            return str(reply.json()["data"]["log"][3])

        wait_until_sync(lambda log=log: "got me" in log(), "the script to print")  # type: ignore[misc]
    reply = bar.http.post(f"{address}/execute", json={**body, "scriptPath": "/b.sh"}).json()
    assert reply["status"] == 1
    assert "no such file" in reply["message"]


def test_variables_of_a_user_are_put_into_code(bar: Bar, served: Served) -> None:
    """What the variables panel saves is listed again, and used in code and scripts of that user."""
    saved = {"globalVariables": [{"key": "who", "value": "you"}, {"key": "day", "value": "1"}]}
    assert bar.http.post(f"{bar.url}/variable/saveGlobalVariable", json=saved).status_code == 200
    assert bar.sent("saveScript", path=f"{ROOT}/v.sh", scriptContent="echo got ${who} ${day}") == 0
    stranger = Bar(served, stranger_token(served))
    body: dict[str, object] = {"executeApplicationName": "shell", "runType": "shell"}
    day = {"variable": {"day": "5"}}
    for who, more, line in (
        (bar, {"executionCode": "echo got ${who} ${day}", "params": day}, "got you 5"),
        (bar, {"scriptPath": "/v.sh"}, "got you 1"),
        (stranger, {"executionCode": "echo 'got ${who}'"}, "got ${who}"),
    ):
        address = f"{who.url}/entrance"
        reply = who.http.post(f"{address}/execute", json={**body, **more}).json()
        log_of = f"{address}/{reply['data']['execID']}/log"

        def log(who: Bar = who, log_of: str = log_of) -> str:
            return str(who.http.get(log_of, params={"size": 100}).json()["data"]["log"][3])

        wait_until_sync(lambda log=log, line=line: line in log(), line)  # type: ignore[misc]
    listed = [
        one.http.get(f"{one.url}/variable/listGlobalVariable").json()["data"]["globalVariables"]
        for one in (bar, stranger)
    ]
    bar.http.post(f"{bar.url}/variable/saveGlobalVariable", json={"globalVariables": []})
    assert [[(entry["key"], entry["value"]) for entry in one] for one in listed] == [
        [("who", "you"), ("day", "1")],
        [],
    ]
    stranger.http.close()


def test_everybody_has_a_root_of_their_own(bar: Bar, served: Served) -> None:
    """Another user's files are not there, whether their names are right or wrong."""
    assert bar.sent("createNewFile", path=f"{ROOT}/mine.txt") == 0
    stranger = Bar(served, stranger_token(served))
    for name in ("mine.txt", "other.txt"):
        for way in ("fileInfo", "openFile", "getDirFileTrees", "download"):
            assert stranger.got(way, path=f"{ROOT}/{name}")[0] == 1
        assert stranger.sent("deleteDirOrFile", path=f"{ROOT}/{name}") == 1
    assert stranger.names("/") == []
    stranger.http.close()


@pytest.mark.parametrize(
    "path",
    [
        f"{ROOT}/../admin/x",
        f"{ROOT}/%2e%2e/x",
        "file:///../../etc/passwd",
        "/etc/passwd",
        "/proc/self/root/etc/passwd",
        f"{ROOT}/a\0b",
        f"{ROOT}/a\u202eb",
        f"{ROOT}/{'x' * 256}",
        f"{ROOT}{'/x' * 33}",
        "http://example.org/x",
        "file://",
        "",
        f"{ROOT}-evil/x",
        f"{ROOT}/.narthex-secret",
        "narthex:///tasks/1/results/../../x",
        "narthex:///tasks/999999/results",
    ],
)
def test_no_path_leads_out(bar: Bar, path: str) -> None:
    """A path that goes up, out or nowhere is refused, read or written; nothing is made."""
    for name in ("openFile", "getDirFileTrees", "openLog", "fileInfo", "resultsetToExcel"):
        assert bar.got(name, path=path)[0] in {1, 2}, name
    for name in ("createNewDir", "deleteDirOrFile"):
        if path != "/etc/passwd":
            assert bar.sent(name, path=path) in {1, 2}, name
    assert bar.names(ROOT) == []
