"""The files that a browser loads: these and no others, with what browsers need to keep them."""

import re
from importlib.resources import files
from pathlib import Path

import httpx
import pytest

from gateway.transport.static_files import StaticFiles
from tests.gateway.transport.raw import exchanged, head, status_of
from tests.support.gateway import Gateway

CLIENT = files("gateway").joinpath("client/js")


@pytest.mark.parametrize(
    ("path", "name", "kind"),
    [
        ("/client.js", "narthex.js", "text/javascript; charset=utf-8"),
        ("/client.d.ts", "narthex.d.ts", "text/plain; charset=utf-8"),
    ],
)
def test_a_stranger_gets_the_client(gateway: Gateway, path: str, name: str, kind: str) -> None:
    """The file comes to the byte, with its type, and nothing in it may be taken for another."""
    reply = httpx.get(f"{gateway.url}{path}")
    assert reply.status_code == 200
    assert reply.content == CLIENT.joinpath(name).read_bytes()
    assert reply.headers["content-type"] == kind
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-cache"
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_a_kept_copy_costs_no_body(gateway: Gateway, form: str) -> None:
    """Who names the content that it has is told that it is still the same."""
    with httpx.Client(base_url=gateway.url) as client:
        etag = client.get("/client.js").headers["etag"]
        same = client.get("/client.js", headers={"If-None-Match": form.format(etag)})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
        assert client.get("/client.js", headers={"If-None-Match": '"other"'}).status_code == 200
        assert client.get("/healthz").status_code == 200


def test_the_head_alone(gateway: Gateway) -> None:
    """HEAD tells the length and has no body; other methods are refused."""
    reply = httpx.head(f"{gateway.url}/client.js")
    whole = httpx.get(f"{gateway.url}/client.js")
    assert (reply.status_code, reply.content) == (200, b"")
    assert reply.headers["etag"] == whole.headers["etag"]
    refused = httpx.post(f"{gateway.url}/client.js", json={})
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path",
    [
        "/client.js/",
        "/client.js/x",
        "/client",
        "/client/",
        "/client/js/narthex.js",
        "/narthex.js",
        "/CLIENT.JS",
        "/client.js%00",
        "/../client.js",
        "/..%2f..%2fetc%2fpasswd",
        "/client.js/../transport/http.py",
    ],
)
def test_nothing_else_is_a_file(gateway: Gateway, path: str) -> None:
    """No other spelling and no other path leads to a file of the machine."""
    reply = exchanged(gateway.url, head("GET", path, "Connection: close"))
    assert status_of(reply) in {200, 400, 401, 404}
    if status_of(reply) == 200:
        # Dots are taken out of a path before anybody looks at it.
        assert CLIENT.joinpath("narthex.js").read_bytes() in reply
    assert b"root:" not in reply


def test_every_file_is_there() -> None:
    """All files of the allow-list are read at the start."""
    static = StaticFiles()
    assert static.knows("GET", "/client.js", {})
    assert not static.knows("GET", f"/{Path(__file__).name}", {})


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def test_a_browser_gets_the_console(gateway: Gateway) -> None:
    """Who asks for HTML at the root gets a page that can run no code but the gateway's own."""
    with httpx.Client(base_url=gateway.url, headers=BROWSER) as client:
        page = client.get("/")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert page.headers["vary"] == "accept"
        assert not re.search(r"<style|\bon\w+=|style=|javascript:", page.text)
        assert re.findall(r"<script[^>]*>(.*?)</script>", page.text, re.DOTALL) == [""]
        for name in re.findall(r'(?:src|href)="(\w[\w./]+)"', page.text):
            assert client.get(f"/{name}").status_code == 200
        kept = client.get("/", headers={"If-None-Match": page.headers["etag"]})
        assert kept.status_code == 304
        assert client.head("/").status_code == 200


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/htmlx", ""])
def test_everybody_else_is_answered_as_before(gateway: Gateway, accept: str) -> None:
    """A program that asks for the root is told by a dialect that nothing is there."""
    reply = httpx.get(f"{gateway.url}/", headers={"Accept": accept})
    assert reply.status_code == 404
    assert isinstance(reply.json(), dict)
    assert httpx.post(f"{gateway.url}/", headers=BROWSER).status_code in {404, 405}
