"""What the page for writers of plugins says of pushes and errors is what the gateway sends."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from protocol.dialects.linkis.envelope import http_code
from protocol.dialects.linkis.words import ERROR_CODES, STATUSES
from protocol.errors import GatewayError
from tests.support.served import Served, admin_password

PAGE = Path(__file__).resolve().parents[2] / "gateway" / "docs" / "ide_plugin.md"
ROOT = "/api/rest_j/v1"
CODE = "echo one; printf 'prompt: '; for i in $(seq 40); do sleep 0.05; done; echo; exit 3"
KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "integer or null": (int, type(None)),
    "number": (int, float),
    "array": (list,),
}


def rows(title: str) -> list[list[str]]:
    """The cells of the table below a title."""
    part = PAGE.read_text("utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def documented() -> dict[str, dict[str, tuple[tuple[type, ...], bool]]]:
    """For each push its fields: the types, and whether it may be missing."""
    found: dict[str, dict[str, tuple[tuple[type, ...], bool]]] = {}
    push = ""
    for first, fields, kind in rows("Every push"):
        push = first.strip("`| ") or push
        known = next(word for word in sorted(KINDS, key=len, reverse=True) if kind.startswith(word))
        for name in re.findall(r"`([A-Za-z]+\??)`", fields):
            missing = name.endswith("?")
            found.setdefault(push, {})[name.rstrip("?")] = (KINDS[known], missing)
    return found


def told(socket: ClientConnection, method: str, tag: str, data: dict[str, Any]) -> None:
    """Sends a message."""
    message = {"method": f"{ROOT}/entrance/{method}", "websocketTag": tag, "data": data}
    socket.send(json.dumps(message))


def pushes(served: Served) -> dict[str, list[dict[str, Any]]]:
    """The data of all that is pushed of two tasks: one followed, one pushed by itself."""
    ask = {"executeApplicationName": "shell", "runType": "shell", "executionCode": CODE}
    found: dict[str, list[dict[str, Any]]] = {}
    url = f"{served.socket_url}/api/entrance/connect?resume=false"
    with connect(url, additional_headers=served.headers) as socket:
        told(socket, "execute", "t1", {**ask, "push": False})
        task = json.loads(socket.recv(30))["data"]["taskID"]
        watch = {"state": True, "progress": True, "queue": True, "partial": True}
        told(socket, f"{task}/subscribe", "t2", {"fromLine": 1, "format": "lines", **watch})
        told(socket, "execute", "t3", {**ask, "executionCode": "echo pushed"})
        final = False
        while not ("eof" in found and final):
            message = json.loads(socket.recv(60))
            assert message["status"] == 0, message
            verb = message["method"].rpartition("/")[2]
            if verb not in {"execute", "subscribe"}:
                found.setdefault(verb, []).append(message["data"])
            own = message["data"].get("taskID") not in {None, task}
            final = final or (verb == "status" and own and message["data"]["status"] == "Succeed")
    return found


def test_every_push_has_the_fields_of_the_page(served: Served) -> None:
    """Each field that is sent is described with its type, and each that is described is sent."""
    page, sent = documented(), pushes(served)
    assert {"status", "progress", "lines", "partial", "log", "eof"} <= set(sent) <= set(page)
    for push, messages in sent.items():
        for data in messages:
            named = {name: value for name, value in data.items() if name in page[push]}
            extra = set(data) - set(named) - {"websocketTag", "taskID"}
            assert extra == set(), (push, extra)
            for name, (kinds, missing) in page[push].items():
                assert missing or name in data, (push, name, data)
                if name in data:
                    assert isinstance(data[name], kinds), (push, name, data)
    assert [data["exitCode"] for data in sent["eof"]] == [3]
    assert any(data["text"] == "prompt: " for data in sent["partial"])


def test_every_error_number_is_there() -> None:
    """Each kind of error with its number, its status and its HTTP code."""
    shown = {int(cells[0].strip("| ")): cells for cells in rows("Every error number")}
    assert set(shown) == set(ERROR_CODES.values())
    for kind, number in ERROR_CODES.items():
        error = GatewayError(kind, "x")
        assert shown[number][1] == str(STATUSES[kind])
        assert str(http_code(error, STATUSES[kind])) in shown[number][2].split(", ")


def answer_to(request: dict[str, Any], socket: ClientConnection) -> dict[str, Any]:
    """The answer to a request; pushes may come before it."""
    while True:
        message: dict[str, Any] = json.loads(socket.recv(60))
        if message["method"] == request["method"]:
            return message


def test_the_messages_are_taken(served: Served) -> None:
    """The submit and the subscription of the page are answered as it says."""
    blocks = re.findall(r"^```json\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    submit, answer, subscribe, kill = map(json.loads, blocks)
    url = f"{served.socket_url}/api/entrance/connect"
    with connect(url, additional_headers=served.headers) as socket:
        socket.send(json.dumps(submit))
        reply = answer_to(submit, socket)
        assert set(reply) == set(answer)
        assert set(reply["data"]) == set(answer["data"])
        for message in (subscribe, kill):
            message["method"] = message["method"].replace("/17/", f"/{reply['data']['taskID']}/")
        socket.send(json.dumps(subscribe))
        seen: list[str] = []
        while "eof" not in seen:
            message = json.loads(socket.recv(60))
            assert message["status"] == 0
            seen.append(message["method"].rpartition("/")[2])
        socket.send(json.dumps(kill))
        assert answer_to(kill, socket)["status"] != 0  # it has ended


def test_a_login_gives_a_cookie_that_scripts_cannot_read(served: Served) -> None:
    """As a page in a browser logs in."""
    password = admin_password(served.data)
    body = {"userName": "admin", "password": password}
    reply = httpx.post(f"{served.url}{ROOT}/user/login", json=body)
    cookie = reply.headers["set-cookie"]
    assert cookie.startswith("linkis_user_session_ticket_id_v1=")
    assert "HttpOnly" in cookie
