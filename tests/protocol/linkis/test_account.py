"""Login and what a client asks about its own session."""

from collections.abc import Mapping

import pytest

from protocol.accounts import Principal, Role, Ticket, Token
from protocol.commands.login import Login, Logout, OpenLogin, ReadLoginKey, Renew, WhoAmI
from protocol.dialects.linkis.words import COOKIE
from protocol.errors import GatewayError, Kind
from tests.protocol.linkis.scenes import NOW, ROOT, dialect, request, said

ANN = Principal("ann", Role.ADMIN)
LOGIN = f"{ROOT}/user/login"


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ({}, {"userName": "ann", "password": " s"}),
        (
            {},
            {"method": "/api/rest_j/v1/user/login", "data": {"userName": "ann", "password": " s"}},
        ),
        ({"userName": "ann", "password": " s"}, None),
        ({"userName": "ann", "password": " s"}, b"  "),
    ],
)
def test_login(query: Mapping[str, str], body: object) -> None:
    """Name and password come in either body or in the query; the ticket goes into the cookie."""
    found, asked = request("POST", LOGIN, query, body)
    assert found.route.open
    assert found.route.parse(asked) == Login("ann", " s")
    reply = found.route.render(Ticket("t.o.k", ANN, NOW), asked)
    assert reply.cookies == {COOKIE: "t.o.k"} == {dialect().cookie: "t.o.k"}
    assert said(reply)["data"] == {
        "userName": "ann",
        "isAdmin": True,
        "sessionTimeOut": 0,
        "enableWatermark": False,
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"password": "s"}, "Username can not be empty"),
        ({"userName": " ", "password": "s"}, "Username can not be empty"),
        ({"userName": "ann"}, "Password can not be blank"),
        ({"userName": "ann", "password": ""}, "Password can not be blank"),
        ({"userName": "ann", "passwdEncrypt": "e*"}, "passwdEncrypt must be base64"),
        ({"userName": 1, "password": "s"}, "userName must be a string"),
        ({"userName": "ann", "password": "x" * 1025}, "at most 1024 characters"),
        (b"[1]", "must be a JSON object"),
    ],
)
def test_refused_logins(body: object, message: str) -> None:
    """Every refusal at the login is status 1 with the sentence that clients show."""
    found, asked = request("POST", LOGIN, {}, body)
    with pytest.raises(GatewayError, match=message) as caught:
        found.route.parse(asked)
    reply = dialect().refuse(caught.value, asked)
    assert (reply.status, said(reply)["status"]) == (400, 1)


def test_a_failing_login_that_is_nobodys_fault() -> None:
    """Other errors at the login keep their own status."""
    _, asked = request("POST", LOGIN, {}, {})
    reply = dialect().refuse(GatewayError(Kind.FORBIDDEN, "locked"), asked)
    assert (reply.status, said(reply)["status"]) == (403, 3)


@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_logout(verb: str) -> None:
    """The session ends and the cookie goes, for anybody."""
    found, asked = request(verb, f"{ROOT}/user/logout")
    assert found.route.open
    assert found.route.parse(asked) == Logout()
    reply = found.route.render(None, asked)
    assert reply.cookies == {COOKIE: ""}
    assert said(reply)["message"] == "Logout successful"


@pytest.mark.parametrize("verb", ["GET", "POST"])
@pytest.mark.parametrize(
    ("ticket", "cookies"), [(None, {}), (Ticket("new", ANN, NOW), {COOKIE: "new"})]
)
def test_heartbeat(verb: str, ticket: Ticket | None, cookies: Mapping[str, str]) -> None:
    """A heartbeat needs a session and may renew it."""
    found, asked = request(verb, f"{ROOT}/user/heartbeat")
    assert not found.route.open
    assert found.route.parse(asked) == Renew()
    assert found.route.render(ticket, asked).cookies == cookies


def test_who_and_what() -> None:
    """The caller's name, the base information and the public key have their shapes."""
    found, asked = request("GET", f"{ROOT}/user/userInfo")
    assert found.route.parse(asked) == WhoAmI()
    assert said(found.route.render(ANN, asked))["data"] == {"userName": "ann", "isAdmin": True}
    found, asked = request("GET", f"{ROOT}/user/baseinfo")
    assert found.route.parse(asked) == WhoAmI()
    assert said(found.route.render(ANN, asked))["data"]["resultSetExportEnable"] is True
    found, asked = request("GET", f"{ROOT}/user/publicKey")
    assert found.route.open
    assert found.route.parse(asked) == ReadLoginKey()
    data = said(found.route.render(b"", asked))["data"]
    assert (data.pop("debugTime"), data) == (
        NOW + 5000,
        {"enableSSL": False, "enableLoginEncrypt": False},
    )
    data = said(found.route.render(b"key", asked))["data"]
    assert (data["enableLoginEncrypt"], data["publicKey"]) == (True, "a2V5")


def test_an_encrypted_password() -> None:
    """It goes on as bytes: who has the key reads it."""
    found, asked = request("POST", LOGIN, {}, {"userName": "ann", "passwdEncrypt": "eA=="})
    assert found.route.parse(asked) == Login("ann", encrypted=b"x")


@pytest.mark.parametrize(
    ("verb", "path", "query", "command"),
    [
        ("GET", "token-login", {}, OpenLogin()),
        ("POST", "token-login", {}, OpenLogin()),
        ("GET", "proxy", {"proxyUser": "bob"}, OpenLogin("bob")),
    ],
)
def test_other_ways_to_a_session(
    verb: str, path: str, query: Mapping[str, str], command: OpenLogin
) -> None:
    """A token, or an administrator's word, gives a session with a cookie."""
    found, asked = request(verb, f"{ROOT}/user/{path}", query)
    assert not found.route.open
    assert found.route.parse(asked) == command
    assert found.route.render(Ticket("t.o.k", ANN, NOW), asked).cookies == {COOKIE: "t.o.k"}


def test_a_proxy_of_nobody() -> None:
    """Whom to act for must be said."""
    found, asked = request("GET", f"{ROOT}/user/proxy")
    with pytest.raises(GatewayError, match="proxyUser"):
        found.route.parse(asked)


def test_token_headers() -> None:
    """The Java clients' pair of headers is a credential; without a token there is none."""
    found = dialect().credential({"token-code": "t.o.k", "token-user": "ann"})
    assert found == Token("t.o.k", acting="ann")
    assert dialect().credential({"token-code": "t.o.k"}) == Token("t.o.k")
    assert dialect().credential({"token-user": "ann"}) is None


def test_what_is_open() -> None:
    """Without a session only login, logout and the public key answer (contract, section 2.2)."""
    below = {row.template.rpartition("v1/")[2] for row in dialect().routes if row.open}
    assert {path for path in below if not path.startswith("/")} == {
        "gateway/heartbeat",
        *(f"user/{name}" for name in ("login", "logout", "publicKey", "register")),
        *(f"user/oauth-{name}" for name in ("login", "redirect")),
    }
    streaming = {row.template.rpartition("/")[2] for row in dialect().routes if row.streams}
    assert streaming == {"upload"}
