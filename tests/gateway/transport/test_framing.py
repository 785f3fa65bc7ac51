"""Row D10: a head or chunk that is not as the standard says is answered 400, and nothing after it.

Behind each of them stands a second request in the same bytes, as if it were a body. Whoever answers
it as well can be made to take one client's body for another's request.
"""

from contextlib import closing

import httpx
import pytest

from tests.gateway.transport.raw import connected, head, status_of
from tests.support.gateway import Gateway

LOGIN = "/api/rest_j/v1/user/login"
SECOND = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
JSON = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"


def answers(url: str, data: bytes) -> bytes:
    """Everything that comes back until the gateway closes the connection."""
    with closing(connected(url)) as line:
        line.sendall(data)
        found = b""
        while more := line.recv(65_536):
            found += more
        return found


@pytest.mark.parametrize(
    "field",
    [
        "Content-Length : {}",
        "Content-Length\t: {}",
        " Content-Length: {}",
        "Content-Length: +{}",
        "Content-Length: 0x{}",
        "Content-Length: {}_0",
        "Content-Length: {0}, {0}",
        "Content-Length: {0}\r\nContent-Length: {0}",
        "Content-Length: {}\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: {}",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding:\x0bchunked",
        "X: a\rContent-Length: {}",
        "X: a\nContent-Length: {}",
        "X: a\0\r\nContent-Length: {}",
        "X: a\r\n folded: b\r\nContent-Length: {}",
        "Content-Length",
        ": {}",
    ],
)
def test_a_malformed_head_ends_the_connection(gateway: Gateway, field: str) -> None:
    """Row D10: 400, and the bytes behind it are never a request."""
    found = answers(gateway.url, head("POST", LOGIN, JSON, field.format(len(SECOND))) + SECOND * 2)
    assert status_of(found) == 400
    assert found.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in found.lower()


@pytest.mark.parametrize("digits", ["\u0665\u0662", "\uff15\uff12", "\u00b2"])
def test_numbers_are_written_in_digits(gateway: Gateway, digits: str) -> None:
    """Row D10: those of other scripts are none, whatever a language takes for a number."""
    request = head("POST", LOGIN, JSON, "Content-Length: @").replace(b"@", digits.encode())
    found = answers(gateway.url, request + SECOND * 3)
    assert (status_of(found), found.count(b"HTTP/1.1 ")) == (400, 1)


@pytest.mark.parametrize(
    "body",
    [
        b"0x2\r\n{}\r\n0\r\n\r\n",
        b"+2\r\n{}\r\n0\r\n\r\n",
        b" 2\r\n{}\r\n0\r\n\r\n",
        b"2 \r\n{}\r\n0\r\n\r\n",
        b"2\n{}\r\n0\r\n\r\n",
        b"2;a\nb\r\n{}\r\n0\r\n\r\n",
        b"2;a\rb\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}xx0\r\n\r\n",
        b"\xd9\xa2\r\n{}\r\n0\r\n\r\n",
        b"2;" + b"a" * 100 + b"\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}\r\n0\r\nX: trailer\r\n\r\n",
        b"fffffffffffffffff\r\n{}",
        b"\r\n{}",
    ],
)
def test_a_malformed_chunk_ends_the_connection(gateway: Gateway, body: bytes) -> None:
    """Row D10: a chunk has hexadecimal digits, and ends where it says."""
    found = answers(gateway.url, head("POST", LOGIN, JSON, CHUNKED) + body + SECOND * 2)
    assert 400 <= status_of(found) < 500
    assert found.count(b"HTTP/1.1 ") == 1


def test_chunks_as_they_should_be_are_read(gateway: Gateway) -> None:
    """In any case of letters, with extensions, in any pieces, and the connection goes on."""
    chunks = b'A;x=y\r\n{"userName\r\n5\r\n":"x"\r\n1\r\n}\r\n0\r\n\r\n'
    with closing(connected(gateway.url)) as line:
        for byte in head("POST", LOGIN, JSON, CHUNKED) + chunks:
            line.sendall(bytes([byte]))
        first = line.recv(65_536)
        assert b"password" in first
        line.sendall(SECOND)
        assert status_of(line.recv(65_536)) == 200


BROWSER = {"User-Agent": "Mozilla/5.0", "Accept": "text/html"}


@pytest.mark.parametrize(
    ("more", "status"),
    [
        (BROWSER, 403),
        (BROWSER | {"Referer": "http://evil.example/"}, 403),
        (BROWSER | {"Sec-Fetch-Site": "cross-site"}, 403),
        (BROWSER | {"Sec-Fetch-Site": "same-site"}, 403),
        ({}, 403),
        (BROWSER | {"Sec-Fetch-Site": "same-origin"}, 400),
        (BROWSER | {"Sec-Fetch-Site": "none"}, 400),
        (BROWSER | {"Referer": "{url}/page"}, 400),
        (BROWSER | {"Origin": "{url}"}, 400),
        ({"User-Agent": "python-requests/2.32"}, 400),
    ],
)
def test_a_get_that_acts_by_cookie_needs_evidence(
    gateway: Gateway, more: dict[str, str], status: int
) -> None:
    """Row D10: a page elsewhere cannot have a browser kill; clients that are none still can."""
    cookie = {"Cookie": f"linkis_user_session_ticket_id_v1={gateway.token()}"}
    headers = cookie | {name: value.format(url=gateway.url) for name, value in more.items()}
    for path in ("entrance/999999/kill", "user/token-login"):
        with httpx.Client(headers=headers) as http:
            if "User-Agent" not in more:
                del http.headers["User-Agent"]
            found = http.get(f"{gateway.url}/api/rest_j/v1/{path}")
        if status == 403:
            assert found.status_code == 403, path
        else:
            assert found.status_code != 403, path


def test_another_site_cannot_log_anybody_out(gateway: Gateway) -> None:
    """Row D10: neither is the ticket made worthless nor the cookie taken away."""
    name = "linkis_user_session_ticket_id_v1"
    cookie = {"Cookie": f"{name}={gateway.token()}"}
    api = f"{gateway.url}/api/rest_j/v1"
    for method, more in (
        ("GET", BROWSER | {"Sec-Fetch-Site": "cross-site"}),
        ("POST", BROWSER | {"Sec-Fetch-Site": "cross-site"}),
        ("POST", BROWSER | {"Origin": "http://evil.example"}),
        ("GET", BROWSER),
    ):
        found = httpx.request(method, f"{api}/user/logout", headers=cookie | more)
        assert found.status_code == 403
        assert "set-cookie" not in found.headers
    assert httpx.get(f"{api}/user/userInfo", headers=cookie).status_code == 200
    found = httpx.get(f"{api}/user/logout", headers=cookie | {"Sec-Fetch-Site": "same-origin"})
    assert found.status_code == 200
    assert httpx.get(f"{api}/user/userInfo", headers=cookie).status_code == 401
