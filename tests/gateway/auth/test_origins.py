"""Host and Origin: exact lists, and the cookie only for who may send it."""

import pytest

from gateway.auth.origins import Origins
from gateway.config import load
from protocol.accounts import Token
from protocol.errors import GatewayError, Kind

HOST = "127.0.0.1:9001"
COOKIE = Token("t", from_cookie=True)


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


def test_section_9_point_12_refusals_name_the_setting(origins: Origins) -> None:
    """Linkis section 9, point 12: behind a proxy it must be clear what is to be set."""
    with pytest.raises(GatewayError, match=r"'site.example:80' is not in server\.allowed_hosts"):
        origins.check_host(["site.example:80"])
    with pytest.raises(GatewayError, match=r"2 headers is not in server\.allowed_hosts"):
        origins.check_host(["a", "b"])
    with pytest.raises(GatewayError, match=r"'http://site\.example' .* server\.allowed_origins"):
        origins.check_origin(["http://site.example"], HOST)
    with pytest.raises(GatewayError) as error:
        origins.check_origin(["http://<script>" + "x" * 500], HOST)
    assert "<" not in error.value.message
    assert len(error.value.message) < 300


FORM = {"content-type": "multipart/form-data; boundary=x", "host": HOST}


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"user-agent": "Apache-HttpClient/4.5.13"}, True),
        ({}, True),
        ({"user-agent": "Mozilla/5.0", "sec-fetch-site": "same-origin"}, True),
        ({"user-agent": "Mozilla/5.0", "referer": f"http://{HOST}/page?x"}, True),
        ({"user-agent": "Mozilla/5.0", "referer": "https://good.example/"}, True),
        ({"user-agent": "Mozilla/5.0", "referer": "https://evil.example/"}, False),
        ({"user-agent": "Mozilla/5.0"}, False),
        ({"user-agent": "Opera/9.80"}, False),
        ({"user-agent": "curl/8", "sec-fetch-site": "none"}, False),
    ],
    ids=str,
)
def test_a_form_with_the_cookie(origins: Origins, headers: dict[str, str], passes: bool) -> None:  # noqa: FBT001 - a case
    """Linkis section 9, point 7: a form without an origin is for programs and our own pages."""
    if passes:
        origins.check_cookie("POST", FORM | headers, COOKIE, form=True)
        return
    with pytest.raises(GatewayError) as error:
        origins.check_cookie("POST", FORM | headers, COOKIE, form=True)
    assert error.value.kind is Kind.UNSUPPORTED


def test_what_changes_nothing_may_be_asked_in_any_form(origins: Origins) -> None:
    """Linkis section 9, point 11: any content type will do, but not from another site."""
    headers = {"content-type": "text/plain"}
    origins.check_cookie("POST", headers, COOKIE, harmless=True)
    with pytest.raises(GatewayError):
        origins.check_cookie(
            "POST", headers | {"sec-fetch-site": "cross-site"}, COOKIE, harmless=True
        )


def test_a_token_is_nobodys_cookie(origins: Origins) -> None:
    """A credential that somebody had to put there is not subject to the cookie's rules."""
    origins.check_cookie("POST", {"content-type": "text/plain"}, Token("t"))


def test_an_allowed_page_may_read_replies(origins: Origins) -> None:
    """It is named in the headers; our own page needs none, and any other gets none (CORS)."""
    headers = origins.opened(("https://good.example",))
    assert headers["Access-Control-Allow-Origin"] == "https://good.example"
    assert headers["Access-Control-Allow-Credentials"] == "true"
    other = ((), ("http://127.0.0.1",), ("https://evil.example",), ("https://good.example",) * 2)
    for values in other:
        assert origins.opened(values) == {}
