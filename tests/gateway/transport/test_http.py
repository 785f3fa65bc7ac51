"""The one HTTP handler, asked by real clients and by people who are none."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx
import pytest

from gateway.config import load
from gateway.data_paths import DataPaths
from gateway.plugins import load_dialects
from gateway.stores.directory import Directory
from protocol.accounts import Reads
from tests.gateway.transport.raw import connected, exchanged, head, status_of
from tests.support.gateway import PASSWORD, Gateway

API = "/api/rest_j/v1"
ROUTES = sorted(
    {
        (
            route.method,
            mount.prefix + re.sub(r"\{\w+(\.\.\.)?\}", "1", route.template),
            route.open or route.reads is Reads.PUBLIC,
        )
        for mount in load_dialects(load(None, {}))
        for route in mount.dialect.routes
    }
)


@pytest.fixture
def ann(gateway: Gateway) -> Iterator[httpx.Client]:
    """A user's client."""
    with gateway.client("ann") as client:
        yield client


@pytest.fixture
def stranger(gateway: Gateway) -> Iterator[httpx.Client]:
    """A client of nobody."""
    with gateway.client("") as client:
        yield client


def execute(client: httpx.Client, code: str, **fields: object) -> httpx.Response:
    """Asks for a script to be run."""
    body = {"executeApplicationName": "shell", "runType": "shell", "executionCode": code}
    return client.post(f"{API}/entrance/execute", json=body | fields)


def tasks(client: httpx.Client) -> int:
    """How many tasks its user has."""
    found = client.get(f"{API}/jobhistory/list").json()["data"]
    return int(found.get("totalPage", len(found["tasks"])))


@pytest.mark.parametrize(("method", "path", "opened"), ROUTES, ids=str)
def test_every_route_is_closed_to_strangers(
    stranger: httpx.Client,
    method: str,
    path: str,
    opened: bool,  # noqa: FBT001 - a table
) -> None:
    """Without a credential every route but the open ones answers 401, in its dialect's shape."""
    reply = stranger.request(method, path)
    if not opened:
        assert reply.status_code == 401
    # OpenPAI's first document answers 500 where others say 400 or 404.
    assert reply.status_code < 500 or reply.json().keys() == {"error", "message"}
    if method != "HEAD" and "json" in reply.headers["content-type"]:
        assert isinstance(reply.json(), dict | list)


def test_the_open_routes_are_few() -> None:
    """Of Linkis nothing but what belongs to logging in and out is open."""
    opened = {path for _, path, opened in ROUTES if opened and "/rest_" in path}
    assert all("/user/" in path or path.endswith("/gateway/heartbeat") for path in opened)
    assert {path.rpartition("/")[2] for path in opened} == {
        "login",
        "logout",
        "publicKey",
        "oauth-login",
        "oauth-redirect",
        "register",
        "heartbeat",
    }


def test_an_open_route_tells_strangers_nothing(stranger: httpx.Client) -> None:
    """What is open and no login refuses strangers all the same."""
    for verb in ("heartbeat", "register"):
        assert stranger.post(f"{API}/user/{verb}", json={}).json()["status"] != 0


@pytest.mark.parametrize(
    "value",
    ["Bearer", "Bearer x", "Basic YW5uOng=", "bearer a.b.c", "x" * 9000],
    ids=lambda value: value[:12],
)
def test_a_bad_credential_is_refused(gateway: Gateway, value: str) -> None:
    """A credential that is none, or of another scheme, is 401."""
    reply = httpx.get(f"{gateway.url}{API}/user/userInfo", headers={"Authorization": value})
    assert reply.status_code == 401


def test_a_token_of_a_removed_user_is_worthless(gateway: Gateway) -> None:
    """A well-signed token of somebody without an account is refused."""
    with gateway.client("carol") as client:
        assert client.get(f"{API}/user/userInfo").status_code == 401


def test_a_login_gives_a_safe_cookie_that_works(stranger: httpx.Client) -> None:
    """The cookie is out of reach for scripts and other sites; after logout it is worthless."""
    reply = stranger.post(f"{API}/user/login", json={"userName": "ann", "password": PASSWORD})
    assert reply.status_code == 200
    attributes = reply.headers["set-cookie"]
    assert "HttpOnly" in attributes
    assert "SameSite=Lax" in attributes
    assert "Domain" not in attributes
    info = stranger.get(f"{API}/user/userInfo")
    assert info.json()["data"]["userName"] == "ann"
    kept = "; ".join(f"{name}={value}" for name, value in stranger.cookies.items())
    assert stranger.post(f"{API}/user/logout", json={}).status_code == 200
    again = stranger.get(f"{API}/user/userInfo", headers={"Cookie": kept})
    assert again.status_code == 401


def test_a_clock_before_the_password_lets_nobody_in(
    gateway: Gateway, stranger: httpx.Client
) -> None:
    """Who logs in while the clock is wrong is told so, and not let in to be refused everywhere."""
    directory = Directory.of(DataPaths.of(gateway.data))
    later = int(time.time() * 1000) + 86_400_000
    asyncio.run(directory.add("later", PASSWORD, later))
    reply = stranger.post(f"{API}/user/login", json={"userName": "later", "password": PASSWORD})
    assert reply.status_code == 503
    assert "the clock of the gateway is wrong" in reply.json()["message"]
    assert "set-cookie" not in reply.headers


def test_the_cookie_does_not_work_for_other_sites(stranger: httpx.Client) -> None:
    """With the cookie, a form of another site or a foreign origin starts nothing."""
    stranger.post(f"{API}/user/login", json={"userName": "ann", "password": PASSWORD})
    body = b'{"executeApplicationName":"shell","runType":"shell","executionCode":"true"}'
    path = f"{API}/entrance/execute"
    plain = stranger.post(path, content=body, headers={"Content-Type": "text/plain"})
    foreign = stranger.post(path, content=body, headers={"Origin": "http://evil.example"})
    asked = stranger.get(f"{API}/entrance/1/kill", headers={"Sec-Fetch-Site": "cross-site"})
    assert plain.status_code >= 400
    assert foreign.status_code == 403
    assert asked.status_code == 403


def test_guessing_passwords_is_slowed(gateway: Gateway) -> None:
    """After some wrong passwords even the right one has to wait, and the client is told so."""
    with gateway.client("") as client:
        path = f"{API}/user/login"
        wrong = {"userName": "somebody-else", "password": "wrong"}
        replies = [client.post(path, json=wrong) for _ in range(11)]
    assert not any("retry-after" in reply.headers for reply in replies[:10])
    assert int(replies[10].headers["retry-after"]) > 0


def test_a_crowd_of_guesses_is_slowed_too(gateway: Gateway) -> None:
    """Guesses that come all at once are no more than those that come one after the other."""

    def guess(number: int) -> httpx.Response:
        name = {"userName": "some-crowds-aim", "password": f"wrong {number}"}
        return httpx.post(f"{gateway.url}{API}/user/login", json=name, timeout=30)

    with ThreadPoolExecutor(40) as crowd:
        replies = list(crowd.map(guess, range(40)))
    looked_at = [reply for reply in replies if "retry-after" not in reply.headers]
    assert 1 <= len(looked_at) <= 11  # of a crowd few wait for their turn


def test_foreign_and_unknown_tasks_look_alike(gateway: Gateway, ann: httpx.Client) -> None:
    """Somebody else's task is answered word for word like one that never was."""
    exec_id = execute(ann, "true").json()["data"]["execID"]
    with gateway.client("bob") as bob:
        for verb in ("status", "log", "progress", "kill"):
            foreign = bob.get(f"{API}/entrance/{exec_id}/{verb}")
            unknown_id = exec_id[:-1] + "99999"
            unknown = bob.get(f"{API}/entrance/{unknown_id}/{verb}")
            assert foreign.status_code == unknown.status_code >= 400
            assert foreign.text.replace(exec_id, "") == unknown.text.replace(unknown_id, "")
    with gateway.client("admin") as admin:
        assert admin.get(f"{API}/entrance/{exec_id}/status").status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"executionCode": "a\0b"},
        {"executionCode": 7},
        {"executionCode": None},
        {"executionCode": "x" * 1_100_000},
        {"executeApplicationName": "abacus"},
        {"executeApplicationName": 1},
        {"runType": "cobol"},
        {"runType": []},
        {"params": 3},
        {"params": {"configuration": "x"}},
    ],
    ids=lambda change: str(change)[:40],
)
def test_a_bad_submission_starts_nothing(ann: httpx.Client, change: dict[str, Any]) -> None:
    """Whatever is wrong with a field, the answer is an error and there is no new task."""
    before = tasks(ann)
    reply = execute(ann, "true", **change)
    assert 400 <= reply.status_code < 500
    assert reply.json()["status"] != 0
    assert tasks(ann) == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"3",
        b"null",
        b'"x"',
        b'{"executionCode": NaN}',
        b'{"executionCode": 1e400}',
        b'{"executionCode": "\\ud800"}',
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 5_000,
        b"9" * 5_000,
        b"{}",
    ],
    ids=lambda body: repr(body)[:24],
)
def test_a_bad_body_is_an_error_of_the_client(ann: httpx.Client, body: bytes) -> None:
    """What is not strict JSON, or no object, is refused and the gateway goes on."""
    reply = ann.post(
        f"{API}/entrance/execute", content=body, headers={"Content-Type": "application/json"}
    )
    assert 400 <= reply.status_code < 500
    assert json.loads(reply.content)["status"] != 0


def test_a_large_body_is_refused_at_once(gateway: Gateway) -> None:
    """A body beyond the limit is refused by its announced length, before it is sent."""
    length = f"Content-Length: {1 << 40}"
    authorization = f"Authorization: Bearer {gateway.token()}"
    answer = exchanged(gateway.url, head("POST", f"{API}/entrance/execute", authorization, length))
    assert status_of(answer) >= 400


@pytest.mark.parametrize(
    "coding", ["gzip", "GZIP", "deflate", "br", "zstd", "utf-8, gzip", "identity,x-gzip"]
)
def test_an_encoded_body_is_not_read(ann: httpx.Client, coding: str) -> None:
    """Linkis section 9, point 1: nothing is decompressed for a client."""
    reply = ann.post(f"{API}/entrance/execute", content=b"x", headers={"Content-Encoding": coding})
    assert reply.status_code == 415
    assert reply.json()["status"] == 1


@pytest.mark.parametrize(
    "word", ["utf-8", "UTF-8", "utf8", "identity", "", "gbk", "utf-8, identity"]
)
def test_a_word_that_is_no_coding_means_nothing(ann: httpx.Client, word: str) -> None:
    """Linkis section 9, point 1: Java clients call the character set a coding; it is ignored."""
    body = {"executeApplicationName": "shell", "runType": "shell", "executionCode": "true"}
    reply = ann.post(f"{API}/entrance/execute", json=body, headers={"Content-Encoding": word})
    assert (reply.status_code, reply.json()["status"]) == (200, 0)


@pytest.mark.parametrize(
    "data",
    [
        head("GET", "/healthz", host="evil.example"),
        head("GET", "/healthz", host=""),
        head("GET", "/healthz", "Host: 127.0.0.1"),
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\x00b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n folded: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\nX: y\r\n\r\n",
        b"GET /healthz HTTP/2.5\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET  /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        head("POST", "/healthz", "Content-Length: 1", "Transfer-Encoding: chunked"),
        head("POST", "/healthz", "Content-Length: 1", "Content-Length: 2"),
        head("POST", f"{API}/user/login", "Content-Length: -1"),
        head("POST", f"{API}/user/login", "Content-Length: x"),
        head("POST", f"{API}/user/login", "Transfer-Encoding: chunked") + b"zz\r\nx\r\n0\r\n\r\n",
        head("GET", "/..%2fetc"),
        head("GET", "/%2e%2e/etc"),
        head("GET", "/a/../etc"),
        head("GET", "/%00"),
        head("GET", "/%c0%ae"),
        head("GET", "/%zz"),
        head("GET", "/a%5cb"),
        head("GET", "http://127.0.0.1/healthz"),
        head("GET", "*"),
        head("CONNECT", "elsewhere:80"),
        head("GET", "/a\tb"),
        head("GET", "http://"),
        head("GET", "?"),
    ],
    ids=lambda data: repr(data)[2:50],
)
def test_a_malformed_request_is_400(gateway: Gateway, data: bytes) -> None:
    """What is wrong with the request itself is 400, as JSON, without a word of Sanic."""
    answer = exchanged(gateway.url, data)
    assert status_of(answer) == 400
    assert b"sanic" not in answer.lower()
    assert isinstance(json.loads(answer.partition(b"\r\n\r\n")[2]), dict)


@pytest.mark.parametrize(
    "data",
    [
        head("GET", "/healthz", "X: " + "y" * 20_000),
        head("GET", "/healthz", *(f"X{number}: y" for number in range(500))),
        head("GET", "/" + "a" * 20_000),
    ],
    ids=["long", "many", "path"],
)
def test_a_large_head_is_refused(gateway: Gateway, data: bytes) -> None:
    """A head beyond the limits is refused."""
    assert status_of(exchanged(gateway.url, data)) in {400, 413, 414, 431}


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "BREW"])
def test_other_methods_are_refused(ann: httpx.Client, method: str) -> None:
    """A path with another method is refused, and no reply lets other sites in."""
    reply = ann.request(method, f"{API}/entrance/execute")
    assert 400 <= reply.status_code < 500
    assert "access-control-allow-origin" not in reply.headers


def test_head_is_get_without_a_body(ann: httpx.Client) -> None:
    """HEAD has the head of GET and no body."""
    reply = ann.head(f"{API}/user/userInfo")
    assert reply.status_code == 200
    assert int(reply.headers["content-length"]) > 0
    assert not reply.content


def test_replies_carry_a_request_id(ann: httpx.Client) -> None:
    """A good request id comes back, and one that could do harm is replaced."""
    kept = ann.get("/healthz", headers={"X-Request-Id": "abc-1"})
    assert kept.headers["x-request-id"] == "abc-1"
    replaced = ann.get("/healthz", headers={"X-Request-Id": "a b\t" + "c" * 100})
    assert re.fullmatch(r"[0-9a-f]{16}", replaced.headers["x-request-id"])


def test_replies_are_not_kept_or_framed(ann: httpx.Client) -> None:
    """No reply is cached, sniffed or framed."""
    headers = ann.get(f"{API}/user/userInfo").headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_health_is_told_to_anybody(stranger: httpx.Client) -> None:
    """Life, readiness and counts need no credential and name nobody."""
    assert stranger.get("/healthz").json() == {"status": "alive"}
    assert stranger.get("/readyz").json() == {"status": "ready"}
    counts = stranger.get("/metrics")
    assert counts.headers["content-type"].startswith("text/plain")
    assert "narthex_requests_total" in counts.text
    assert "ann" not in re.findall(r'="(\w+)"', counts.text)
    assert stranger.post("/healthz").status_code == 405


def test_a_waiting_request_is_answered_when_the_line_comes(ann: httpx.Client) -> None:
    """A long poll ends with the first line, not with its time."""
    exec_id = execute(ann, "sleep 0.3; echo here; sleep 5").json()["data"]["execID"]
    reply = ann.get(
        f"{API}/entrance/{exec_id}/log", params={"format": "lines", "fromLine": 1, "wait": 20}
    )
    ann.post(f"{API}/entrance/{exec_id}/kill")
    assert reply.elapsed.total_seconds() < 4
    assert [line["text"] for line in reply.json()["data"]["lines"]] == ["here"]


def test_the_same_request_id_is_the_same_task(ann: httpx.Client) -> None:
    """A repeated submit finds its task, and another body under the same id is a conflict."""
    first = execute(ann, "echo once", requestId="again").json()["data"]["taskID"]
    second = execute(ann, "echo once", requestId="again").json()["data"]["taskID"]
    other = execute(ann, "echo twice", requestId="again")
    assert first == second
    assert other.status_code >= 400


def test_a_connection_is_used_again(gateway: Gateway) -> None:
    """Two requests on one connection, sent together, get two replies in order."""
    with closing(connected(gateway.url)) as connection:
        connection.sendall(head("GET", "/healthz") + head("GET", "/nothing", "Connection: close"))
        answer = b""
        while more := connection.recv(65_536):
            answer += more
    codes = re.findall(rb"HTTP/1.1 (\d+)", answer)
    assert codes == [b"200", b"404"]
