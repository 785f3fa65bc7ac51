"""What genuine clients send, byte by byte: contract, section 9 at its end, the points of HTTP."""

import json
import secrets
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.linkis_people import User, client
from tests.journeys.replayed import Talk, played
from tests.support.served import Served, admin_password
from tests.support.waiting import wait_until_sync

FOLDER = Path(__file__).parents[1] / "transcripts" / "linkis" / "clients"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0"
ROOT = "/api/rest_j/v1"


def people(served: Served) -> dict[str, str]:
    """What fills the names of a transcript."""
    return {
        "user": "admin",
        "password": admin_password(served.data),
        "token": User(served, "admin").token,
    }


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.txt")))
def test_the_first_lines_of_every_session(served: Served, name: str) -> None:
    """Linkis section 9, point 1: Java clients say ``Content-Encoding: utf-8`` of every body.

    Their heads are those of Apache HttpClient: login or token, then the first calls of the Java
    SDK, the JDBC driver and linkis-cli, on one connection.
    """
    known = played(FOLDER / f"{name}.txt", served.url, people(served))
    if "taskID" not in known:
        return
    user = User(served, "admin")

    def ended() -> bool:
        row = user.data("GET", f"jobhistory/{known['taskID']}/get")["task"]
        return bool(row["status"] == "Succeed")

    wait_until_sync(ended, "the task of the transcript to end")


def logged_in(served: Served, **headers: str) -> httpx.Client:
    """A client with the login cookie."""
    http = client(served, **headers)
    credentials = {"userName": "admin", "password": admin_password(served.data)}
    assert http.post("user/login", json=credentials).status_code == 200
    return http


def test_scripts_in_both_generations(served: Served) -> None:
    """Linkis section 9, point 3: one string for the old front end, a list of lists for the new."""
    old = logged_in(served, **{"User-Agent": BROWSER})
    new = logged_in(served, **{"User-Agent": BROWSER, "Content-language": "zh-CN"})
    path = f"file:///admin/{secrets.token_hex(4)}.sql"
    saved = {"path": path, "scriptContent": "select 1\n", "params": {"variable": {"a": "1"}}}
    assert old.post("filesystem/saveScript", json=saved).json()["status"] == 0
    shown = old.get("filesystem/openFile", params={"path": path}).json()["data"]
    assert (shown["fileContent"], shown["params"]["variable"]) == ("select 1\n", {"a": "1"})
    shown = new.get("filesystem/openFile", params={"path": path}).json()["data"]
    assert shown["fileContent"] == [["select 1\n"]]
    assert shown["metadata"] == {"variable": {"a": "1"}, "configuration": {}}
    assert new.post("filesystem/deleteDirOrFile", json={"path": path}).json()["status"] == 0


def finished(http: httpx.Client, code: str) -> dict[str, Any]:
    """The row of a shell task that has ended."""
    body = {"executeApplicationName": "shell", "runType": "shell", "executionCode": code}
    number = http.post("entrance/execute", json=body).json()["data"]["taskID"]

    def row() -> dict[str, Any]:
        return dict(http.get(f"jobhistory/{number}/get").json()["data"]["task"])

    wait_until_sync(lambda: row()["status"] == "Succeed", "the task to end")
    return row()


def test_the_old_front_end_opens_the_first_result_unlooked(served: Served) -> None:
    """Linkis section 9, point 8: a task without result sets has one to open, an empty text."""
    old = logged_in(served, **{"User-Agent": BROWSER})
    row = finished(old, "true")
    tree = old.get("filesystem/getDirFileTrees", params={"path": row["resultLocation"]}).json()
    path = tree["data"]["dirFileTrees"]["children"][0]["path"]
    query = {"path": path, "pageSize": "5000"}
    opened = old.get("filesystem/openFile", params=query).json()
    assert (opened["status"], opened["data"]["type"]) == (0, "1")
    assert (opened["data"]["fileContent"], opened["data"]["totalLine"]) == ("", 0)
    new = logged_in(served, **{"User-Agent": BROWSER, "Content-language": "en"})
    tree = new.get("filesystem/getDirFileTrees", params={"path": row["resultLocation"]}).json()
    assert tree["data"]["dirFileTrees"]["children"] == []
    assert client(served).get("filesystem/openFile", params=query).status_code == 401


def form(*parts: tuple[str, str, bytes], boundary: str) -> bytes:
    """A multipart body of fields and files, in this order; a file has a name."""
    body = b""
    for name, file, data in parts:
        more = f'; filename="{file}"\r\nContent-Type: application/octet-stream' if file else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
        body += head.encode() + data + b"\r\n"
    return body + f"--{boundary}--\r\n".encode()


@pytest.mark.parametrize("step", [1, 7, 100_000])
@pytest.mark.parametrize("first", ["file", "path"])
def test_a_form_in_any_order_and_any_chunks(served: Served, first: str, step: int) -> None:
    """Linkis section 9, point 7: the file before its path, in chunks, with the cookie alone."""
    http = logged_in(served)
    cookie = http.cookies["linkis_user_session_ticket_id_v1"]
    name, boundary = f"{secrets.token_hex(4)}.txt", "WebKitFormBoundary7"
    content = b"a,b\r\n--WebKit\r\n" * 3
    parts = [("file", name, content), ("path", "", b"file:///admin/")]
    body = form(*(parts if first == "file" else parts[::-1]), boundary=boundary)
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(piece), piece)
        for piece in (body[start : start + step] for start in range(0, len(body), step))
    )
    talk = Talk(served.url)
    head = (
        f"POST {ROOT}/filesystem/upload HTTP/1.1\r\nHost: {talk.host}\r\n"
        f"Content-Type: multipart/form-data; boundary={boundary}\r\n"
        "Transfer-Encoding: chunked\r\nUser-Agent: Apache-HttpClient/4.5.13 (Java/1.8.0_392)\r\n"
        f"Cookie: linkis_user_session_ticket_id_v1={cookie}\r\n\r\n"
    )
    status, _, answer = talk.say(head.encode() + chunks + b"0\r\n\r\n")
    talk.close()
    assert (status, json.loads(answer)["status"]) == (200, 0), answer
    path = f"file:///admin/{name}"
    assert http.get("filesystem/download", params={"path": path}).content == content
    assert http.post("filesystem/deleteDirOrFile", json={"path": path}).json()["status"] == 0
    assert list(served.data.glob("files/**/.narthex-*")) == []


def test_a_form_without_a_path(served: Served) -> None:
    """Linkis section 9, point 7: a form that names no folder leaves nothing behind."""
    http = logged_in(served)
    reply = http.post("filesystem/upload", files={"file": ("x.txt", b"x")})
    assert (reply.status_code, reply.json()["data"]["field"]) == (412, "path")
    assert list(served.data.glob("files/**/.narthex-*")) == []


def test_a_page_of_another_site_may_not_upload(served: Served) -> None:
    """Linkis section 9, point 7: the cookie alone is not enough for what a browser sends."""
    http = logged_in(served, **{"User-Agent": BROWSER})
    for headers in (
        {},
        {"Referer": "http://evil.example/x"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://evil.example"},
    ):
        files = {"file": ("x.txt", b"x")}
        query = {"path": "file:///admin/"}
        reply = http.post("filesystem/upload", params=query, files=files, headers=headers)
        assert reply.json()["status"] != 0, headers


@pytest.mark.parametrize("charset", ["", "utf-8"])
def test_a_script_in_another_character_set(served: Served, charset: str) -> None:
    """Row B3: shown and run in the character set that is named, refused without; kept as it is."""
    user = User(served, "admin")
    name = f"{secrets.token_hex(4)}.sh"
    data = "echo 汉字".encode("gbk")
    assert user.http.post(
        f"{ROOT}/filesystem/upload",
        params={"path": "file:///admin"},
        files={"file": (name, data)},
    ).json()["status"] == 0  # fmt: skip
    path = f"file:///admin/{name}"
    named = {"charset": charset} if charset else {}
    code, status, message = user.refused(
        "GET", "filesystem/openFile", params={"path": path, **named}
    )
    assert (code, status) == (412, 2)
    assert all(word in message for word in ("not UTF-8", "0xba", "offset 5", "charset"))
    body: dict[str, object] = {"executeApplicationName": "shell", "runType": "shell"}
    refused = user.refused(
        "POST", "entrance/execute", json={**body, "source": {"scriptPath": path, **named}}
    )
    assert "not UTF-8" in refused[2]
    shown = user.data("GET", "filesystem/openFile", params={"path": path, "charset": "GBK"})
    assert shown["fileContent"] == [["echo 汉字"]]
    asked = {**body, "source": {"scriptPath": path, "charset": "gbk"}}
    exec_id = user.data("POST", "entrance/execute", json=asked)["execID"]
    wait_until_sync(
        lambda: "汉字" in user.data("GET", f"entrance/{exec_id}/log")["log"][3],
        "the script to print",
    )
    saved = {"path": path, "scriptContent": "echo 漢", "charset": "gb2312"}
    user.data("POST", "filesystem/saveScript", json=saved)
    raw = user.http.get(f"{ROOT}/filesystem/download", params={"path": path}).content
    assert raw == "echo 漢".encode("gbk")
    saved = {"path": path, "scriptContent": "echo 🙂", "charset": "gbk"}
    refused = user.refused("POST", "filesystem/saveScript", json=saved)
    assert "U+1F642" in refused[2]
    assert user.http.get(f"{ROOT}/filesystem/download", params={"path": path}).content == raw
    user.data("POST", "filesystem/deleteDirOrFile", json={"path": path})


def test_lists_have_code_and_the_name_of_the_script(served: Served) -> None:
    """Linkis section 9, point 4: a script is opened again from its row in the list."""
    user = User(served, "admin")
    body = {"executeApplicationName": "shell", "runType": "shell", "executionCode": "echo again"}
    asked = {**body, "source": {"scriptPath": "file:///admin/jobs/again.sh"}}
    number = user.data("POST", "entrance/execute", json=asked)["taskID"]
    for name, query in (("list", {}), ("list", {"runType": "shell"}), ("list-taskids", {})):
        found = user.data("GET", f"jobhistory/{name}", params={"taskID": str(number), **query})
        (row,) = found["tasks" if name == "list" else "jobHistoryList"]
        assert (row["executionCode"], row["fileName"]) == ("echo again", "again.sh")
    lines = user.http.get(f"{ROOT}/jobhistory/download-job-list", params={"taskID": str(number)})
    assert lines.headers["content-type"].startswith("text/csv")
    assert "again.sh" in lines.text


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "jobhistory/setting/x"),
        ("GET", "configuration/getCategory"),
        ("GET", "microservice/modifiableLabelKey"),
        ("GET", "microservice/allInstance"),
        ("GET", "linkisManager/listAllEMs"),
        ("GET", "linkisManager/listAllECMHealthyStatus?onlyEditable=true"),
        ("GET", "linkisManager/listAllNodeHealthyStatus"),
        ("GET", "linkisManager/ecinfo/ecrHistoryList?pageNow=1&pageSize=15"),
        ("POST", "udf/list"),
        ("POST", "udf/all"),
        ("GET", "udf/authenticate"),
        ("POST", "udf/authenticate"),
        ("GET", "datasource/getTableBaseInfo?database=a&tableName=b"),
        ("GET", "datasource/getTableStatisticInfo?database=a&tableName=b"),
        ("GET", "datasource/getPartitionStatisticInfo?database=a&tableName=b"),
    ],
)
@pytest.mark.parametrize("kind", ["", "application/json", "text/plain", "multipart/form-data"])
def test_the_side_panels_are_answered(served: Served, verb: str, path: str, kind: str) -> None:
    """Linkis section 9, point 11: with the cookie, whatever the content type, without a body."""
    http = logged_in(served, **{"User-Agent": BROWSER})
    reply = http.request(verb, path, headers={"Content-Type": kind} if kind else {})
    assert (reply.status_code, reply.json()["status"]) == (200, 0), reply.text
    assert client(served).request(verb, path).status_code == 401


def test_behind_a_proxy_the_refusal_names_the_setting(served: Served) -> None:
    """Linkis section 9, point 12: the site's Host on HTTP, the site's Origin on a websocket."""
    http = client(served)
    reply = http.get("user/publicKey", headers={"Host": "site.example"})
    assert "server.allowed_hosts" in reply.json()["message"]
    talk = Talk(served.url)
    head = (
        f"GET /ws/api/entrance/connect HTTP/1.1\r\nHost: {talk.host}\r\n"
        "Origin: http://site.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    status, _, body = talk.say(head.encode())
    talk.close()
    assert (status, "server.allowed_origins" in json.loads(body)["message"]) == (403, True)
