"""Login and session (section 2): cookies that slide, tokens, RSA, other users, and their ends."""

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.journeys.entrance import frame, shell
from tests.journeys.linkis_people import PASSWORD, User, add_user, client
from tests.support.served import Served, admin_password, serving
from tests.support.waiting import wait_until_sync

COOKIE = "linkis_user_session_ticket_id_v1"
SECONDS = 6
PAGE = "http://ide.example:8088"


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway whose tickets live shortly and whose login page encrypts."""
    data = tmp_path_factory.mktemp("brief") / "data"
    settings = {
        "NARTHEX_SERVER_ALLOWED_ORIGINS": PAGE,
        "NARTHEX_AUTH_TOKEN_SECONDS": str(SECONDS),
        "NARTHEX_AUTH_ENCRYPT_LOGINS": "true",
    }
    with serving(data, **settings) as gateway:
        add_user(gateway, "ann")
        add_user(gateway, "bob")
        add_user(gateway, "eve")
        yield gateway


def said(reply: httpx.Response) -> dict[str, Any]:
    """The envelope of a reply."""
    envelope = reply.json()
    assert isinstance(envelope, dict)
    return envelope


def logged_in(served: Served, name: str = "ann") -> httpx.Client:
    """A client with a fresh cookie."""
    http = client(served)
    reply = http.post("user/login", json={"userName": name, "password": PASSWORD})
    assert said(reply)["status"] == 0
    return http


def test_the_cookie_slides(brief: Served) -> None:
    """After half of its life any call brings a fresh one; the old one still counts till its end."""
    http = logged_in(brief)
    first = http.cookies[COOKIE]
    wait_until_sync(
        lambda: http.get("user/userInfo").status_code == 200 and http.cookies[COOKIE] != first,
        "a fresh cookie",
    )
    began = time.monotonic()
    wait_until_sync(
        lambda: time.monotonic() - began > SECONDS or http.get("user/userInfo").is_error,
        "more than a life of the first cookie",
        timeout=3 * SECONDS,
    )
    assert http.get("user/userInfo").status_code == 200


def test_logout_ends_every_cookie_of_the_session(brief: Served) -> None:
    """The ticket, what it was renewed from and what it was renewed into are worthless."""
    http = logged_in(brief)
    first = http.cookies[COOKIE]
    wait_until_sync(
        lambda: http.get("user/heartbeat").is_success and http.cookies[COOKIE] != first,
        "a fresh cookie",
    )
    assert said(http.get("user/logout"))["message"].startswith("Logout successful")
    assert COOKIE not in http.cookies
    for header in (f"{COOKIE}={first}",):
        reply = http.get("user/userInfo", headers={"Cookie": header})
        assert (reply.status_code, said(reply)["status"]) == (401, -1)


def test_an_open_socket_ends_with_its_ticket(brief: Served) -> None:
    """When the ticket ends the socket is closed, and nothing is said before that.

    Of a user who runs nothing: a socket that is opened is told what other sockets missed.
    """
    ticket = logged_in(brief, "eve").cookies[COOKIE]
    with (
        connect(brief.socket_url, additional_headers={"Authorization": f"Bearer {ticket}"}) as held,
        pytest.raises(ConnectionClosed) as closed,
    ):
        held.recv(timeout=3 * SECONDS)
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 1008


def test_an_open_socket_is_renewed_in_place(brief: Served) -> None:
    """Heartbeats over the socket keep it open beyond the life of the ticket it began with."""
    ticket = logged_in(brief).cookies[COOKIE]
    began = time.monotonic()
    with connect(
        brief.socket_url, additional_headers={"Authorization": f"Bearer {ticket}"}
    ) as held:
        while time.monotonic() - began < 1.5 * SECONDS:
            held.send(json.dumps({"method": "/api/rest_j/v1/user/heartbeat"}))
            assert json.loads(held.recv(timeout=5))["status"] == 0
            with pytest.raises(TimeoutError):
                held.recv(timeout=0.5)
        held.send(frame("execute", shell("true"), websocketTag="t"))
        assert json.loads(held.recv(timeout=5))["status"] == 0


def test_an_encrypted_password(brief: Served) -> None:
    """The login page's way: the public key, PKCS #1 v1.5, base64 (2.1)."""
    http = client(brief)
    data = said(http.get("user/publicKey"))["data"]
    assert data["enableLoginEncrypt"] is True
    key = load_der_public_key(b64decode(data["publicKey"]))
    assert isinstance(key, rsa.RSAPublicKey)

    def login(password: str) -> dict[str, Any]:
        secret = b64encode(key.encrypt(password.encode(), padding.PKCS1v15())).decode()
        return said(http.post("user/login", json={"userName": "ann", "passwdEncrypt": secret}))

    assert login(PASSWORD)["data"]["userName"] == "ann"
    assert login("wrong")["message"] == "wrong user name or password"
    broken = b64encode(b"x" * 256).decode()
    reply = http.post("user/login", json={"userName": "ann", "passwdEncrypt": broken})
    assert (reply.status_code, said(reply)["message"]) == (400, "wrong user name or password")
    clear = said(http.post("user/login", json={"userName": "ann", "password": PASSWORD}))
    assert clear["status"] == 0


def test_a_name_in_other_letters(brief: Served) -> None:
    """People log in by their name in any letters, and are who they are (2.1)."""
    http = client(brief)
    for name in ("ANN", "Ann"):
        logged = said(http.post("user/login", json={"userName": name, "password": PASSWORD}))
        assert (logged["status"], logged["data"]["userName"]) == (0, "ann")
    wrong = said(http.post("user/login", json={"userName": "ANN", "password": "no"}))
    assert (wrong["status"], wrong["message"]) == (1, "wrong user name or password")
    by_query = http.post("user/login", params={"userName": "Ann", "password": PASSWORD})
    assert said(by_query)["data"]["userName"] == "ann"


def test_token_headers(brief: Served) -> None:
    """Token-Code and Token-User on every request; a token speaks for its own user only (2.3)."""
    ann = User(brief, "ann")
    pair = {"Token-Code": ann.token, "Token-User": "ann"}
    assert said(client(brief, **pair).get("user/userInfo"))["data"]["userName"] == "ann"
    for wrong in ({"Token-User": "bob"}, {"Token-Code": "no.to.ken"}):
        reply = client(brief, **{**pair, **wrong}).get("user/userInfo")
        assert (reply.status_code, said(reply)["status"]) == (401, -1)
    http = client(brief, **pair)
    assert said(http.get("user/token-login"))["data"]["userName"] == "ann"
    http.headers.pop("Token-Code")
    assert said(http.get("user/userInfo"))["data"]["userName"] == "ann"


def test_an_administrator_acts_for_others(brief: Served) -> None:
    """By Token-User, by executeUser and by proxy; for a user that there is, and only admins."""
    admin, ann, bob = User(brief, "admin"), User(brief, "ann"), User(brief, "bob")
    acting = client(brief, **{"Token-Code": admin.token, "Token-User": "bob"})
    assert said(acting.get("user/userInfo"))["data"] == {"userName": "bob", "isAdmin": False}
    reply = client(brief, **{"Token-Code": admin.token, "Token-User": "nobody"}).get(
        "user/userInfo"
    )
    assert said(reply)["status"] == -1

    body = shell("echo mine", executeUser="bob")
    made = admin.data("POST", "entrance/execute", json=body)
    row = bob.data("GET", f"jobhistory/{made['taskID']}/get")["task"]
    assert (row["umUser"], row["executionCode"]) == ("bob", "echo mine")
    assert admin.data("GET", f"jobhistory/{made['taskID']}/get")["task"]["executionCode"] is None
    assert ann.refused("GET", f"jobhistory/{made['taskID']}/get")[1] == 1
    code, status, message = ann.refused("POST", "entrance/execute", json=body)
    assert (code, status, "for others" in message) == (403, 3, True)
    assert admin.refused("POST", "entrance/execute", json={**body, "executeUser": "no"})[1] == 2

    label = {"engineType": "shell", "userCreator": "bob-IDE"}
    submit = {"executionContent": {"code": "true", "runType": "shell"}, "labels": label}
    code, status, message = ann.refused("POST", "entrance/submit", json=submit)
    assert (code, status, message[:17]) == (403, 3, "error code(50079)")
    assert bob.data("POST", "entrance/submit", json=submit)["taskID"]

    http = client(brief)
    http.post("user/login", json={"userName": "admin", "password": admin_password(brief.data)})
    assert said(http.get("user/proxy", params={"proxyUser": "ann"}))["status"] == 0
    assert said(http.get("user/userInfo"))["data"]["userName"] == "ann"
    assert said(http.get("user/proxy", params={"proxyUser": "bob"}))["status"] == 3


def test_a_page_of_another_origin(brief: Served) -> None:
    """A front end that is served elsewhere may ask and read, if its origin is allowed (1.3)."""
    http = client(brief, Origin=PAGE)
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "weblogin"}
    before = http.options("user/login", headers=asked)
    assert (before.status_code, before.content) == (204, b"")
    assert "webLogin" in before.headers["access-control-allow-headers"]
    reply = http.post("user/login", json={"userName": "ann", "password": PASSWORD})
    for one in (before, reply, http.get("user/userInfo"), http.get("user/nothing")):
        assert one.headers["access-control-allow-origin"] == PAGE
        assert one.headers["access-control-allow-credentials"] == "true"
    foreign = client(brief, Origin="http://evil.example")
    for one in (foreign.options("user/login", headers=asked), foreign.get("user/publicKey")):
        assert one.status_code in {403, 405}
        assert "access-control-allow-origin" not in one.headers
