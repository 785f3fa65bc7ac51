"""Users, groups and tokens of a running gateway: a change counts in every process at once."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from gateway.auth.tokens import Tokens, load_key
from gateway.clock import now_ms
from gateway.data_paths import DataPaths
from protocol.accounts import Role
from tests.journeys.linkis_people import PASSWORD, add_user, client
from tests.support.served import NARTHEX, Served, admin_password, serving
from tests.support.waiting import wait_until_sync

COOKIE = "linkis_user_session_ticket_id_v1"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway of two processes that says errors only, besides its audit trail."""
    data = tmp_path_factory.mktemp("people") / "data"
    with serving(data, "--workers", "2", NARTHEX_LOG_LEVEL="error") as gateway:
        for name in ("ann", "bob"):
            add_user(gateway, name)
        yield gateway


def narthex(served: Served, *words: str) -> str:
    """What a command prints that works on the files of the gateway."""
    return subprocess.run(
        [*NARTHEX, *words, "--data-dir", str(served.data)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.strip()


def logged_in(served: Served, name: str = "ann") -> httpx.Client:
    """A client with a fresh cookie."""
    http = client(served)
    reply = http.post("user/login", json={"userName": name, "password": PASSWORD})
    assert reply.json()["status"] == 0, reply.text
    return http


def believed(served: Served, token: str) -> set[int]:
    """What several requests with a token are answered, each over a connection of its own."""
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{served.url}/api/rest_j/v1/user/userInfo"
    return {httpx.get(url, headers=headers, timeout=40).status_code for _ in range(6)}


def left(served: Served, token: str) -> float:
    """How many seconds a token still lives."""
    tokens = Tokens(load_key(DataPaths.of(served.data).token_key), 10**9)
    return tokens.read(token, now_ms()).facts.expires - time.time()


def short(served: Served, name: str = "ann", seconds: int = 60) -> str:
    """A short token that was made for a user."""
    tokens = Tokens(load_key(DataPaths.of(served.data).token_key), 10**9)
    return tokens.issue(name, Role.USER, now_ms(), seconds).token


def audited(served: Served) -> list[str]:
    """The lines of the audit trail so far."""
    log = served.data.with_suffix(".log").read_text()
    return [line for line in log.splitlines() if "logger=gateway.audit" in line]


def login_message(token: str) -> str:
    """What logs a websocket in with a token."""
    return json.dumps({"method": "/api/rest_j/v1/user/login", "data": {"token": token}})


def closed_with(socket: ClientConnection) -> int:
    """Reads a websocket to its end; the code that it was closed with."""
    try:
        while True:
            socket.recv(30)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 0


# A token never buys one that outlives it.


def test_a_short_token_buys_no_longer_login(served: Served) -> None:
    """By token-login, by any later call of that login, and by heartbeats."""
    http = client(served, **{"Token-Code": short(served), "Token-User": "ann"})
    assert http.get("user/token-login").json()["status"] == 0
    cookie = http.cookies[COOKIE].strip('"')
    assert left(served, cookie) <= 60
    del http.headers["Token-Code"], http.headers["Token-User"]
    for _ in range(3):
        assert http.get("user/heartbeat").json()["status"] == 0
        assert http.get("user/userInfo").json()["data"]["userName"] == "ann"
        assert left(served, http.cookies[COOKIE].strip('"')) <= 60


def test_what_a_token_bought_ends_with_it(served: Served) -> None:
    """Revoked on the command line, in all processes, without a restart."""
    token = short(served)
    http = client(served, **{"Token-Code": token, "Token-User": "ann"})
    http.get("user/token-login")
    cookie = http.cookies[COOKIE].strip('"')
    assert believed(served, cookie) == {200}
    narthex(served, "token", "revoke", token, "--user", "ann")
    assert believed(served, token) == {401}
    assert believed(served, cookie) == {401}


def test_a_logout_ends_what_was_derived(served: Served) -> None:
    """Also a websocket that was logged in with it, soon."""
    http = logged_in(served)
    parent = http.cookies[COOKIE].strip('"')
    other = client(served, **{"Token-Code": parent, "Token-User": "ann"})
    other.get("user/token-login")
    child = other.cookies[COOKIE].strip('"')
    with connect(served.socket_url) as socket:
        socket.send(login_message(child))
        assert json.loads(socket.recv(20))["status"] == 0
        assert http.post("user/logout", json={}).json()["status"] == 0
        assert closed_with(socket) == 1008
    assert believed(served, child) == {401}


def test_a_socket_lives_as_long_as_its_last_token(served: Served) -> None:
    """Logging in again with a short token does not keep what an earlier one was good for."""
    with connect(served.socket_url) as socket:
        for token in (short(served, seconds=600), short(served, seconds=4)):
            socket.send(login_message(token))
            assert json.loads(socket.recv(20))["status"] == 0
        began = time.monotonic()
        assert closed_with(socket) == 1008
        assert time.monotonic() - began < 20


# What the command line changes.


def test_a_removed_user_is_gone_everywhere_at_once(served: Served) -> None:
    """With every token, also one of an application; a namesake has none of them."""
    add_user(served, "carol")
    login = logged_in(served, "carol").cookies[COOKIE].strip('"')
    application = narthex(served, "token", "--user", "carol", "--application")
    assert believed(served, login) == believed(served, application) == {200}
    narthex(served, "user", "remove", "carol")
    assert believed(served, login) == believed(served, application) == {401}
    add_user(served, "carol")
    assert believed(served, application) == {401}


def test_an_application_token_outlives_the_password(served: Served) -> None:
    """Until it is revoked by its id."""
    add_user(served, "dora")
    login = logged_in(served, "dora").cookies[COOKIE].strip('"')
    application = narthex(served, "token", "--user", "dora", "--application")
    subprocess.run(
        [*NARTHEX, "user", "passwd", "dora", "--password-stdin", "--data-dir", str(served.data)],
        input="another one\n",
        text=True,
        timeout=60,
        check=True,
        capture_output=True,
    )
    assert believed(served, login) == {401}
    assert believed(served, application) == {200}
    listed = narthex(served, "token", "list", "--user", "dora", "--json").splitlines()
    (only,) = [json.loads(line) for line in listed]
    narthex(served, "token", "revoke", only["id"], "--user", "dora")
    assert believed(served, application) == {401}


def test_groups_make_administrators_at_once(served: Served) -> None:
    """In every process, for tokens that there are; and take it back the same way."""
    token = short(served, "bob", 600)
    url, headers = f"{served.url}/api/rest_j/v1/user/userInfo", {"Authorization": f"Bearer {token}"}

    def admin() -> set[bool]:
        found = (httpx.get(url, headers=headers, timeout=40).json() for _ in range(6))
        return {one["data"]["isAdmin"] for one in found}

    assert admin() == {False}
    narthex(served, "group", "add", "ops", "--admin")
    narthex(served, "group", "join", "ops", "bob")
    assert admin() == {True}
    narthex(served, "group", "set", "ops", "--no-admin")
    assert admin() == {False}


# The audit trail.


def test_who_did_what_is_in_the_journal(served: Served) -> None:
    """Logins, submits, kills and logouts: who, from where, what, and what came of it."""
    before = len(audited(served))
    http = logged_in(served, "bob")
    wrong = client(served).post("user/login", json={"userName": "bob", "password": "a bad guess"})
    assert wrong.json()["status"] != 0
    code = "sleep 300 # some-secret-code"
    body = {"executeApplicationName": "shell", "runType": "shell", "executionCode": code}
    made = http.post("entrance/execute", json=body).json()["data"]
    assert http.get(f"entrance/{made['execID']}/kill").json()["status"] == 0
    http.post("user/logout", json={})
    wait_until_sync(lambda: len(audited(served)) >= before + 5, "five lines", 20)
    trail = audited(served)[before:]
    for line, words in zip(
        trail,
        (
            "action=login who= address=127.0.0.1 result=done user=bob",
            "action=login who= address=127.0.0.1 result=unauthenticated user=bob",
            "action=submit who=bob address=127.0.0.1 result=done",
            "action=kill who=bob address=127.0.0.1 result=done",
            "action=logout who=bob address=127.0.0.1 result=done",
        ),
        strict=True,
    ):
        assert all(word in line for word in words.split()), line
        assert "event=audit" in line
    task = re.search(r"task=(\S+)", trail[2])
    assert task is not None
    assert f"task={task[1]}" in trail[3]
    whole = served.data.with_suffix(".log").read_text()
    for secret in (PASSWORD, "a bad guess", "some-secret-code", http.cookies.get(COOKIE) or "eyJ"):
        assert secret not in whole


def test_what_was_answered_is_in_the_trail_of_a_killed_gateway(tmp_path: Path) -> None:
    """S48: settings, a submit, a look at a foreign task and a kill, each before a SIGKILL."""

    def killed_after(method: str, path: str, body: dict[str, str] | None = None) -> str:
        """The last line of the trail when the process that answered was killed at once."""
        wait_until_sync(lambda: bool(own.parts("gateway.app")), "a gateway process", 30)
        with httpx.Client(headers=headers, timeout=40) as http:
            reply = retried(lambda: http.request(method, f"{own.api}/{path}", json=body))
        os.kill(own.parts("gateway.app")[0], signal.SIGKILL)
        assert reply.json()["status"] == 0, reply.text
        answers.append(reply.json()["data"])
        return audited(own)[-1]

    answers: list[dict[str, str]] = []
    with serving(tmp_path / "data") as own:
        add_user(own, "ann")
        headers = {"Authorization": f"Bearer {short(own)}"}
        body = {"executeApplicationName": "shell", "runType": "shell", "executionCode": "sleep 60"}
        assert "action=submit who=ann" in killed_after("POST", "execute", body)
        exec_id = answers[0]["execID"]
        headers = own.headers
        line = killed_after("GET", f"{exec_id}/status")
        assert re.search(r"action=read who=admin .* task=\S+ owner=ann ", line), line
        assert "action=kill who=admin" in killed_after("GET", f"{exec_id}/kill")
        first = audited(own)[0]
    assert "action=configure" in first
    assert re.search(r"digest=[0-9a-f]{16}", first)


def retried(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer of a gateway whose process is just being replaced."""
    found: list[httpx.Response] = []

    def asked() -> bool:
        with contextlib.suppress(httpx.TransportError):
            found.append(ask())
        return bool(found)

    wait_until_sync(asked, "an answer", 30)
    return found[0]


def test_names_cannot_forge_a_line_of_the_audit_trail(served: Served) -> None:
    """Line ends, control characters and quotes in a name stay within the one line that has them."""
    before = len(audited(served))
    for name in (
        'x\nlogger=gateway.audit event=audit action=login who="admin" result=done',
        "x\r\x1b[31m\u2028\u202e event=audit",
        "x" * 1000,
    ):
        client(served).post("user/login", json={"userName": name, "password": "a bad guess"})
    wait_until_sync(lambda: len(audited(served)) >= before + 3, "three lines", 20)
    trail = audited(served)[before:]
    assert len(trail) == 3
    for line in trail:
        assert line.startswith("timestamp=")
        assert "result=unauthenticated" in line
        assert line.isprintable()
        assert len(line) < 3000


def test_the_first_administrator_is_in_the_group(served: Served) -> None:
    """Made at the first start; it cannot be removed while it is the only one."""
    password = admin_password(served.data)
    assert len(password) >= 8
    shown = json.loads(narthex(served, "user", "show", "admin", "--json"))
    assert (shown["role"], shown["groups"]) == ("admin", ["admin", "default"])
    refused = subprocess.run(
        [*NARTHEX, "user", "remove", "admin", "--data-dir", str(served.data)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refused.returncode == 1
    assert "last administrator" in refused.stderr
