"""Host and Origin: exact lists, and the cookie only for who may send it."""

import pytest

from gateway.auth.origins import Origins
from gateway.config import load
from protocol.accounts import Credential
from protocol.errors import GatewayError, Kind

HOST = "127.0.0.1:9001"
COOKIE = Credential("t", from_cookie=True)


@pytest.fixture
def origins() -> Origins:
    """The rules of a gateway with one name and one origin more."""
    return Origins(
        load(
            None,
            {
                "NARTHEX_SERVER_ALLOWED_HOSTS": "gateway.example",
                "NARTHEX_SERVER_ALLOWED_ORIGINS": "https://good.example",
            },
        ).server
    )


@pytest.mark.parametrize(
    "host", [HOST, "localhost", "LOCALHOST:1", "[::1]:80", "127.0.0.1", "gateway.example:443"]
)
def test_our_names_pass(origins: Origins, host: str) -> None:
    """A gateway answers to loopback names and to those it was given, at any port."""
    assert origins.check_host((host,)) == host.lower()


@pytest.mark.parametrize(
    "hosts",
    [
        (),
        ("",),
        ("evil.example",),
        ("evil.example:9001",),
        ("localhost.evil.example",),
        ("127.0.0.1.evil.example",),
        ("localhost.",),
        ("127.0.0.1:x",),
        ("127.0.0.1:9001:9001",),
        ("user@127.0.0.1",),
        ("127.0.0.1/x",),
        ("127.0.0.1, evil.example",),
        (" 127.0.0.1",),
        ("::1",),
        ("[::2]",),
        ("127.0.0.1", "127.0.0.1"),
    ],
    ids=str,
)
def test_other_names_do_not(origins: Origins, hosts: tuple[str, ...]) -> None:
    """A name that was made to point here, or more or less than one name, is refused."""
    with pytest.raises(GatewayError) as error:
        origins.check_host(hosts)
    assert error.value.kind is Kind.INVALID


@pytest.mark.parametrize("values", [(), (f"http://{HOST}",), ("https://good.example",)], ids=str)
def test_known_origins_pass(origins: Origins, values: tuple[str, ...]) -> None:
    """No origin, our own and an allowed one pass."""
    origins.check_origin(values, HOST)


@pytest.mark.parametrize(
    "values",
    [
        ("",),
        ("null",),
        ("http://evil.example",),
        ("http://good.example",),
        ("https://good.example.evil",),
        ("https://evil-good.example",),
        ("https://GOOD.example",),
        ("https://good.example:444",),
        ("https://good.example/",),
        ("http://127.0.0.1",),
        ("http://127.0.0.1:9002",),
        ("https://good.example", "https://good.example"),
    ],
    ids=str,
)
def test_foreign_origins_do_not(origins: Origins, values: tuple[str, ...]) -> None:
    """Anything that is not letter by letter a known origin is refused."""
    with pytest.raises(GatewayError) as error:
        origins.check_origin(values, HOST)
    assert error.value.kind is Kind.FORBIDDEN


@pytest.mark.parametrize(
    ("method", "headers", "kind"),
    [
        ("POST", {"content-type": "application/json"}, None),
        ("POST", {"content-type": "application/json; charset=utf-8"}, None),
        ("POST", {"content-type": "text/plain", "origin": "https://good.example"}, None),
        ("GET", {}, None),
        ("GET", {"sec-fetch-site": "same-origin"}, None),
        ("POST", {"content-type": "text/plain"}, Kind.UNSUPPORTED),
        ("POST", {"content-type": "application/x-www-form-urlencoded"}, Kind.UNSUPPORTED),
        ("POST", {"content-type": "multipart/form-data"}, Kind.UNSUPPORTED),
        ("POST", {}, Kind.UNSUPPORTED),
        ("DELETE", {}, Kind.UNSUPPORTED),
        ("GET", {"sec-fetch-site": "cross-site"}, Kind.FORBIDDEN),
        ("GET", {"sec-fetch-site": "same-site"}, Kind.FORBIDDEN),
    ],
    ids=str,
)
def test_the_cookie_is_only_for_our_own_pages(
    origins: Origins, method: str, headers: dict[str, str], kind: Kind | None
) -> None:
    """What another site can make a browser send is refused with the cookie."""
    if kind is None:
        origins.check_cookie(method, headers, COOKIE)
        return
    with pytest.raises(GatewayError) as error:
        origins.check_cookie(method, headers, COOKIE)
    assert error.value.kind is kind


def test_a_token_is_nobodys_cookie(origins: Origins) -> None:
    """A credential that somebody had to put there is not subject to the cookie's rules."""
    origins.check_cookie("POST", {"content-type": "text/plain"}, Credential("t"))


def test_an_allowed_page_may_read_replies(origins: Origins) -> None:
    """It is named in the headers; our own page needs none, and any other gets none (CORS)."""
    headers = origins.opened(("https://good.example",))
    assert headers["Access-Control-Allow-Origin"] == "https://good.example"
    assert headers["Access-Control-Allow-Credentials"] == "true"
    other = ((), ("http://127.0.0.1",), ("https://evil.example",), ("https://good.example",) * 2)
    for values in other:
        assert origins.opened(values) == {}
